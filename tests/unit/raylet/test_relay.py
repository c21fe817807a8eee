"""What is printed on other nodes goes to the program's node, and not more of it than is good."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import msgpack

from hyperloom.gcs import asking, keys
from hyperloom.raylet import relay
from hyperloom.raylet.relay import Relay

HERE, HOME, JOB = b"this-one", b"the-home", b"JOB1"


class Played:
    """A conversation, jobs, a door and a clock in one."""

    def __init__(self) -> None:
        self.connected = True
        self.about: dict[str, Any] = {"node": HOME.hex()}
        self.sent: list[tuple[bytes, list[Any]]] = []
        self.said: list[list[Any]] = []
        self.timers: list[Any] = []
        self.now = 0.0
        self.relay = Relay(HERE, self, self, self, lambda: self.now)  # type: ignore[arg-type]

    def get(self, job: bytes) -> Played | None:
        return self if job == JOB else None

    def command(self, verb: str, channel: bytes, message: bytes) -> None:
        assert verb == "SPUBLISH"
        _, nobody, *asked = msgpack.decode(message)
        assert nobody == b""
        kind, job, said = asking.asked_of(asked)
        assert (kind, job) == ("printed", JOB)
        self.sent.append((channel, said))

    def later(self, _: float, call: Any) -> None:
        self.timers.append(call)

    def guests_of(self, job: bytes) -> list[Played]:
        return [self] if job == JOB else []

    def say(self, message: list[Any]) -> None:
        self.said.append(message)

    def prints(self, *lines: str) -> None:
        self.relay.prints(JOB, "stdout", "f", 7, list(lines))


@pytest.fixture
def played() -> Played:
    return Played()


def test_it_goes_to_drivers_here_and_to_the_home_of_the_job(played: Played) -> None:
    played.prints("one", "two")
    assert played.said == [["log", "stdout", "f", 7, ["one", "two"], ""]]
    told = ["log", "stdout", "f", 7, ["one", "two"], HERE.hex()]
    assert played.sent == [(keys.INBOX.name(keys.CLUSTER, HOME), told)]
    played.relay.heard(JOB, told)
    assert played.said[-1] == told


def test_of_a_program_of_this_node_nothing_is_sent(played: Played) -> None:
    played.about = {"node": HERE.hex()}
    played.prints("one")
    assert (len(played.said), played.sent) == (1, [])
    played.about = {}
    played.prints("of a job of which nothing is known")
    assert played.sent == []


def test_what_comes_too_fast_is_counted_and_told_of(played: Played) -> None:
    line = "x" * (relay.BURST_BYTES // 4)
    for _ in range(6):
        played.prints(line, "y")
    assert len(played.sent) == 3
    assert len(played.said) == 6, "who is here is shown all"
    (tell,) = played.timers
    tell()
    (kind, text) = played.sent[-1][1]
    assert kind == "warning"
    assert text.startswith(f"6 lines that tasks printed on node {HERE.hex()[:8]} were left out")
    played.now += relay.BURST_BYTES / relay.RATE_BYTES
    played.prints("again")
    assert played.sent[-1][1][4] == ["again"]
    assert len(played.timers) == 1


def test_without_a_control_plane_it_is_not_kept_for_later(played: Played) -> None:
    played.connected = False
    played.prints("one")
    assert (len(played.said), played.sent) == (1, [])
