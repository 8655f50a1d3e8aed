"""``make bench``: everything asked of everyone, in rounds; ``--smoke``: a little, to see that the bench works."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence

from bench import load, report
from bench.contenders import CONTENDERS, Contender
from bench.places import STORE, size_of
from bench.run import Note, serving
from bench.stores.make import compile_sources
from bench.trials import bodies, chat, overload, soak
from bench.works import WORKS

Part = Callable[[argparse.Namespace, list[Contender]], Iterator[Note]]

SMOKE = ("bare-sqlite", "backstay-sqlite")
ALWAYS = ("works", "chat", "overload", "bodies")
"""The parts of a run for which none are named."""


def works(options: argparse.Namespace, contenders: list[Contender]) -> Iterator[Note]:
    """Rates of every work, for every size, number of connections and number of workers."""
    for postings in options.sizes:
        for workers in options.workers:
            with serving(contenders, size_of(postings), workers) as run:
                yield from run.measure(options, options.connections if postings != options.usual else options.sweep)


PARTS: dict[str, tuple[Part, tuple[str, ...]]] = {
    "works": (works, ()),
    "chat": (chat.measure, ("bare", "backstay", "pocketbase")),
    "overload": (overload.measure, ("backstay",)),
    "bodies": (bodies.measure, ("backstay",)),
    "soak": (soak.measure, ("backstay",)),
}
"""Each part, and who takes part in it where nobody is named; nobody: all."""


def main(words: Sequence[str] | None = None) -> None:
    """Measure what is asked for, keep it, and write the report."""
    options = read_options(words)
    # Servers are stopped however this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    compile_sources()
    if options.fresh:
        for postings in options.sizes:
            shutil.rmtree(size_of(postings).folder, ignore_errors=True)
    found: list[Note] = []
    taking_part: dict[str, Contender] = {}
    try:
        for name in options.parts:
            part, tools = PARTS[name]
            chosen = [CONTENDERS[each] for each in options.contenders or CONTENDERS]
            if tools and (options.smoke or not options.contenders):
                chosen = [each for each in chosen if each.tool in (("backstay",) if options.smoke else tools)]
            taking_part |= {each.name: each for each in chosen}
            found.extend(part(options, chosen))
    finally:
        path = report.keep(found, list(taking_part.values()), options.generator)
    print(f"\n{report.table(found)}\nKept in {path}")
    if options.smoke:
        report.write([path], STORE / report.PAGE.name)
    elif not options.only_measure:
        report.write([path])


def read_options(words: Sequence[str] | None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(ALWAYS), metavar="PART")
    parser.add_argument("--contenders", nargs="+", choices=list(CONTENDERS), default=[], metavar="NAME")
    parser.add_argument("--works", nargs="+", choices=list(WORKS), default=list(WORKS), metavar="WORK")
    parser.add_argument("--sizes", nargs="+", type=int, default=[], help="numbers of postings (100,000)")
    parser.add_argument("--connections", nargs="+", type=int, default=[64])
    parser.add_argument("--workers", nargs="+", type=int, default=[1], help="processes; more than one: on all cores")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1, help="of one contender, in one round, at one work")
    parser.add_argument("--warm", type=float, default=1, help="seconds of a first round that does not count; 0: none")
    parser.add_argument("--messages", type=int, default=100_000, help="that the chat room takes")
    parser.add_argument("--minutes", type=float, default=10, help="that the soak lasts, for each contender")
    parser.add_argument("--body", type=int, default=50, help="megabytes of the large bodies")
    parser.add_argument(
        "--growth", action="store_true", help="a preset: from 1,000 rows to 10 million, 1 to 256 connections"
    )
    parser.add_argument("--cores", action="store_true", help="a preset: one worker, and two on all processors")
    parser.add_argument("--generator", choices=["wrk", "client"], default=load.generator())
    parser.add_argument("--only-measure", action="store_true", help="leave docs/benchmarks.md as it is")
    parser.add_argument("--fresh", action="store_true", help="make the data anew, as after a change to its tables")
    parser.add_argument("--smoke", action="store_true", help="little data, two contenders, a moment for each work")
    options = parser.parse_args(words)
    options.peaks, options.pressed, options.patience = 3, 5.0, 2.0
    # Where both grow, connections do so at one size only.
    options.usual, options.sweep = 0, []
    if options.growth:
        options.parts, options.works = ["works"], ["point", "page", "insert"]
        options.sizes = options.sizes or [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
        options.usual, options.sweep = min(100_000, max(options.sizes)), [1, 4, 16, 64, 256]
        options.contenders = options.contenders or ["bare-sqlite", "backstay-sqlite", "backstay-postgresql"]
        options.rounds, options.only_measure = 2, True
    if options.cores:
        options.parts, options.works, options.workers = ["works"], ["point", "page", "insert", "mixed"], [1, 2]
        options.contenders = options.contenders or [
            name for name in CONTENDERS if CONTENDERS[name].family == "backstay"
        ]
        options.only_measure = True
    options.sizes = options.sizes or [100_000]
    if options.smoke:
        options.parts = list(PARTS)
        options.contenders, options.sizes, options.connections = list(SMOKE), [1_000], [2]
        options.rounds, options.seconds, options.warm, options.generator = 1, 0.1, 0, "client"
        options.messages, options.minutes, options.body = 40, 0.02, 1
        options.peaks, options.pressed, options.patience = 1, 0.3, 0.3
    return options


if __name__ == "__main__":
    main()
