"""The parts of commands that need no database: claims, masks, keys, lines to paste, the watch."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from backstay import Auth, AuthUser, Backstay, anyone, signed_in
from backstay.auth.keys import Keys, read_keys
from backstay.auth.signing import read_signer
from backstay.auth.signing.key import only_one
from backstay.auth.token import verify
from backstay.cli import main
from backstay.cli.claims import read_claims
from backstay.cli.config import mask
from backstay.cli.dev.greet import choose_resource, curl_line, javascript_line
from backstay.cli.dev.remember import PLACE, remember_keys
from backstay.cli.dev.watch import look
from backstay.cli.load import Loaded
from backstay.cli.plan import read_caller
from backstay.errors import DeclarationError
from backstay.schema.caller import ANONYMOUS, SERVICE, Role
from backstay.settings import Settings

APP = "from backstay import Backstay\napp = Backstay('sqlite:///x.db')\n"


# Words of the command line ---------------------------------------------------------------------------------------


def test_claims_are_json_where_they_are_json() -> None:
    assert read_claims(["org=7", "name=Ada L.", "tags=[1]", "eq=a=b", 'text="7"', "empty="]) == {
        "org": 7,
        "name": "Ada L.",
        "tags": [1],
        "eq": "a=b",
        "text": "7",
        "empty": "",
    }


@pytest.mark.parametrize("word", ["org", "=7", ""])
def test_a_claim_without_name_or_value_is_refused(word: str) -> None:
    with pytest.raises(DeclarationError):
        read_claims([word])


def test_as_names_a_caller() -> None:
    assert read_caller("anon", []) is ANONYMOUS
    assert read_caller("service_role", []) is SERVICE
    user = read_caller("7", ["org=1"])
    assert (user.id, user.role, user.claims["org"], user.claims["sub"]) == ("7", Role.AUTHENTICATED, 1, "7")


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("", ""),
        ("sb_secret_abc", "set"),
        ("sqlite:///notes.db", "sqlite:///notes.db"),
        ("postgresql://app@db/notes", "postgresql://app@db/notes"),
        ("postgresql://app:s3cret@db:5432/notes", "postgresql://app:***@db:5432/notes"),
        ("postgresql://app:s3:c@ret@db/notes", "postgresql://app:***@db/notes"),
        ("postgresql://db/notes?user=a&password=s3cret&ssl=on", "postgresql://db/notes?user=a&password=***&ssl=on"),
    ],
)
def test_a_secret_is_masked(secret: str, shown: str) -> None:
    assert mask(secret) == shown


def test_wrong_use_is_told_from_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--bogus"]) == 2
    assert main(["nonsense"]) == 2
    assert main(["check", "surely-not-there.py"]) == 1
    assert main(["keys", "new"]) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        *([name] for name in ("dev", "serve", "check", "plan", "schema", "inspect", "config")),
        *(["migrate", name] for name in ("new", "apply", "status", "history")),
        *(["keys", name] for name in ("new", "show", "token", "rotate", "list")),
    ],
    ids=" ".join,
)
def test_every_command_s_help_has_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert f"Example: backstay {' '.join(command)}" in text
    assert "Usage: backstay" in text


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from backstay.cli import main; main(['--help']); "
        "heavy = {'sqlalchemy', 'alembic', 'apsw', 'asyncpg', 'granian', 'starlette', 'cryptography'}; "
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


# Keys ------------------------------------------------------------------------------------------------------------


def loaded(folder: Path, app: Backstay | None = None) -> Loaded:
    return Loaded(app or Backstay("sqlite:///x.db"), "x", "x.py", folder / "x.py")


def test_keys_are_made_once_and_remembered(tmp_path: Path) -> None:
    first, second = loaded(tmp_path), loaded(tmp_path)
    remember_keys(first)
    remember_keys(second)
    assert first.app.settings == second.app.settings
    assert first.app.settings.publishable_key.startswith("sb_publishable_")
    assert isinstance(read_keys(first.app.settings), Keys)


def test_keys_are_for_their_owner_s_eyes(tmp_path: Path) -> None:
    remember_keys(loaded(tmp_path))
    assert stat.S_IMODE((tmp_path / PLACE).stat().st_mode) == 0o600
    assert (tmp_path / PLACE.parent / ".gitignore").read_text() == "*\n"


def test_keys_of_the_settings_are_kept(tmp_path: Path) -> None:
    app = Backstay("sqlite:///x.db")
    app.configure(secret_key="sb_secret_mine", jwt_secret="x" * 32)
    remember_keys(loaded(tmp_path, app))
    assert (app.settings.secret_key, app.settings.jwt_secret) == ("sb_secret_mine", "x" * 32)
    assert "sb_secret_mine" not in (tmp_path / PLACE).read_text()


def test_an_application_with_another_issuer_gets_no_secret_of_its_own(tmp_path: Path) -> None:
    app = Backstay("sqlite:///x.db")
    app.configure(jwks="keys.json")
    remember_keys(loaded(tmp_path, app))
    assert app.settings.jwt_secret == ""


def test_a_broken_file_of_keys_is_said(tmp_path: Path) -> None:
    (tmp_path / PLACE).parent.mkdir()
    (tmp_path / PLACE).write_text("= nonsense")
    with pytest.raises(DeclarationError, match=r"dev\.toml"):
        remember_keys(loaded(tmp_path))


def test_a_token_is_what_the_server_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "shop_token.py"
    file.write_text(APP)
    assert main(["keys", "token", str(file), "--sub", "7", "--claim", "org=1", "--claim", "team=blue"]) == 0
    token = capsys.readouterr().out.strip()
    app = loaded(tmp_path)
    remember_keys(app)
    claims = verify(token, read_keys(app.app.settings), now=time.time())
    assert {name: claims[name] for name in ("sub", "role", "org", "team")} == {
        "sub": "7",
        "role": "authenticated",
        "org": 1,
        "team": "blue",
    }


def test_a_user_s_token_needs_a_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "token"]) == 1
    assert "needs the user's id" in capsys.readouterr().err


@pytest.fixture
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without settings."""
    monkeypatch.chdir(tmp_path)
    for name in ("BACKSTAY_CONFIG", "BACKSTAY_SIGNING_KEYS"):
        # Set first, so that what a command puts there is taken away in the end.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return tmp_path


