"""What a program lets go of is freed soon, whatever its threads do meanwhile."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom.core import current
from tests.cluster.api.gate import Gate
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@loom.task
def wait_for(gate: Gate) -> str:
    gate.pass_through()
    return "open"


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[threading.Thread]:
    """A thread that waits for a result that does not come before the test ends."""
    gate = Gate(tmp_path / "gate")
    slow = wait_for.remote(gate)
    answers: list[str] = []
    thread = threading.Thread(target=lambda: answers.append(loom.get(slow)))
    yield thread
    assert thread.is_alive()
    gate.open()
    thread.join()
    assert answers == ["open"]


@pytest.mark.usefixtures("cluster")
def test_a_ref_dropped_before_a_long_wait_is_released_during_it(
    waiting: threading.Thread,
) -> None:
    """The wait itself sends only what it needs; the pump sends the rest."""
    ref = loom.put(b"x")
    oid = ref.binary()
    session = current.session()
    session.settle()
    del ref
    waiting.start()
    wait_until(lambda: session.reading.waiting == 1)
    wait_until(lambda: oid not in session.values and not session.unsent)


@pytest.mark.usefixtures("cluster")
def test_what_a_thread_says_is_sent_although_another_waits_for_long(
    waiting: threading.Thread,
) -> None:
    """1. a thread waits for so long that the pump goes to sleep  2. another one submits and
    drops, and does not wait."""
    session = current.session()
    waiting.start()
    pump = next(t for t in threading.enumerate() if t.name == "loom-pump")
    asleep = pump._target.__self__
    wait_until(lambda: asleep._asleep and session.reading.waiting == 1)
    kept = loom.put(b"y")
    wait_until(lambda: not session.unsent)
    wait_until(lambda: asleep._asleep)
    del kept
    wait_until(lambda: not session.unsent)
