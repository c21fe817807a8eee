"""How far an actor on this node is with a call, for people who wait for it.

Which calls have begun is known from their worker's count in shared memory (`pool`); what it says
in plain data is what `hyperloom.gcs.standing` reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom.ids import PROCESS_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperloom.raylet.held import Held
    from hyperloom.raylet.machine import NodeMachine
    from hyperloom.raylet.pool import Pool
    from hyperloom.raylet.state import Call, WorkerState

_NAMED = 3  # calls that run


class Standing:
    """Of one node.  `sessions`: the processes as which workers use the API."""

    def __init__(
        self,
        machine: NodeMachine,
        sessions: Mapping[int, bytes],
        pool: Pool,
        clock: Callable[[], float],
    ) -> None:
        self.machine = machine
        self.pool = pool
        self._sessions = sessions
        self._now = clock

    def of(self, task: bytes) -> dict[str, Any] | None:
        """Of a call that is here, or of an actor; None: there is nothing to say."""
        crashes = self.machine.crashes.get(task)
        if crashes is not None and crashes.rests:
            seconds = max(0.0, crashes.until - self._now())
            return {"rests": crashes.times, "seconds": seconds}
        host = self.machine.actors.get(task)
        if host is not None:
            return self._at(host, None)
        for worker in self.machine.actors.values():
            if task in worker.calls:
                return self._at(worker, worker.calls[task])
        return None

    def answering(self, worker: WorkerState) -> list[Held]:
        """The calls that its actor has begun and not answered."""
        if not worker.calls or not self.pool.pid(worker.number):
            return []
        begun = self.pool.begun(worker.number)
        return [each.held for each in worker.calls.values() if worker.has_begun(each, begun)]

    def _at(self, worker: WorkerState, call: Call | None) -> dict[str, Any]:
        begun, lane = self.pool.begun(worker.number), call and call.held.kind.lane
        running: list[Call] = []
        waiting: list[Call] = []
        for each in worker.calls.values():
            if lane is None or each.held.kind.lane == lane:
                (running if worker.has_begun(each, begun) else waiting).append(each)
        own = self._sessions.get(worker.number)
        blocked, many = worker.state == "blocked", worker.sent[0].kind.concurrency > 1
        # Of who runs several at a time nobody knows which wait.  But a call of its own that has
        # not begun says that all that may run do, and that one of them made it.
        ours = [each for each in waiting if each.held.task[:PROCESS_BYTES] == own]
        inner = ours[0] if ours and (blocked or many) else None
        before = [each for each in waiting if call is None or each.number < call.number]
        return {
            "pid": self.pool.pid(worker.number),
            "runs": call in running,
            "before": len(before),
            "running": [_named(each) for each in running[:_NAMED]],
            "number": len(running),
            "seconds": max(0.0, self._now() - worker.call_since),
            "blocked": blocked,
            "many": many,
            "inner": _named(inner) if inner else None,
            "own": call is not None and call.held.task[:PROCESS_BYTES] == own,
        }


def _named(call: Call) -> tuple[str, bytes]:
    return call.held.kind.name, call.held.task
