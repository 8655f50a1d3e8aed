"""The tutorial, done as its readers do it: files written, the server left running, commands pasted, output compared."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.test_docs import ROOT, Block, blocks, matches

pytestmark = pytest.mark.processes

END = "@@ the command has ended @@"
PATIENCE = 90
COMMAND = re.compile(r"(?:.*\\\n)*.*\n")
"""A line, with those that it goes on in."""


class Reader:
    """Somebody who follows the page in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "dev.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        self.server: subprocess.Popen[bytes] | None = None
        self.shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def follow(self, block: Block) -> None:
        """Do what a block of the page says."""
        kind, _, name = block.mark.partition(":")
        if kind in ("file", "append"):
            self.write(self.folder / name.strip(), block.text, "a" if kind == "append" else "w")
        elif kind == "dev":
            expected = block.text.partition("\n")[2].replace(":8000", f":{self.port}")
            assert matches(self.log.read_text().strip(), expected.strip()), self.log.read_text()
        elif kind == "served":
            for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
                asked = COMMAND.match(part)
                assert asked is not None
                command, expected = asked[0], part[asked.end() :]
                printed = self.type(command)
                assert matches(printed.strip(), expected.strip()), f"$ {command}{printed}\nis not\n{expected}"

    def write(self, file: Path, text: str, mode: str) -> None:
        file.parent.mkdir(exist_ok=True)
        with file.open(mode) as opened:
            opened.write(text)
        if file.suffix != ".py":
            return
        if self.server is None:
            words = ["backstay", "dev", "notes.py", "--port", str(self.port)]
            with self.log.open("w") as log:
                self.server = subprocess.Popen(
                    words, cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT
                )
            self.await_line("supabase-js", 1)
        else:
            self.await_line("serving again", self.log.read_text().count("serving again") + 1)

    def await_line(self, words: str, times: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.log.read_text().count(words) < times:
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def type(self, command: str) -> str:
        assert self.shell.stdin is not None and self.shell.stdout is not None
        self.shell.stdin.write(f"{command.replace(':8000', f':{self.port}')}\necho; echo '{END}'\n")
        self.shell.stdin.flush()
        lines = []
        while (line := self.shell.stdout.readline()).strip() != END:
            assert line, "the shell has ended"
            lines.append(line)
        return "".join(lines)

    def leave(self) -> None:
        """End everything."""
        if self.server is not None:
            self.server.terminate()
            self.server.wait(PATIENCE)
        self.shell.communicate(timeout=PATIENCE)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.leave()


def test_the_tutorial_works_as_it_is_written(reader: Reader) -> None:
    for block in blocks((ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")):
        reader.follow(block)
    assert "<h1>Notes</h1>" in reader.type(f"curl -s http://127.0.0.1:{reader.port}/web/")
