"""Media types: the Accept header -> Format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from backstay.errors import NotAcceptable


class Media(Enum):
    """A form in which rows are answered, by its media type."""

    JSON = "application/json"
    OBJECT = "application/vnd.pgrst.object+json"
    ARRAY = "application/vnd.pgrst.array+json"
    CSV = "text/csv"


_OFFERED: Final = {
    "application/json": Media.JSON,
    "application/*": Media.JSON,
    "*/*": Media.JSON,
    "application/vnd.pgrst.object+json": Media.OBJECT,
    "application/vnd.pgrst.object": Media.OBJECT,
    "application/vnd.pgrst.array+json": Media.ARRAY,
    "application/vnd.pgrst.array": Media.ARRAY,
    "text/csv": Media.CSV,
}


@dataclass(frozen=True, slots=True)
class Format:
    """The form of an answer.

    Arguments:
        media: the form of rows; None where the caller accepts none that Backstay makes of rows.
        stripped: whether keys whose value is null are left out.
        accepted: the media types the caller takes, best first; a function may answer with another than those above.
    """

    media: Media | None = Media.JSON
    stripped: bool = False
    accepted: tuple[str, ...] = ("*/*",)

    @property
    def singular(self) -> bool:
        """Whether exactly one row is asked for, as an object."""
        return self.media is Media.OBJECT

    @property
    def content_type(self) -> str:
        """The Content-Type of an answer in this form."""
        name = (self.media or Media.JSON).value
        return f"{name}{';nulls=stripped' if self.stripped else ''}; charset=utf-8"

    def accepts(self, media: str) -> bool:
        """Whether the caller takes an answer of another media type."""
        essence = media.partition(";")[0].strip().lower()
        kind = essence.partition("/")[0]
        return any(each in (essence, f"{kind}/*", "*/*") for each in self.accepted)


ANY: Final = Format()


def read_accept(header: str | None) -> Format:
    """The format that an Accept header asks for: the first, by preference, that there is."""
    if not header:
        return ANY
    return _remembered(header) if len(header) <= 256 else _read(header)


def verify_format(form: Format) -> None:
    """NotAcceptable where the caller accepts no form of rows."""
    if form.media is None:
        raise NotAcceptable(f"None of these media types are available: {', '.join(form.accepted)}")


def accept_either(form: Format, *media: str) -> None:
    """NotAcceptable where the caller accepts none of these media types."""
    if not any(form.accepts(each) for each in media):
        raise NotAcceptable(f"None of these media types are available: {', '.join(form.accepted)}")


@lru_cache(maxsize=256)
def _remembered(header: str) -> Format:
    return _read(header)


def _read(header: str) -> Format:
    ranked = sorted(filter(None, map(_range, header.split(","))), key=lambda each: each[:2])
    accepted = tuple(essence for _, _, essence, _ in ranked)
    for _, _, essence, parameters in ranked:
        media = _OFFERED.get(essence)
        if media is not None:
            stripped = "nulls=stripped" in parameters and media in (Media.OBJECT, Media.ARRAY)
            plain = media is Media.ARRAY and not stripped
            return Format(Media.JSON if plain else media, stripped, accepted)
    return Format(None, False, accepted) if accepted else ANY


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