def test_signing_keys_are_made_rotated_and_listed(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "rotate"]) == 0
    file = apart / "signing-keys.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "BACKSTAY_SIGNING_KEYS=signing-keys.json" in capsys.readouterr().out
    assert main(["keys", "rotate", "--algorithm", "EdDSA"]) == 0
    capsys.readouterr()
    assert main(["keys", "list"]) == 0
    new, old = capsys.readouterr().out.splitlines()
    assert "EdDSA  signs from 20" in new
    assert "ES256  signs, verifies until 20" in old
    assert main(["keys", "rotate", "--now"]) == 0
    (only,) = [line for line in capsys.readouterr().out.splitlines() if "ES256" in line or "EdDSA" in line]
    assert only.endswith("signs")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who waits for a lock")
@pytest.mark.parametrize("exists", [False, True])
def test_of_two_rotations_at_once_one_makes_a_key(apart: Path, exists: bool) -> None:
    if exists:
        main(["keys", "rotate"])
    results = rotate_at_once(apart)
    assert sorted("meanwhile" in said for said, _ in results) == [False, True]
    assert {status for _, status in results} == {0}
    assert len(signing_keys(apart)) == (2 if exists else 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who waits for a lock")
def test_keys_in_wrong_hands_go_also_where_a_rotation_came_first(apart: Path) -> None:
    main(["keys", "rotate"])
    (stolen,) = signing_keys(apart)
    rotate_at_once(apart, (), ("--now",))
    kept = signing_keys(apart)
    assert [key for key in kept if key["kid"] != stolen["kid"]]
    assert stolen["kid"] not in [key["kid"] for key in kept]


def rotate_at_once(folder: Path, *words: tuple[str, ...]) -> list[tuple[str, int]]:
    """Rotate the keys of a folder by processes that all have read them before the first one may go on."""
    command = [sys.executable, "-m", "backstay.cli", "keys", "rotate"]
    with only_one(folder / "signing-keys.json"):
        inode = (folder / ".signing-keys.json.lock").stat().st_ino
        started = [
            subprocess.Popen([*command, *each], cwd=folder, stdout=subprocess.PIPE, text=True)
            for each in words or ((), ())
        ]
        while sum(f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines()) < len(started) + 1:
            assert all(each.poll() is None for each in started)
            time.sleep(0.02)
    return [(each.communicate(timeout=100)[0], each.returncode) for each in started]


def signing_keys(folder: Path) -> list[dict[str, object]]:
    """The keys in a folder."""
    found: list[dict[str, object]] = json.loads((folder / "signing-keys.json").read_text())["keys"]
    return found


def test_the_file_of_signing_keys_is_the_setting_s(
    apart: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (apart / "backstay.toml").write_text('signing_keys = "those.json"')
    assert main(["keys", "rotate"]) == 0
    assert (apart / "those.json").exists()
    assert main(["keys", "rotate", "others.json"]) == 0
    assert (apart / "others.json").exists()
    monkeypatch.setenv("BACKSTAY_SIGNING_KEYS", (apart / "those.json").read_text())
    assert main(["keys", "list"]) == 1
    assert "Name a file" in capsys.readouterr().err


@pytest.mark.invariant("I24")
def test_the_commands_for_signing_keys_show_no_key(apart: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["keys", "rotate"])
    secret = json.loads((apart / "signing-keys.json").read_text())["keys"][0]["d"]
    for words in (["rotate"], ["list"], ["rotate", "--algorithm", "none"], ["rotate", "--now"]):
        main(["keys", *words])
    (apart / "signing-keys.json").write_text((apart / "signing-keys.json").read_text()[:-9])
    assert main(["keys", "list"]) == main(["keys", "rotate"]) == 1
    shown = capfd.readouterr()
    assert secret not in shown.out + shown.err


def test_a_token_is_signed_by_the_signing_keys(apart: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = apart / "shop_signing.py"
    file.write_text(APP)
    main(["keys", "rotate"])
    (apart / "backstay.toml").write_text('signing_keys = "signing-keys.json"')
    capsys.readouterr()
    assert main(["keys", "token", str(file), "--sub", "7"]) == 0
    token = capsys.readouterr().out.strip()
    settings = Settings(signing_keys=str(apart / "signing-keys.json"))
    assert verify(token, read_signer(settings).complete(read_keys(settings)), now=time.time())["sub"] == "7"


# Lines to paste -----------------------------------------------------------------------------------------------------


def test_a_curl_line_is_one_command() -> None:
    line = curl_line("http://127.0.0.1:8000", "sb_publishable_x", "notes?select=*&text=eq.it's", token="t.o.k")
    assert shlex.split(line) == [
        "curl",
        "http://127.0.0.1:8000/rest/v1/notes?select=*&text=eq.it's",
        "-H",
        "apikey: sb_publishable_x",
        "-H",
        "Authorization: Bearer t.o.k",
    ]


def test_a_javascript_line_is_one_command() -> None:
    words = shlex.split(javascript_line("http://127.0.0.1:8000", "sb_publishable_x", 'from("notes").select()'))
    assert words[:3] == ["node", "--input-type=module", "-e"]
    assert 'createClient("http://127.0.0.1:8000", "sb_publishable_x").from("notes").select()' in words[3]


def test_what_is_tried_is_what_everybody_may_see() -> None:
    class Base(DeclarativeBase): ...

    class User(AuthUser, Base):
        __tablename__ = "users"

    class Place(Base):
        __tablename__ = "places"
        id: Mapped[int] = mapped_column(primary_key=True)

    app = Backstay("sqlite:///x.db", auth=Auth(User))
    app.configure(publishable_key="public", secret_key="secret")
    assert choose_resource(app) is None
    app.resource(User, select=signed_in)
    assert choose_resource(app) == ("users", "secret")
    app.resource(Place, select=anyone)
    assert choose_resource(app) == ("places", "public")


# The watch ----------------------------------------------------------------------------------------------------


def test_python_files_and_settings_are_watched(tmp_path: Path) -> None:
    for name in ("a.py", "deep/b.py", "backstay.toml", "notes.db", ".git/c.py", "node_modules/d.py", "venv/lib/e.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert {str(path.relative_to(tmp_path)) for path in look(tmp_path)} == {"a.py", "deep/b.py", "backstay.toml"}


def test_a_change_of_the_same_length_is_seen(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("x = 1")
    before = look(tmp_path)
    file.write_text("x = 2")
    status = file.stat()
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert look(tmp_path) != before
