"""kill -9 after a use and in the midst of one: whatever is good once is good once in all, and does what it is for."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.one_time import ISSUER
from issuer import Issuer
from one_time.house import House, Kind, Thing, Use, outcome
from one_time.kinds import KINDS
from serving import Serving

pytestmark = pytest.mark.processes

PROGRAM = "fixtures.one_time:app"
CUT = 2
"""Things of each kind that are used when the server is killed."""
CLIENTS = 32


@dataclass(frozen=True, eq=False)
class Held:
    """A thing in somebody's hands, and what had happened to them before they used it."""

    kind: Kind
    thing: Thing
    before: tuple[int, int]

    @classmethod
    def make(cls, house: House, kind: Kind) -> Held:
        """A new one."""
        thing = kind.make(house)
        return cls(kind, thing, house.count(kind, thing))

    def use(self, port: int, number: int) -> str:
        """What is told of a use, by one way after the other."""
        uses = self.thing.uses
        return ask(port, uses[number % len(uses)])

    def effects(self, house: House) -> tuple[int, int]:
        """What has happened by it: what it is for, and the sessions that began."""
        effects, sessions = house.count(self.kind, self.thing)
        return effects - self.before[0], sessions - self.before[1]


def ask(port: int, use: Use) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request(use.method, use.path, use.content, dict(use.headers))
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return outcome(answer.status, headers, answer.read())


def use_and_kill(serving: Serving, things: list[Held]) -> dict[Held, str]:
    """What was told of first uses until the server was killed, when half of them were answered."""
    answered: dict[Held, str] = {}
    count = itertools.count(1)

    def use(each: Held) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            answered[each] = each.use(serving.port, 0)
            if next(count) == len(things) // 2:
                serving.kill()

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(use, random.sample(things, len(things))))
    return answered


@pytest.mark.invariant("I22")
@pytest.mark.invariant("I2")
@pytest.mark.asvs("6.5.1", "10.4.2", "10.4.5")
@pytest.mark.timeout(300)
def test_what_is_good_once_is_good_once_whenever_the_server_is_killed(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Issuer() as issuer, House(database_url, issuer) as house:
        monkeypatch.setenv(ISSUER, issuer.url)
        house.challenges = 3
        with Serving(PROGRAM, database_url, tmp_path, {}) as serving:
            held = [Held.make(house, kind) for kind in KINDS for _ in range(1 + CUT)]
            used, cut = held[:: 1 + CUT], [each for number, each in enumerate(held) if number % (1 + CUT)]
            assert {each.kind.name: each.use(serving.port, 0) for each in used} == {kind.name: "" for kind in KINDS}
            answered = use_and_kill(serving, cut)
        assert set(answered.values()) == {""} and len(cut) // 2 <= len(answered) < len(cut)
        with Serving(PROGRAM, database_url, tmp_path, {}) as serving:
            for each in used:
                assert each.use(serving.port, 1) in each.kind.refused, each.kind.name
            # What is good for a minute alone was made last, and is used first.
            for each in reversed(cut):
                second, third = each.use(serving.port, 1), each.use(serving.port, 2)
                good = set() if each in answered else {""}
                assert second in each.kind.refused | good, each.kind.name
                assert third in each.kind.refused, each.kind.name
        for each in held:
            once = (1, each.kind.sessions)
            lost = set() if each.kind.whole or each in answered or each in used else {(0, 0)}
            assert each.effects(house) in {once} | lost, each.kind.name
