"""Settings that change what the wire shows."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.errors import DeclarationError
from behaviour.door import Door
from fixtures import gallery


def opened(url: str, **settings: Any) -> Door:
    """The gallery with other settings."""
    app = gallery.build(url)
    app.configure(**settings)
    return Door(app, gallery.fill)


def test_errors_may_tell_code_and_message_alone(database_url: str) -> None:
    with opened(database_url, error_verbosity="minimal") as art:
        for answer in (
            art.ask("POST", "/styles", {"id": 1, "name": "there already"}),
            art.get("/paintings?select=artists(id)"),
            art.get("/styles", authorization="Bearer nonsense"),
            art.get("/nowhere/at/all"),
        ):
            assert answer.json.keys() == {"code", "message"}
            assert answer.headers["proxy-status"] == f"PostgREST; error={answer.code}"


def test_verbosity_is_one_of_two() -> None:
    with pytest.raises(DeclarationError, match="error_verbosity: 'loud' is neither verbose nor minimal"):
        opened("sqlite://", error_verbosity="loud").app.assembly  # noqa: B018
