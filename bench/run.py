"""Contenders that are served, each by a process of its own, and what is asked of all of them in turn."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import load, report
from bench.agree import check, check_refusal
from bench.contenders import CONTENDERS, Contender
from bench.data import subjects
from bench.load import Cores, Server, cores, free_port
from bench.places import Size
from bench.speech import Speech
from bench.stores.make import empty
from bench.works import WORKS, Ask, Work, asks

Note = dict[str, Any]


@contextlib.contextmanager
def serving(
    contenders: Sequence[Contender], size: Size, workers: int, settings: Mapping[str, str] | None = None
) -> Iterator[Run]:
    """All contenders, each served by a process of its own; ``settings`` are Backstay's."""
    for contender in contenders:
        contender.prepare(size)
    run = Run(size, workers, cores(workers))
    try:
        for contender in contenders:
            run.start(contender, settings or {})
        yield run
    finally:
        for server, _ in run.there.values():
            server.stop()


class Run:
    """Contenders that are served, with data of one size."""

    def __init__(self, size: Size, workers: int, where: Cores) -> None:
        self.size = size
        self.workers = workers
        self.where = where
        self.known = subjects(size)
        self.there: dict[str, tuple[Server, Speech]] = {}
        self.started: list[Note] = []

    def start(self, contender: Contender, settings: Mapping[str, str]) -> None:
        """Start one, one after the other: how long it takes, and what it holds once it has answered."""
        speech = contender.speech(self.size)
        first = speech.request(Ask("point", 0, self.known.points[0]), self.known)
        server = contender.start(self.size, free_port(), self.workers, self.where.serve, settings)
        self.there[contender.name] = (server, speech)
        took = server.await_answer(first)
        self.started.append(self.note("start", contender.name, rates=[took], idle=server.memory()))
        print(f"{contender.name:22} answers after {took:.2f} s, holds {server.memory():.0f} MB", flush=True)

    def note(self, work: str, contender: str, **found: Any) -> Note:
        """One line of the results."""
        return {"work": work, "contender": contender, "size": self.size.postings, "workers": self.workers, **found}

    def agree(self, works: Sequence[Work]) -> None:
        """See that all say the same, before anything is timed."""
        for work in works:
            check(work, self.known, self.there)
        check_refusal(self.known, self.there)
        print("All answers agree.", flush=True)

    def measure(self, options: argparse.Namespace, numbers: Sequence[int]) -> Iterator[Note]:
        """Every work with every one of these numbers of connections."""
        works = [WORKS[name] for name in options.works]
        self.agree(works)
        yield from self.started
        for work in works:
            for connections in dict.fromkeys(min(each, work.connections) for each in numbers):
                yield from self.race(work, connections, options)

    def race(self, work: Work, connections: int, options: argparse.Namespace) -> list[Note]:
        """Rounds in which every contender has its turn, after one that does not count."""
        files = {name: self.requests(work, name) for name in self.there}
        notes = {
            name: self.note(work.name, name, connections=connections, rates=[], medians=[], p99s=[], errors=0)
            for name in self.there
        }
        warm_up = [(options.warm, False)] if options.warm else []
        for seconds, counts in [*warm_up, *[(options.seconds, True)] * options.rounds]:
            if work.writes:
                self.empty()
            for name, (server, _) in self.there.items():
                got = load.load(
                    server.port,
                    files[name],
                    connections=connections,
                    seconds=seconds,
                    where=self.where.ask,
                    using=options.generator,
                )
                server.settle()
                if counts:
                    _add(notes[name], got, server.memory())
        print(report.lines(list(notes.values())), flush=True)
        return list(notes.values())

    def empty(self) -> None:
        """Delete what was written, once for each store."""
        for url in {CONTENDERS[name].store(self.size) for name in self.there}:
            empty(url)

    def requests(self, work: Work, name: str) -> Path:
        """The requests of a work as a contender is asked, in a file."""
        _, speech = self.there[name]
        asked = [speech.request(ask, self.known) for ask in asks(work, self.known)]
        return load.pack(asked, self.size.folder / "requests" / f"{work.name}-{name}")


def _add(note: Note, got: dict[str, Any], memory: float) -> None:
    note["rates"].append(got["requests"] / got["seconds"])
    note["medians"].append(got["median"])
    note["p99s"].append(got["p99"])
    note["errors"] += got["errors"]
    note["memory"] = max(memory, note.get("memory", 0.0))
