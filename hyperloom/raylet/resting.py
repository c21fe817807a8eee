"""Actors that die again and again: how soon the next incarnation begins.

The rule: after its first death an actor begins again at once.  When one incarnation after the other
comes to nothing (it answers no call, and does not live for long), the next waits, each time twice
as long up to a bound, as new workers do when they end at once (`ends`).  Meanwhile its calls wait
in the control plane, and it has no resources.  Who is killed to start again does not wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.raylet.held import Held
    from hyperloom.raylet.state import NodeState, WorkerState

PAUSE_S = 0.1  # before the third incarnation; doubled each time, up to
PAUSE_MOST_S = 12.8
LIVED_S = 10.0  # an incarnation that lived for so long came to something
_FORGOTTEN_S = 60.0  # after its pause; its actor is over, or goes on elsewhere


@dataclass(slots=True)
class Crashes:
    """Of one actor: incarnations in a row that came to nothing, and before when none begins."""

    times: int
    until: float
    rests: bool = False  # the next one is here, among `NodeState.fetching`


def died(s: NodeState, worker: WorkerState) -> None:
    """The worker of an actor is gone, and nobody wanted that."""
    if worker.killed == "restart" or s.draining:
        return
    actor = worker.sent[0].task
    known = s.crashes.get(actor)
    times = known.times + 1 if known and s.now < known.until + LIVED_S else 1
    pause_s = 0.0 if times == 1 else min(PAUSE_MOST_S, PAUSE_S * 2 ** min(times - 2, 32))
    s.crashes = {
        task: crashes
        for task, crashes in s.crashes.items()
        if crashes.rests or s.now < crashes.until + _FORGOTTEN_S
    }
    s.crashes[actor] = Crashes(times, s.now + pause_s)


def take(s: NodeState, held: Held) -> bool:
    """Whether what this node was given is an actor that has to wait; then it does."""
    crashes = s.crashes.get(held.task)
    if crashes is None or s.now >= crashes.until or s.draining:
        return False
    crashes.rests = True
    s.fetching[held.task] = held
    s.at(crashes.until)
    return True


def fetched(s: NodeState) -> Iterator[bytes]:
    """Of what is not begun yet, all that does not rest: its inputs are on their way."""
    for task in s.fetching:
        crashes = s.crashes.get(task)
        if crashes is None or not crashes.rests:
            yield task


def wake(s: NodeState) -> None:
    """The pauses of some are over."""
    for actor, crashes in s.crashes.items():
        if not crashes.rests:
            continue
        if s.now < crashes.until:
            s.at(crashes.until)
            continue
        crashes.rests = False
        held = s.fetching.pop(actor, None)  # else nobody wants it any more
        if held is not None:
            s.queue_of(held.kind).tasks.append(held)
