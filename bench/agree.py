"""Before anything is timed: every contender says the same, and keeps the same rows to itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench import client
from bench.load import Server
from bench.speech import Speech
from bench.works import ROOMS, Ask, Subjects, Work, asks

SAMPLES = 3


class Disagreement(Exception):
    """Two contenders answer differently: what they do cannot be compared."""


def check(work: Work, known: Subjects, there: Mapping[str, tuple[Server, Speech]]) -> None:
    """Ask all the same, and compare what they say.

    Raises:
        Disagreement: with both answers.
    """
    secret, stranger, _ = known.hidden
    for ask in samples(work, known):
        said: dict[str, str] = {}
        for name, (server, speech) in there.items():
            request = speech.request(ask, known)
            answer = client.ask(server.port, request)
            try:
                said[name] = repr(_sorted(speech.content(ask, answer)))
            except (ValueError, KeyError, TypeError, IndexError):
                raise Disagreement(
                    f"{name} answers {request.method} {request.target} with {answer.status} {answer.body[:1000]!r}"
                ) from None
        hidden = ask.value == secret and ask.caller == stranger
        first, *others = said
        if (said[first] == repr(None)) is not hidden:
            raise Disagreement(f"{ask}:\n{first}: {said[first][:1500]}")
        for other in others:
            if said[first] != said[other]:
                raise Disagreement(f"{ask}:\n{first}: {said[first][:1500]}\n{other}: {said[other][:1500]}")


def check_refusal(known: Subjects, there: Mapping[str, tuple[Server, Speech]]) -> None:
    """See that nobody but the bare loop, which asks no rule, takes a message to a room from one who is not in it.

    Raises:
        Disagreement: with the answer.
    """
    ask = Ask("message", 0, str(next(room for room in range(1, ROOMS + 1) if room not in known.members[0])))
    for name, (server, speech) in there.items():
        answer = client.ask(server.port, speech.request(ask, known))
        if not name.startswith("bare-") and not 400 <= answer.status < 500:
            raise Disagreement(f"{name} takes a message that it must refuse: {answer.status} {answer.body[:1000]!r}")


def samples(work: Work, known: Subjects) -> Iterator[Ask]:
    """A few requests of a work; of point reads also one that a rule hides."""
    if not work.parts:
        yield from asks(work, known, SAMPLES)
    if work.name == "point":
        identity, stranger, owner = known.hidden
        yield Ask("point", stranger, identity)
        yield Ask("point", owner, identity)


def _sorted(value: object) -> object:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(each) for each in value]
    return value
