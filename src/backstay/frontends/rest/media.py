"""Media types: the Accept header -> Format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from backstay.dialects.dialect import Explaining
from backstay.errors import NotAcceptable


class Media(Enum):
    """A form in which rows are answered, by its media type."""

    JSON = "application/json"
    OBJECT = "application/vnd.pgrst.object+json"
    ARRAY = "application/vnd.pgrst.array+json"
    CSV = "text/csv"
    LINES = "application/x-ndjson"


_OWN: Final = "application/vnd.pgrst."
_OFFERED: Final = {
    "application/json": Media.JSON,
    "application/*": Media.JSON,
    "*/*": Media.JSON,
    "application/vnd.pgrst.object+json": Media.OBJECT,
    "application/vnd.pgrst.object": Media.OBJECT,
    "application/vnd.pgrst.array+json": Media.ARRAY,
    "application/vnd.pgrst.array": Media.ARRAY,
    "text/csv": Media.CSV,
    "application/x-ndjson": Media.LINES,
}


_PLAN: Final = "application/vnd.pgrst.plan"
_PLANS: Final = (_PLAN, f"{_PLAN}+text", f"{_PLAN}+json")
_OPTIONS: Final = ("analyze", "verbose", "settings", "buffers", "wal")


@dataclass(frozen=True, slots=True)
class Format:
    """The form of an answer.

    Arguments:
        media: the form of rows; None where the caller accepts none that Backstay makes of rows.
        stripped: whether keys whose value is null are left out.
        accepted: the media types the caller takes, best first; a function may answer with another than those above.
        explaining: the plan is asked for by which rows of this form would be answered; None: the rows themselves.
    """

    media: Media | None = Media.JSON
    stripped: bool = False
    accepted: tuple[str, ...] = ("*/*",)
    explaining: Explaining | None = None

    @property
    def singular(self) -> bool:
        """Whether exactly one row is asked for, as an object."""
        return self.media is Media.OBJECT

    @property
    def content_type(self) -> str:
        """The Content-Type of an answer in this form."""
        return f"{self.mime if self.explaining is None else _plan_mime(self.mime, self.explaining)}; charset=utf-8"

    @property
    def mime(self) -> str:
        """The media type of rows in this form."""
        name = (self.media or Media.JSON).value
        return f"{name};nulls=stripped" if self.stripped else name

    @property
    def preferred(self) -> tuple[str, ...]:
        """The media types before the one that is answered in, and that one, unless it is PostgREST's own."""
        first = next((place for place, each in enumerate(self.accepted) if each in _OFFERED), len(self.accepted))
        return tuple(each for each in self.accepted[: first + 1] if not each.startswith(_OWN))

    def accepts(self, media: str) -> bool:
        """Whether the caller takes an answer of another media type."""
        essence = media.partition(";")[0].strip().lower()
        kind = essence.partition("/")[0]
        return any(each in (essence, f"{kind}/*", "*/*") for each in self.accepted)


ANY: Final = Format()


def read_accept(header: str | None, *, plans: bool = False) -> Format:
    """The format that an Accept header asks for: the first, by preference, that there is.

    Arguments:
        header: its value; None where there is none.
        plans: whether callers may see the plans of their queries (``plan_media``).
    """
    if not header:
        return ANY
    return _remembered(header, plans) if len(header) <= 256 else _read(header, plans)


def verify_format(form: Format) -> None:
    """NotAcceptable where the caller accepts no form of rows."""
    if form.media is None:
        raise unacceptable(form)


def unacceptable(form: Format) -> NotAcceptable:
    """The answer to a caller who accepts nothing that can be made."""
    return NotAcceptable(f"None of these media types are available: {', '.join(form.accepted)}")


def accept_either(form: Format, *media: str) -> None:
    """NotAcceptable where the caller accepts none of these media types."""
    if not any(form.accepts(each) for each in media):
        raise unacceptable(form)


@lru_cache(maxsize=256)
def _remembered(header: str, plans: bool) -> Format:
    return _read(header, plans)


def _read(header: str, plans: bool) -> Format:
    ranked = sorted(filter(None, map(_range, header.split(","))), key=lambda each: each[:2])
    accepted = tuple(_told(essence, parameters) for _, _, essence, parameters in ranked)
    for _, _, essence, parameters in ranked:
        explaining = _explaining(essence, parameters)
        if explaining is not None and not plans:
            continue
        form = _form(essence, parameters) if explaining is None else _form(*_rows_of(parameters))
        if form is not None:
            return Format(form.media, form.stripped, accepted, explaining)
    return Format(None, False, accepted) if accepted else ANY


def _form(essence: str, parameters: Sequence[str]) -> Format | None:
    """The form of rows that a media range asks for, if there is one."""
    media = _OFFERED.get(essence)
    if media is None:
        return None
    stripped = "nulls=stripped" in parameters and media in (Media.OBJECT, Media.ARRAY)
    return Format(Media.JSON if media is Media.ARRAY and not stripped else media, stripped)


# Plans -------------------------------------------------------------------------------------------------------


def _explaining(essence: str, parameters: Sequence[str]) -> Explaining | None:
    if essence not in _PLANS:
        return None
    asked = next((each[len("options=") :].split("|") for each in parameters if each.startswith("options=")), [])
    return Explaining(tuple(option for option in _OPTIONS if option in asked), document=essence.endswith("+json"))


def _rows_of(parameters: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The media type of the rows whose plan is asked for, and its parameters."""
    named = next((each[len("for=") :].strip('"') for each in parameters if each.startswith("for=")), Media.JSON.value)
    essence, *rest = (each.strip() for each in named.split(";"))
    return essence, tuple(rest)


def _told(essence: str, parameters: Sequence[str]) -> str:
    """What an error calls a media type."""
    explaining = _explaining(essence, parameters)
    return essence if explaining is None else _plan_mime(_rows_of(parameters)[0], explaining)


def _plan_mime(mime: str, explaining: Explaining) -> str:
    options = f"; options={'|'.join(explaining.options)}" if explaining.options else ""
    return f'{_PLAN}+{"json" if explaining.document else "text"}; for="{mime}"{options}'


# One media range ---------------------------------------------------------------------------------------------


def _range(part: str) -> tuple[float, int, str, tuple[str, ...]] | None:
    """One media range: its rank (lower is better), how vague it is, its type and its parameters."""
    essence, *parameters = (each.strip().lower() for each in part.split(";"))
    quality = next((_quality(each[2:]) for each in parameters if each.startswith("q=")), 1.0)
    vague = essence.count("*") - sum(not each.startswith("q=") for each in parameters)
    return (-quality, vague, essence, tuple(parameters)) if essence and quality > 0 else None


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 1.0
    return quality if 0 <= quality <= 1 else 1.0
