"""Bad news for the control plane: attempts that came to nothing, processes and nodes that died.

The rule: the raylet never unpickles; what it says of a failure is made of what it saw itself
(`hyperloom.failures`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hyperloom import errors, failures
from hyperloom.failures import Attempt
from hyperloom.gcs import codes, keys
from hyperloom.ids import OBJECT_BYTES, cut, short
from hyperloom.raylet.conversation import namespace_of
from hyperloom.raylet.reserving import REMOVED
from hyperloom.specs import heading_of, label_of, split_entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.raylet.conversation import Conversation
    from hyperloom.raylet.journal import Journal
    from hyperloom.raylet.memory import MemoryWatch
    from hyperloom.raylet.messages import Held
    from hyperloom.raylet.pool import Pool

_AT_ONCE = 500  # objects or tasks in one slice of a burial or a reaping
_FAILURE = codes.FAILURE
_QUEUED, _POISONED = b"QUEUED", b"POISONED"  # what `task_retry` answers
_FAILED = b"FAILED"  # what `task_redirect` answers when it was too often


class Reporter:
    """See the module."""

    def __init__(
        self, gcs: Conversation, node: bytes, pool: Pool, memory: MemoryWatch, journal: Journal
    ) -> None:
        self._gcs = gcs
        self._node = node
        self._pool = pool
        self._memory = memory
        self._journal = journal
        self._codes: dict[int, int] = {}  # worker -> how it ended
        self._since = 0.0  # when the one that ended last had its last progress

    def exited(self, worker: int, code: int, since: float) -> None:
        """A worker ended; what is reported next of its tasks says so."""
        self._since = since
        for gone in self._codes:
            self._memory.forget(gone)
        self._codes = {worker: code}

    def failure(self, task: Held, worker: int, why: str) -> bytes:
        """The inline failure of a task that is over for a reason that `ReportFailed` has."""
        who = self._who(task, worker)
        if why == "timeout":
            return _FAILURE + failures.timed_out(who, limit_s=task.kind.timeout_s or 0)
        if why == REMOVED:
            return _FAILURE + failures.group_removed(who, group=task.kind.group)
        return _FAILURE + failures.cancelled(who)

    def failed(self, task: Held, worker: int, failure: bytes, since: float | None) -> list[Any]:
        """The task's end in the form in which ``task_step`` takes it.

        `since`: when it began, if its worker lives and it did.
        """
        pid = self._pool.pid(worker)
        self._journal.came_to_nothing(task, pid, since, failure[1:], retried=False)
        outputs = task.kind.outputs
        return [task.task, task.attempt, heading_of(task.record), outputs, *[failure] * outputs]

    def give_back(self, tasks: Sequence[Held]) -> None:
        """Others shall run these; all are of one job."""
        namespace = keys.job_namespace(tasks[0].kind.job)
        said = [part for held in tasks for part in (held.task, held.attempt)]
        self._gcs.apply("task_give_back", namespace, self._node, *said)

    def cancel(self, task: bytes, *, force: bool) -> None:
        """We do not have it (any more, or yet): who has it shall hear of it."""
        failure = _FAILURE + failures.cancelled(Attempt(task, "", 0, self._node))
        namespace = namespace_of(task)
        self._gcs.apply("task_cancel", namespace, failure, int(force), task)

    def lost(self, task: Held, worker: int, *, died: bool, killed: str) -> None:
        """Its worker died; it is tried again as long as its retries last."""
        who = self._who(task, worker)
        code = self._codes.get(worker, 0)
        stderr = self._pool.tail(worker)
        if died and killed == "oom":
            failure = poison = self._memory.report(worker, who)
        else:
            failure = failures.crashed(who, exit_code=code, stderr=stderr)
            deaths = _deaths_most(task.kind.retries)
            poison = failures.poisoned(who, deaths=deaths, exit_code=code, stderr=stderr)
        began, at = self._since, time.monotonic()

        def told(answer: bytes) -> None:
            # It ended before this was asked: by now the next attempt may have begun elsewhere.
            why = poison if answer == _POISONED else failure
            retried = answer == _QUEUED
            self._journal.came_to_nothing(task, who.pid, began, why, retried=retried, at=at)

        self._retry(task.entry, died, failure, poison, told)

    def actor_lost(
        self, actor: Held, worker: int, begun: Sequence[Held], killed: str
    ) -> Callable[[], None]:
        """Its worker died; it starts again as long as its restarts last.  Call what it returns."""
        who, retries = self._who(actor, worker), actor.kind.retries
        code, stderr = self._codes.get(worker, 0), self._pool.tail(worker)
        cause = failures.why_lost(killed, exit_code=code, stderr=stderr)
        unavailable = failures.actor_unavailable(who, cause=cause)
        died = failures.actor_died(who, cause=cause, restarts=retries)
        namespace, ids = namespace_of(who.task_id), _ids(begun)
        return lambda: self._gcs.apply(
            "actor_lost", namespace, self._node, actor.task, actor.attempt, ids,
            _FAILURE + unavailable, _FAILURE + died, then=self._or_left(actor, ids),
        )  # fmt: skip

    def actor_moves(self, actor: Held, begun: Sequence[Held]) -> None:
        """It is to live on another node, since this one leaves."""
        who = self._who(actor, 0)
        cause = f"its node {short(self._node)} was drained"
        failure = _FAILURE + failures.actor_unavailable(who, cause=cause)
        namespace, ids = namespace_of(actor.task), _ids(begun)
        self._gcs.apply(
            "actor_move", namespace, self._node, actor.task, actor.attempt, ids, failure,
            then=self._or_left(actor, ids),
        )  # fmt: skip

    def actor_over(self, actor: Held, failure: bytes, begun: Sequence[Held] = ()) -> None:
        """It has ended by itself."""
        namespace, ids = namespace_of(actor.task), _ids(begun)
        self._gcs.apply(
            "actor_over", namespace, self._node, actor.task, actor.attempt, failure, ids,
            then=self._or_left(actor, ids),
        )  # fmt: skip

    def actor_left(self, actor: Held, ids: bytes) -> None:
        """It was killed, and its worker is gone, which may have begun these calls."""
        namespace = namespace_of(actor.task)
        self._gcs.apply("actor_left", namespace, self._node, actor.task, ids)

    def _or_left(self, actor: Held, ids: bytes) -> Callable[[Any], None]:
        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            # STALE: the actor was taken from us meanwhile, or was killed, or this was said twice.
            if isinstance(reply, errors.Stale):
                self.actor_left(actor, ids)
            elif isinstance(reply, errors.LoomError):
                raise reply

        return answered

    def if_node_dies(self, actor: Held, worker: int) -> tuple[bytes, bytes]:
        """What its calls that may have run become, and itself if it does not start again."""
        who = self._who(actor, worker)
        cause = f"its node {short(self._node)} is lost"
        unavailable = failures.actor_unavailable(who, cause=cause)
        died = failures.actor_died(who, cause=cause, restarts=actor.kind.retries)
        return _FAILURE + unavailable, _FAILURE + died

    def retry(self, worker: int, entry: bytes, failure: bytes, row: bytes) -> None:
        """It raised what its options say to retry."""
        pid = self._pool.pid(worker)

        def told(answer: bytes) -> None:
            self._journal.raised(row, pid, failure[1:], retried=answer == _QUEUED)

        self._retry(entry, 0, failure[1:], failure[1:], told)

    def redirect(self, task: Held, worker: int, record: bytes, row: bytes) -> None:
        """It goes on as another task."""
        self._journal.row(self._pool.pid(worker), row)
        who = self._who(task, worker)
        failure = failures.redirected_too_often(who, most=codes.REDIRECTS_MOST)
        lost = failures.node_lost(who, reason="what it was to go on as is not known any more")

        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(reply, errors.NotFound):  # a restored server lost the new template
                self._retry(task.entry, 0, lost, lost, lambda _: None)
            elif reply == _FAILED:
                self._journal.came_to_nothing(task, who.pid, None, failure, retried=False)
            elif isinstance(reply, errors.LoomError) and not isinstance(reply, errors.Stale):
                raise reply

        self._gcs.apply(
            "task_redirect", namespace_of(task.task), self._node,
            task.task, task.attempt, _FAILURE + failure, record, then=answered,
        )  # fmt: skip

    def _retry(
        self,
        entry: bytes,
        died: int,
        failure: bytes,
        poison: bytes,
        told: Callable[[bytes], None],
    ) -> None:
        task, attempt = split_entry(entry)

        def answered(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            # STALE: the attempt was taken from us meanwhile, or this was said twice.
            if not isinstance(reply, errors.LoomError):
                told(reply)
            elif not isinstance(reply, errors.Stale):
                raise reply

        self._gcs.apply(
            "task_retry", namespace_of(task), self._node, task, attempt, int(died),
            _FAILURE + failure, _FAILURE + poison, then=answered,
        )  # fmt: skip

    def bury(self, process: bytes, then: Callable[[], None] = lambda: None) -> None:
        """A process has ended: what it held is let go, slice by slice; `then` all is."""
        self._bury(process, then, 1, ())

    def mourn(self, process: bytes, then: Callable[[], None] = lambda: None) -> None:
        """The same, but it was killed: calls of which it alone wanted a result are given up."""
        self._bury(process, then, 1, (given_up(self._node),))

    def _bury(
        self, process: bytes, then: Callable[[], None], first: int, why: tuple[bytes, ...]
    ) -> None:
        def next_slice(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(reply, int) and reply:
                self._bury(process, then, reply, why)
            else:
                then()

        namespace = namespace_of(process)
        self._gcs.apply("process_bury", namespace, process, first, _AT_ONCE, *why, then=next_slice)

    def strays(
        self, job: bytes, oids: Sequence[bytes], free: Callable[[list[bytes]], None]
    ) -> None:
        """Have those objects of a job freed that the control plane never heard of."""
        namespace = keys.job_namespace(job)

        def told(reply: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(reply, bytes):
                free(cut(reply, OBJECT_BYTES))

        for at in range(0, len(oids), _AT_ONCE):
            self._gcs.apply("object_strays", namespace, *oids[at : at + _AT_ONCE], then=told)

    def reap(self, node: bytes, jobs: list[bytes]) -> None:
        """Another node is dead: its tasks go to others, and its workers are buried."""
        self._gcs.apply("node_leave", keys.CLUSTER, node)
        who = Attempt(b"", "", 0, node)
        failure = _FAILURE + failures.node_lost(who)
        for job in jobs:
            self._requeue(job, node, failure)

    def _requeue(self, job: bytes, node: bytes, failure: bytes) -> None:
        def next_slice(left: Any) -> None:  # noqa: ANN401 - Redis' own reply
            if isinstance(left, int) and left:
                self._requeue(job, node, failure)
            else:
                self._gcs.apply("process_list", namespace, node, then=self._bury_all)

        namespace = keys.job_namespace(job)
        self._gcs.apply("task_requeue", namespace, node, failure, _AT_ONCE, then=next_slice)

    def _bury_all(self, processes: Any) -> None:  # noqa: ANN401 - Redis' own reply
        if not isinstance(processes, errors.LoomError):
            for process in processes:
                self.mourn(process)  # the store of a dead node is gone with it

    def _who(self, task: Held, worker: int) -> Attempt:
        name = failures.known_as(label_of(task.record), task.kind.name)
        pid = self._pool.pid(worker)
        return Attempt(task.task, name, task.attempt, self._node, pid, task.kind.role)


def given_up(node: bytes) -> bytes:
    """What calls become of which nobody wants a result any more."""
    return _FAILURE + failures.cancelled(Attempt(b"", "", 0, node))


def _deaths_most(retries: int) -> int:
    # As task/retry.lua counts; without end (-1) there is no poison, and the number is not told.
    return retries + 1 if retries > codes.DEATHS_MOST else codes.DEATHS_MOST


def _ids(calls: Sequence[Held]) -> bytes:
    return b"".join([call.task for call in calls])
