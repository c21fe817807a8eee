"""Actors that keep their state over restarts: all that was answered is in it, and nothing else."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest

import hyperloom as loom
from hyperloom import errors

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("cluster")]


@loom.actor(max_restarts=-1, max_task_retries=-1, checkpoint_every=1)
class Ledger:
    """Adds up; is killed once at each moment that the notes of its gate do not have."""

    def __init__(self, fate: Any = None) -> None:
        self.total = 0
        self.kept: Any = None
        self.fate = fate

    def checkpoint(self) -> Any:
        self.meet("checkpoint")
        return self.total, self.kept

    def restore(self, state: Any) -> None:
        self.meet("restore")
        self.total, self.kept = state

    def meet(self, where: str) -> None:
        if self.fate is not None and where not in self.fate.notes():
            self.fate.note(where)
            os.kill(os.getpid(), signal.SIGKILL)

    def add(self, n: int) -> int:
        self.total += n
        self.meet("call")
        return self.total

    def keep(self, refs: list[Any]) -> None:
        self.kept = refs

    def read(self) -> int:
        return len(loom.get(self.kept[0]))

    def pid(self) -> int:
        return os.getpid()


def kill(actor: Any) -> None:
    os.kill(loom.get(actor.pid.remote()), signal.SIGKILL)


def test_its_state_is_kept_when_its_worker_is_killed() -> None:
    ledger = Ledger.remote()
    assert loom.get([ledger.add.remote(1) for _ in range(5)]) == [1, 2, 3, 4, 5]
    kill(ledger)
    assert loom.get(ledger.add.remote(1)) == 6
    loom.kill(ledger, no_restart=False)
    assert loom.get(ledger.add.remote(1)) == 7


def test_with_retries_each_call_counts_once_whenever_it_is_killed() -> None:
    """Between two calls, or in one that is then made again: the results have no gap."""
    ledger = Ledger.remote()
    pid = loom.get(ledger.pid.remote())
    refs = [ledger.add.remote(1) for _ in range(300)]
    loom.wait(refs, num_returns=50)
    os.kill(pid, signal.SIGKILL)
    assert loom.get(refs) == list(range(1, 301))


@pytest.mark.parametrize("moment", ["call", "checkpoint", "restore"])
def test_killed_at_any_moment_it_goes_on_where_it_was(gate: Any, moment: str) -> None:
    fate = gate()
    for other in {"call", "checkpoint", "restore"} - {moment}:
        fate.note(other)  # no more
    ledger = Ledger.remote(fate)
    refs = [ledger.add.remote(n) for n in (10, 1)]
    if moment == "restore":
        loom.wait(refs, num_returns=2)
        loom.kill(ledger, no_restart=False)
    refs.append(ledger.add.remote(2))
    assert loom.get(refs) == [10, 11, 13]
    assert moment in fate.notes()


def test_it_may_be_kept_after_so_many_calls_only() -> None:
    ledger = Ledger.options(checkpoint_every=4).remote()
    assert loom.get([ledger.add.remote(1) for _ in range(6)])[-1] == 6
    kill(ledger)  # the seventh
    assert loom.get(ledger.add.remote(1)) == 5


def test_refs_in_its_state_are_kept() -> None:
    ledger = Ledger.remote()
    loom.get(ledger.keep.remote([loom.put(bytes(500_000))]))
    kill(ledger)
    assert loom.get(ledger.read.remote()) == 500_000


def test_without_restarts_nothing_is_taken_up() -> None:
    ledger = Ledger.options(max_restarts=1).remote()
    assert loom.get(ledger.add.remote(1)) == 1
    kill(ledger)
    assert loom.get(ledger.add.remote(1)) == 2
    kill(ledger)
    with pytest.raises(errors.ActorDied, match="its 1 restarts are used up"):
        loom.get(ledger.add.remote(1))


def test_a_hook_that_raises_is_the_end() -> None:
    @loom.actor(max_restarts=-1, checkpoint_every=1)
    class Wrong:
        def __init__(self, hook: str) -> None:
            self.hook = hook

        def checkpoint(self) -> int:
            if self.hook == "checkpoint":
                raise OSError("no room")
            return 1

        def restore(self, state: int) -> None:
            raise ValueError(f"what is {state}?")

        def go(self) -> None:
            """Nothing."""

    saves = Wrong.remote("checkpoint")
    with pytest.raises(errors.ActorDied, match=r"its checkpoint\(\) raised OSError: no room"):
        loom.get(saves.go.remote())
    restores = Wrong.remote("restore")
    loom.get(restores.go.remote())
    loom.kill(restores, no_restart=False)
    with pytest.raises(
        errors.ActorDied, match=r"its restore\(\) raised ValueError: what is 1"
    ) as it:
        loom.get(restores.go.remote())
    assert isinstance(it.value.__cause__, ValueError)


def test_what_cannot_be_kept_is_refused_at_the_class() -> None:
    class Bare:
        def restore(self) -> None:
            """It takes no state."""

    class Crowded:
        def checkpoint(self) -> None:
            """Nothing."""

        def restore(self, state: None) -> None:
            """Nothing."""

    with pytest.raises(errors.InvalidOption, match=r"no method checkpoint\(self\)"):
        loom.actor(checkpoint_every=1)(Bare)
    Bare.checkpoint = lambda _: None  # type: ignore[attr-defined]
    with pytest.raises(errors.InvalidOption, match=r"no method restore\(self, state\)"):
        loom.actor(checkpoint_every=1)(Bare)
    with pytest.raises(errors.InvalidOption, match="several calls at the same time"):
        loom.actor(checkpoint_every=1, max_concurrency=2)(Crowded)
    with pytest.raises(errors.InvalidOption, match="checkpoint_every"):
        loom.actor(checkpoint_every=-1)(Crowded)
