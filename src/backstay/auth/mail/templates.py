"""Templates: letters become mails. Those of the package, or of a folder of the application's own.

Each kind of mail has two: ``recovery.txt``, whose first line is ``Subject: ...``, and ``recovery.html``, which extends
``layout.html``. A text to a phone has ``sms.txt``. A file in the application's folder goes before the package's.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backstay.auth.mail.letter import VARIABLES, Letter
from backstay.errors import DeclarationError
from backstay.schema.post.mail import KINDS, Mail

if TYPE_CHECKING:
    from backstay.auth.mail.sandbox import Sandbox

_OURS: Final = Path(__file__).with_name("templates")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+\.(?:html|txt|subject)")
_SUBJECT: Final = re.compile(r"Subject:[ \t]*([^\n]*)\n\s*")
_NAMES: Final = ("layout.html", "sms.txt", *(f"{kind}.{end}" for kind in KINDS for end in ("txt", "html")))


class Templates:
    """The words of mails and texts.

    Arguments:
        site_name: what the application is called in them.
        site_url: where its users find it.
        folder: the application's own templates; None: it has none.
    """

    def __init__(self, *, site_name: str, site_url: str, folder: Path | None = None) -> None:
        self._always = {"site_name": site_name, "site_url": site_url}
        self._folder = folder
        self._folders = (_OURS,) if folder is None else (folder, _OURS)
        self._lock = threading.Lock()

    def write(self, letter: Letter) -> Mail:
        """Put a letter into words.

        Raises:
            Undeliverable: the address is none, or the words made of the subject more than one line.
            jinja2.TemplateError: a template of the application's own is wrong.
        """
        words = {**self._always, **letter.variables()}
        return Mail(
            kind=letter.kind,
            to=letter.to,
            subject=self._render(f"{letter.kind}.subject", words).strip(" "),
            text=self._render(f"{letter.kind}.txt", words),
            html=self._render(f"{letter.kind}.html", words),
            link=letter.link,
            code=letter.code,
        )

    def write_text(self, code: str, *, minutes: int) -> str:
        """The text that brings a code to a phone."""
        return self._render("sms.txt", {**self._always, "token": code, "minutes": minutes}).strip()

    def check(self) -> None:
        """Read the application's own templates.

        Raises:
            DeclarationError: naming everything that is wrong with them.
        """
        if self._folder is None:
            return
        if not self._folder.is_dir():
            raise DeclarationError(f"mail_templates: there is no folder {str(self._folder)!r}.")
        problems: list[str] = []
        used: set[str] = set()
        own = sorted(path.name for path in self._folder.iterdir() if path.suffix in (".html", ".txt"))
        for name in own:
            used |= self._check(name, problems)
        for name in own:
            if name not in _NAMES and name not in used:
                close = get_close_matches(name, _NAMES, 1)
                problems.append(f"{name} is no mail's" + (f"; is it {close[0]}?" if close else ""))
        if problems:
            raise DeclarationError("\n".join(f"mail_templates: {problem}" for problem in problems))

    def _check(self, name: str, problems: list[str]) -> set[str]:
        """Note what is wrong with a file; the names of the templates that it uses."""
        from jinja2 import TemplateError, meta

        used: set[str] = set()
        for part in (name, name.replace(".txt", ".subject")) if name.removesuffix(".txt") in KINDS else (name,):
            try:
                self._sandbox.get_template(part)
                tree = self._sandbox.parse(self._read(part) or "")
            except TemplateError as error:
                problems.append(f"{name}: {error}")
                return used
            if part.endswith(".subject") and not self._read(part):
                problems.append(f"{name}: its first line must be its subject: 'Subject: ...'")
            unknown = sorted(meta.find_undeclared_variables(tree) - VARIABLES)
            problems.extend(f"{name}: there is no variable {each!r}" for each in unknown)
            used |= {found for found in meta.find_referenced_templates(tree) if found is not None}
        return used

    def _render(self, name: str, words: dict[str, Any]) -> str:
        with self._lock:  # two threads must not both make the sandbox
            sandbox = self._sandbox
        return sandbox.get_template(name).render(words)

    @cached_property
    def _sandbox(self) -> Sandbox:
        # Jinja is loaded for the first mail: most processes send none.
        from backstay.auth.mail.sandbox import Sandbox

        return Sandbox(self._load)

    def _load(self, name: str) -> tuple[str, str | None, Callable[[], bool]] | None:
        """A template as Jinja's loaders give it: its text, its file, and whether it is still the same."""
        text, seen = self._read(name), self._look(name)
        return None if text is None else (text, None, lambda: self._look(name) == seen)

    def _look(self, name: str) -> tuple[Path, int] | None:
        """The file of a template, and when it was changed last."""
        file = name.replace(".subject", ".txt")
        path = next((each for folder in self._folders if (each := folder / file).is_file()), None)
        return None if path is None else (path, path.stat().st_mtime_ns)

    def _read(self, name: str) -> str | None:
        """A template's text. A file of plain text is two: its subject, and what follows."""
        found = self._look(name) if _NAME.fullmatch(name) else None
        if found is None:
            return None
        text = found[0].read_text(encoding="utf-8").replace("\r\n", "\n")
        subject = _SUBJECT.match(text)
        if name.endswith(".subject"):
            return "" if subject is None else subject[1]
        return text if subject is None else text[subject.end() :]
