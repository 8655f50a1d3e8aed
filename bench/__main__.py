"""``make bench``: everything asked of everyone, in rounds; ``--smoke``: a little, to see that the bench works."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import load, report
from bench.agree import check, check_refusal
from bench.contenders import CONTENDERS, Contender
from bench.data import subjects
from bench.load import Cores, Server, cores, free_port
from bench.places import STORE, Size
from bench.speech import Speech
from bench.stores.make import compile_sources, empty
from bench.works import WORKS, Ask, Work, asks

SMOKE = ("bare-sqlite", "backstay-sqlite")


def main(words: Sequence[str] | None = None) -> None:
    """Measure what is asked for, keep it, and write the report."""
    options = read_options(words)
    # Servers are stopped however this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    contenders = [CONTENDERS[name] for name in options.contenders]
    found: list[dict[str, Any]] = []
    compile_sources()
    try:
        for postings in options.sizes:
            size = Size(postings, max(postings // 100, 1))
            if options.fresh:
                shutil.rmtree(size.folder, ignore_errors=True)
            for contender in contenders:
                contender.prepare(size)
            for workers in options.workers:
                with serving(contenders, size, workers) as run:
                    run.measure(options, found)
    finally:
        path = report.keep(found, contenders, options.generator)
    print(f"\n{report.table(found)}\nKept in {path}")
    if options.smoke:
        report.write(path, STORE / report.PAGE.name)
    elif not options.only_measure:
        report.write(path)


def read_options(words: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--works", nargs="+", choices=list(WORKS), default=list(WORKS), metavar="WORK")
    parser.add_argument("--sizes", nargs="+", type=int, default=[100_000], help="numbers of postings")
    parser.add_argument("--connections", nargs="+", type=int, default=[64])
    parser.add_argument("--workers", nargs="+", type=int, default=[1], help="processes; more than one: on all cores")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of one contender, in one round, at one work")
    parser.add_argument("--warm", type=float, default=1, help="seconds of a first round that does not count; 0: none")
    parser.add_argument("--generator", choices=["wrk", "client"], default=load.generator())
    parser.add_argument("--only-measure", action="store_true", help="leave docs/benchmarks.md as it is")
    parser.add_argument("--fresh", action="store_true", help="make the data anew, as after a change to its tables")
    parser.add_argument("--smoke", action="store_true", help="little data, two contenders, a moment for each work")
    options = parser.parse_args(words)
    if options.smoke:
        options.contenders, options.sizes, options.connections = list(SMOKE), [1_000], [2]
        options.rounds, options.seconds, options.warm, options.generator = 1, 0.1, 0, "client"
    return options


@contextlib.contextmanager
def serving(contenders: Sequence[Contender], size: Size, workers: int) -> Iterator[Run]:
    """All contenders, each served by a process of its own."""
    run = Run(size, workers, cores(workers))
    try:
        for contender in contenders:
            run.start(contender)
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
        self.started: list[dict[str, Any]] = []

    def start(self, contender: Contender) -> None:
        """Start one, one after the other: how long it takes, and what it holds once it has answered."""
        speech = contender.speech(self.size)
        first = speech.request(Ask("point", 0, self.known.points[0]), self.known)
        server = contender.start(self.size, free_port(), self.workers, self.where.serve)
        self.there[contender.name] = (server, speech)
        took = server.await_answer(first)
        self.started.append(self.note("start", contender.name, rates=[took], idle=server.memory()))
        print(f"{contender.name:22} answers after {took:.2f} s, holds {server.memory():.0f} MB", flush=True)

    def note(self, work: str, contender: str, **found: Any) -> dict[str, Any]:
        """One line of the results."""
        return {"work": work, "contender": contender, "size": self.size.postings, "workers": self.workers, **found}

    def measure(self, options: argparse.Namespace, found: list[dict[str, Any]]) -> None:
        """Every work with every number of connections; ``found`` grows by what each comes to."""
        works = [WORKS[name] for name in options.works]
        for work in works:
            check(work, self.known, self.there)
        check_refusal(self.known, self.there)
        print("All answers agree.", flush=True)
        found += self.started
        for work in works:
            for connections in dict.fromkeys(min(each, work.connections) for each in options.connections):
                found += self.race(work, connections, options)

    def race(self, work: Work, connections: int, options: argparse.Namespace) -> list[dict[str, Any]]:
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


def _add(note: dict[str, Any], got: dict[str, Any], memory: float) -> None:
    note["rates"].append(got["requests"] / got["seconds"])
    note["medians"].append(got["median"])
    note["p99s"].append(got["p99"])
    note["errors"] += got["errors"]
    note["memory"] = max(memory, note.get("memory", 0.0))


if __name__ == "__main__":
    main()
