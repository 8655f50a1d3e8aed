"""The documentation does not lie: its Python runs, its commands print what it says, its links lead somewhere.

A block is governed by a comment on the line before it:

- ``<!-- no-run -->``: Python that is compiled only
- ``<!-- file: NAME -->``: written as NAME into the page's folder, for the commands that follow (Python is compiled)
- ``<!-- run -->``: a console block whose ``$ backstay ...`` commands are run and whose output is compared; a line
  ``...`` stands for any lines, and ``...`` within a line for any text
- ``<!-- alone -->``: Python that an interpreter of its own runs, in the page's folder
- ``<!-- append: NAME -->``, ``<!-- dev -->``, ``<!-- served -->``: for ``test_tutorial.py``; Python is compiled only

The blocks of a page share one namespace and one empty folder.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n)?^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\[[^\]\n]*\]\((?!\w+:)(?P<path>[^)#\s]*)(?:#(?P<anchor>[^)\s]*))?\)")


@dataclass(frozen=True)
class Block:
    language: str
    mark: str
    text: str
    line: int


def blocks(text: str) -> Iterator[Block]:
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("text")) + 1
        yield Block(match["language"], match["mark"] or "", match["text"], line)


def page_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_blocks_of_the_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = ModuleType("docs_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.mark.startswith("file:"):
            file = Path(block.mark.removeprefix("file:").strip())
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, encoding="utf-8")
        if block.language == "python":
            run_python(block, module, page)
        elif block.language in ("console", "sh") and block.mark == "run":
            run_console(block, tmp_path)


def run_python(block: Block, module: ModuleType, page: Path) -> None:
    # Empty lines before the block make tracebacks name the page's own lines.
    source = "\n" * (block.line - 1) + block.text
    code = compile(source, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if block.mark == "alone":
        command = [sys.executable, "-c", block.text]
        done = subprocess.run(command, env=_with_folder(), capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, done.stdout + done.stderr
    if block.mark:
        return
    outcome = eval(code, module.__dict__)
    if inspect.iscoroutine(outcome):
        asyncio.run(outcome)


def _with_folder() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])}


def run_console(block: Block, folder: Path) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        assert command.startswith("backstay "), f"only backstay's own commands are run, not {command!r}"
        done = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=280
        )
        printed = done.stdout + done.stderr
        assert matches(printed.strip(), expected.strip()), f"$ {command}\n{printed}\nis not\n{expected}"


def matches(printed: str, expected: str) -> bool:
    pattern = "\n".join(
        ".*" if line.strip() == "..." else "[^\n]*".join(map(re.escape, line.split("...")))
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, printed, re.DOTALL) is not None


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_of_the_page_lead_somewhere(page: Path) -> None:
    for link in LINK.finditer(BLOCK.sub("", page.read_text(encoding="utf-8"))):
        target = (page.parent / link["path"]).resolve() if link["path"] else page
        assert target.exists(), f"{page_name(page)} links to {link['path']}"
        if link["anchor"] and target.suffix == ".md":
            assert link["anchor"] in anchors(target), f"{page_name(page)} links to {link['path']}#{link['anchor']}"


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent != ROOT], ids=page_name)
def test_page_is_reached_from_the_index(page: Path) -> None:
    index = ROOT / "docs" / "index.md"
    if page == index:
        return
    linked = {(index.parent / link["path"]).resolve() for link in LINK.finditer(index.read_text(encoding="utf-8"))}
    assert page in linked, f"docs/index.md does not link to {page_name(page)}"


def test_a_block_that_fails_is_noticed() -> None:
    [block] = blocks("Text.\n\n```python\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError):
        run_python(block, ModuleType("docs_page"), ROOT / "README.md")


def test_a_block_marked_no_run_is_compiled_only() -> None:
    [block] = blocks("<!-- no-run -->\n```python\n1 / 0\n```\n")
    run_python(block, ModuleType("docs_page"), ROOT / "README.md")
    [broken] = blocks("<!-- no-run -->\n```python\n1 /\n```\n")
    with pytest.raises(SyntaxError):
        run_python(broken, ModuleType("docs_page"), ROOT / "README.md")


def test_output_is_compared_with_dots_for_any_lines() -> None:
    assert matches("a\nb [x]\nc", "a\n...\nc")
    assert matches("b [x]", "b [x]")
    assert not matches("b x", "b [x]")
    assert not matches("a\nb", "a")
    assert matches("key=abc\nb", "key=...\nb")
    assert not matches("key=abc\nb", "key=...")
