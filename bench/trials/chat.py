"""A chat room that takes so many messages: each an insert under a rule that looks whether its author is a member."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from bench import load
from bench.contenders import Contender
from bench.places import size_of
from bench.run import Note, serving
from bench.works import WORKS

CONNECTIONS = 64


def measure(options: argparse.Namespace, contenders: list[Contender]) -> Iterator[Note]:
    """How long each takes for all of them, one contender after the other."""
    work = WORKS["message"]
    connections = min(CONNECTIONS, options.connections[-1])
    with serving(contenders, size_of(options.sizes[0]), 1) as run:
        run.agree([work])
        for name, (server, _) in run.there.items():
            run.empty()
            file = run.requests(work, name)
            got = load.send(server.port, file, connections=connections, amount=options.messages, where=run.where.ask)
            server.settle()
            note = run.note(
                "chat", name, connections=connections, amount=options.messages, memory=server.memory(), **got
            )
            print(
                f"  {name:22} {options.messages:,} messages in {got['seconds']:.1f} s, {got['errors']} errors",
                flush=True,
            )
            yield note
        run.empty()
