"""The pages' templates and style: those of the package, or of a folder of the application's own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from backstay.auth.mail.sandbox import Sandbox

_OURS: Final = Path(__file__).with_name("templates")
_NAME: Final = re.compile(r"[a-z_-]{1,40}\.(?:html|css|js)")
FILES: Final = {"style.css": "text/css", "theme.css": "text/css", "keys.js": "text/javascript"}
"""What pages load: their style, what an application changes of it, and the script that asks browsers for keys."""


class Templates:
    """What pages are made of. A file in the application's folder goes before the package's of the same name.

    Arguments:
        site_name: what the application is called.
        folder: of the application's own; None: it has none.
    """

    def __init__(self, *, site_name: str, folder: Path | None = None) -> None:
        self._site_name = site_name
        self._folders = (_OURS,) if folder is None else (folder, _OURS)
        self._sandbox = Sandbox(self._load)

    def render(self, name: str, words: Mapping[str, Any]) -> str:
        """A page as HTML.

        Arguments:
            name: of the page, such as ``sign-in``.
            words: what it says.
        """
        return self._sandbox.get_template(f"{name}.html").render({"site_name": self._site_name, **words})

    def read(self, name: str) -> str | None:
        """The text of a file; None where there is none."""
        found = self._look(name)
        return None if found is None else found[0].read_text(encoding="utf-8")

    def _load(self, name: str) -> tuple[str, str | None, Callable[[], bool]] | None:
        """A template as Jinja's loaders give it: its text, its file, and whether it is still the same."""
        text, seen = self.read(name), self._look(name)
        return None if text is None else (text, None, lambda: self._look(name) == seen)

    def _look(self, name: str) -> tuple[Path, int] | None:
        """A file, and when it was changed last."""
        if not _NAME.fullmatch(name):
            return None
        path = next((each for folder in self._folders if (each := folder / name).is_file()), None)
        return None if path is None else (path, path.stat().st_mtime_ns)
