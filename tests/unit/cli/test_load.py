"""Finding and loading the application that a command is about."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from backstay import Backstay
from backstay.cli.load import CHOSEN, Loaded, choose, load, locate
from backstay.errors import DeclarationError

APP = "from backstay import Backstay\napp = Backstay('sqlite:///x.db')\n"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, and an interpreter that forgets what is loaded from it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(CHOSEN, raising=False)
    monkeypatch.delenv("BACKSTAY_CONFIG", raising=False)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    os.environ.pop("BACKSTAY_CONFIG", None)


def write(name: str, text: str) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def refusal(target: str | None) -> DeclarationError:
    with pytest.raises(DeclarationError) as raised:
        load(target)
    return raised.value


def test_a_file_is_loaded(place: Path) -> None:
    write("shop_a.py", APP)
    loaded = load("shop_a.py")
    assert isinstance(loaded.app, Backstay)
    assert loaded == Loaded(loaded.app, f"{place}/shop_a.py:app", "shop_a.py", place / "shop_a.py")
    assert loaded.folder == place


def test_a_name_is_loaded_from_a_file() -> None:
    write("shop_b.py", APP.replace("app =", "first ="))
    assert load("shop_b.py:first").target.endswith("shop_b.py:first")
    assert load("shop_b.py").app is load("shop_b.py:first").app


def test_a_module_is_loaded(place: Path) -> None:
    write("shops/__init__.py", "")
    write("shops/main.py", APP.replace("app =", "backend ="))
    loaded = load("shops.main:backend")
    assert loaded.file == place / "shops" / "main.py"
    # A worker is told the file; where it was forked from a process that has the module, that is the one.
    assert load(loaded.target).app is loaded.app


def test_files_beside_the_application_can_be_imported() -> None:
    write("deep/words_c.py", "URL = 'sqlite:///words.db'")
    write("deep/shop_c.py", "from words_c import URL\n" + APP.replace("'sqlite:///x.db'", "URL"))
    assert load("deep/shop_c.py").app.settings.database == "sqlite:///words.db"


def test_two_files_share_one_application() -> None:
    write("first_d.py", APP)
    write("second_d.py", "from first_d import app\n")
    assert load("second_d.py").app is load("first_d.py").app


def test_settings_beside_the_application_are_read() -> None:
    write("deep/backstay.toml", "max_rows = 7")
    write("deep/shop_e.py", APP)
    assert load("deep/shop_e.py").app.settings.max_rows == 7


def test_a_missing_file_is_said() -> None:
    assert refusal("nowhere.py").message == "There is no file nowhere.py."


def test_a_missing_module_is_said() -> None:
    assert refusal("nowhere.at_all:app").message == "There is no module nowhere.at_all."


def test_a_missing_module_inside_the_program_is_not_taken_for_the_program() -> None:
    write("shop_f.py", "import surely_missing\n")
    assert refusal("shop_f.py").message == "shop_f.py:1: ModuleNotFoundError: No module named 'surely_missing'"
    assert refusal("shop_f:app").message == "shop_f.py:1: ModuleNotFoundError: No module named 'surely_missing'"


def test_a_syntax_error_has_its_line() -> None:
    write("shop_g.py", "one = 1\ntwo = = 2\n")
    assert refusal("shop_g.py").message == "shop_g.py:2: invalid syntax: two = = 2"


def test_an_error_of_the_program_has_its_line() -> None:
    write("words_h.py", "def fail():\n    raise ValueError('too much')\n")
    write("shop_h.py", "from words_h import fail\n\nfail()\n")
    assert refusal("shop_h.py").message == "words_h.py:2: ValueError: too much"


def test_a_program_that_failed_is_read_anew() -> None:
    write("shop_i.py", "broken")
    refusal("shop_i.py")
    write("shop_i.py", APP)
    assert load("shop_i.py").app


def test_a_file_without_application_is_said() -> None:
    write("shop_j.py", "app = 1")
    assert refusal("shop_j.py").message == "shop_j.py makes no application."
    assert refusal("shop_j.py:app").message == "shop_j.py has something else than an application called 'app'."
    assert refusal("shop_j.py:other").message == "shop_j.py has no 'other'."


def test_of_several_applications_the_one_called_app_is_meant() -> None:
    write("shop_k.py", APP + "other = Backstay('sqlite:///y.db')\n")
    assert load("shop_k.py").target.endswith(":app")


def test_several_applications_are_named() -> None:
    write("shop_l.py", APP.replace("app =", "one =") + "two = Backstay('sqlite:///y.db')\n")
    error = refusal("shop_l.py")
    assert error.message == "shop_l.py makes several applications."
    assert error.hint == "Say shop_l.py:one or shop_l.py:two."


def test_a_name_of_the_standard_library_is_refused() -> None:
    write("queue.py", APP)
    assert refusal("queue.py").message == "'queue' is already the name of another module."


def test_the_one_application_of_a_folder_is_meant() -> None:
    write("shop_m.py", APP)
    write("helper.py", "x = 1")
    assert choose() == "shop_m.py"


def test_a_choice_between_applications_is_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    write("one.py", APP)
    write("two.py", APP)
    with pytest.raises(DeclarationError, match=r"one\.py, two\.py"):
        choose()
    monkeypatch.setenv(CHOSEN, "two.py")
    assert choose() == "two.py"


def test_a_folder_without_application_is_said() -> None:
    with pytest.raises(DeclarationError, match="No file here makes an application"):
        choose()


def test_an_application_s_folder_is_found_without_running_it(place: Path) -> None:
    write("deep/shop_n.py", "raise SystemExit")
    assert locate("deep/shop_n.py:app") == place / "deep"
    assert locate("surely_missing.module") == place
