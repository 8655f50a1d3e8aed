"""No method of the clients is left out: whatever one has that tests do not call is found here."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from supabase_auth import AsyncGoTrueClient
from supabase_auth._async.gotrue_admin_api import AsyncGoTrueAdminAPI
from supabase_auth._async.gotrue_admin_mfa_api import AsyncGoTrueAdminMFAAPI
from supabase_auth._async.gotrue_admin_oauth_api import AsyncGoTrueAdminOAuthAPI
from supabase_auth._async.gotrue_mfa_api import AsyncGoTrueMFAAPI

from compliance.install import JAVASCRIPT

HERE = Path(__file__).parent
DECLARED = JAVASCRIPT / "node_modules" / "@supabase" / "auth-js" / "dist" / "main"
# These ask a server for nothing; the last two of Python are what ``initialize`` does.
LOCAL_IN_JS = {"constructor", "dispose", "initialize", "isThrowOnErrorEnabled"}
LOCAL_IN_PYTHON = {"close", "initialize_from_storage", "initialize_from_url"}
_METHOD = re.compile(r"^    ([a-z]\w*)\(", re.MULTILINE)
_INTERFACE = re.compile(r"^export interface (?:GoTrue|Auth)\w*Api \{(.*?)^\}", re.MULTILINE | re.DOTALL)


def methods_in_js() -> Iterator[str]:
    """The public methods of auth-js, as its types declare them."""
    for name in ("GoTrueClient", "GoTrueAdminApi"):
        yield from _METHOD.findall((DECLARED / f"{name}.d.ts").read_text(encoding="utf-8"))
    for body in _INTERFACE.findall((DECLARED / "lib" / "types.d.ts").read_text(encoding="utf-8")):
        yield from _METHOD.findall(body)


def methods_in_python() -> Iterator[str]:
    """The public methods of supabase_auth."""
    for kind in (
        *(AsyncGoTrueClient, AsyncGoTrueMFAAPI),
        *(AsyncGoTrueAdminAPI, AsyncGoTrueAdminMFAAPI, AsyncGoTrueAdminOAuthAPI),
    ):
        yield from (name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_"))


def left_out(methods: Iterable[str], sources: Iterable[Path]) -> set[str]:
    """The methods that no source calls."""
    texts = [path.read_text(encoding="utf-8") for path in sources]
    return {name for name in methods if not any(re.search(rf"[.\"]{name}\b", text) for text in texts)}


def test_every_method_of_auth_js_is_called(node: str) -> None:
    methods = set(methods_in_js())
    assert {"signUp", "listGrants", "regenerateClientSecret", "deletePasskey"} <= methods and len(methods) > 60
    sources = [path for folder in ("auth", "granting", "login") for path in (JAVASCRIPT / folder).rglob("*.mjs")]
    # A browser has to be one for passkeys.
    sources.append(HERE.parent / "test_passkeys.py")
    assert left_out(methods, sources) == LOCAL_IN_JS


def test_every_method_of_supabase_auth_is_called() -> None:
    methods = set(methods_in_python())
    assert {"sign_up", "link_identity", "regenerate_client_secret"} <= methods and len(methods) > 40
    assert left_out(methods, set(HERE.glob("test_*.py")) - {Path(__file__)}) == LOCAL_IN_PYTHON
