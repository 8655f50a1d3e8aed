"""Three times as many requests as can be answered: how many are answered in time, and how soon the others learn it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from statistics import median

from bench import load
from bench.contenders import Contender
from bench.places import size_of
from bench.run import Note, Run, serving
from bench.works import WORKS, Work

ASKED = ("point", "page", "message")
TIMES = 3
CROWD = 1_000
"""Connections that the crowd may have open."""


def measure(options: argparse.Namespace, contenders: list[Contender]) -> Iterator[Note]:
    """For each work the peak first, with as many connections as the other parts have, then the crowd."""
    works = [WORKS[name] for name in ASKED if name in options.works]
    with serving(contenders, size_of(options.sizes[0]), 1) as run:
        run.agree(works)
        for work in works:
            for name in run.there:
                yield press(run, work, name, options)
        run.empty()


def press(run: Run, work: Work, name: str, options: argparse.Namespace) -> Note:
    """One contender at one work."""
    server, _ = run.there[name]
    file = run.requests(work, name)
    connections = options.connections[-1]
    if work.writes:
        run.empty()
    peaks = []
    for _ in range(options.peaks):
        got = load.load(
            server.port,
            file,
            connections=connections,
            seconds=options.seconds,
            where=run.where.ask,
            using=options.generator,
        )
        server.settle()
        peaks.append(got["requests"] / got["seconds"])
    peak = median(peaks)
    seen = load.flood(
        server.port,
        file,
        connections=CROWD,
        rate=peak * TIMES,
        seconds=options.pressed,
        patience=options.patience,
        where=run.where.ask,
    )
    server.settle()
    note = run.note(f"overload-{work.name}", name, connections=CROWD, peak=peak, memory=server.memory(), **seen)
    print(
        f"  {work.name:8} {name:22} {seen['offered']:8.0f}/s offered, {seen['good'] / peak:5.2f} of the peak in time "
        f"(p99 {seen['good_p99'] / 1000:.0f} ms), refusals p99 {seen['refused_p99'] / 1000:.0f} ms",
        flush=True,
    )
    return note
