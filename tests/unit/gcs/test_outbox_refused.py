"""Words that the server refuses for now: they keep their place in the line, whatever happens.

The server is played: it answers what the test says.
"""

from __future__ import annotations

from typing import Any

import pytest

from hyperloom import errors
from hyperloom.gcs import delivery, outbox
from hyperloom.gcs.outbox import Outbox

TASK = b"p" * 10 + (1).to_bytes(6, "big")
FULL = errors.Backpressure("full")


class Played:
    """A wire: what was sent on it, and what will be answered."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.answers: list[Any] = []
        self.closed = 0
        self.heard = -1  # it does not compare

    def send_packed(self, data: bytes) -> None:
        if self.closed:
            raise errors.ControlPlaneLost("closed")
        self.sent.append(data)

    def call(self, *_: object) -> int:
        return self.heard

    def receive(self) -> Any:
        if self.closed:
            raise errors.ControlPlaneLost("closed")
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException) and not isinstance(answer, errors.LoomError):
            raise answer
        return answer

    def receive_now(self) -> Any:
        return False  # nothing is here before somebody waits for it

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> list[Played]:
    """Those that were opened, the latest last."""
    opened: list[Played] = []

    def connect(_: object) -> Played:
        opened.append(Played())
        return opened[-1]

    monkeypatch.setattr(delivery, "Wire", connect)
    monkeypatch.setattr(outbox, "pack", lambda words: f"<{words[0]} {words[1]}>".encode())
    monkeypatch.setattr(outbox, "fcall", lambda function, _, *args: (function, str(args[1:2])))
    monkeypatch.setattr(delivery.time, "sleep", lambda _: None)
    return opened


@pytest.fixture
def box(wires: list[Played]) -> Outbox:
    assert wires == []
    return Outbox(None, "ns", b"p" * 10, batch=1000, outage_s=1)  # type: ignore[arg-type]


def said(wire: Played) -> list[str]:
    return b"".join(wire.sent).decode().strip("<>").split("><")


def test_what_was_refused_is_said_first_on_the_next_connection(
    box: Outbox, wires: list[Played]
) -> None:
    """1. of three calls the first is refused  2. the connection breaks before the others are
    answered  3. all three are said again: in their order, or the server misses the first."""
    for oid in (b"1", b"2", b"3"):
        box.acquire(oid)
        box.flush()
    wires[-1].answers = [FULL]
    box._delivery._receive_one()
    wires[-1].close()
    wires[-1].answers = []
    box._delivery._survive(box._delivery._receive_one)
    assert said(wires[-1]) == said(wires[0])


def test_a_call_does_not_overtake_what_was_refused(box: Outbox, wires: list[Played]) -> None:
    """1. a task is submitted, and refused  2. a call, sent behind it, is answered by a server that
    does not know the task  3. both are said again, and that answer counts."""
    box.submit(b"t" * 8, b"", TASK, b"record")
    wires[-1].answers = [FULL, b"answered too early", 1, b"answered in its turn"]
    assert box.call("task_cancel", b"failure", 0, TASK) == b"answered in its turn"
    assert not box.waiting


def test_a_task_whose_template_was_refused_is_said_again(box: Outbox, wires: list[Played]) -> None:
    """1. a template is refused  2. there is memory again, and its first task finds no template
    3. both are said again."""
    box.declare(b"t" * 8, b"body")
    box.submit(b"t" * 8, b"", TASK, b"record")
    wires[-1].answers = [FULL, errors.NotFound("no such template"), 1, 1]
    box.settle()
    assert not box.waiting


def test_an_interrupt_in_the_middle_loses_no_words(box: Outbox, wires: list[Played]) -> None:
    """1. Ctrl-C comes while an answer is awaited  2. the next step connects anew and says again
    what was not answered: nobody knows how much of the answer was read."""
    box.acquire(b"1")
    wires[-1].answers = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        box.settle()
    assert len(wires) == 1

    def connect_again() -> None:
        box._delivery._survive(box._delivery._receive_one)

    connect_again()
    assert said(wires[-1]) == said(wires[0])
    wires[-1].answers = [1]
    box.settle()
    assert not box.waiting
