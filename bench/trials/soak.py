"""The same for a long time: whether memory stays where it is."""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from bench import load
from bench.contenders import Contender
from bench.places import size_of
from bench.run import Note, serving
from bench.works import WORKS

SAMPLES = 120
"""How often memory is looked at."""
SETTLED = 0.25
"""The share of the time that a server may take to have all it needs."""
FLAT = 0.03
"""Growth, as a share of what it held, that is no growth: what is measured wavers."""


def measure(options: argparse.Namespace, contenders: list[Contender]) -> Iterator[Note]:
    """Reads and inserts, one contender after the other."""
    seconds = options.minutes * 60
    work = WORKS["mixed"]
    for contender in contenders:
        with serving([contender], size_of(options.sizes[0]), 1) as run:
            run.empty()
            server, _ = run.there[contender.name]
            file = run.requests(work, contender.name)
            got: list[dict[str, Any]] = []

            def press(port: int = server.port, file: Any = file, got: list[dict[str, Any]] = got) -> None:
                got.append(
                    load.load(
                        port,
                        file,
                        connections=options.connections[-1],
                        seconds=seconds,
                        where=run.where.ask,
                        using=options.generator,
                    )
                )

            pressing = threading.Thread(target=press)
            pressing.start()
            samples: list[tuple[float, float]] = []
            began = time.perf_counter()
            while pressing.is_alive():
                samples.append((time.perf_counter() - began, server.memory()))
                pressing.join(seconds / SAMPLES)
            if not got:
                raise RuntimeError("The load ended early.")
            run.empty()
            note = run.note(
                "soak",
                contender.name,
                connections=options.connections[-1],
                samples=samples,
                rate=got[0]["requests"] / got[0]["seconds"],
                errors=got[0]["errors"],
                memory=max(memory for _, memory in samples),
                growth=growth(samples),
                flat=growth(samples) <= FLAT,
            )
            verdict = "flat" if note["flat"] else "NOT FLAT"
            print(
                f"  soak {contender.name:22} {note['rate']:.0f}/s for {seconds / 60:.1f} min, {note['errors']} errors, "
                f"at most {note['memory']:.0f} MB, growth {note['growth']:+.1%}: {verdict}",
                flush=True,
            )
            yield note


def growth(samples: Sequence[tuple[float, float]]) -> float:
    """By how much the last third of the time holds more than the first, once it has settled, as a share."""
    end = samples[-1][0]
    settled = [memory for moment, memory in samples if moment >= end * SETTLED] or [samples[-1][1]]
    third = max(len(settled) // 3, 1)
    before = median(settled[:third])
    return (median(settled[-third:]) - before) / before if before else 0.0
