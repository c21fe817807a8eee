"""The control plane again, as plainly as it can be said: dictionaries, one writer, no Redis.

This is the specification that the Lua library is tested against.  It may be slow; it must be
obvious.  When the two disagree, decide which is right before touching either.

Every method is a transition, takes the arguments of ``hyperloom/gcs/lua/<table>/<verb>.lua``
and answers what it answers; a refusal is raised as `Refusal`.  `stored` says what the tables
must hold.  Objects and refs are in `tests.models.references`, claims in `tests.models.claims`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hyperloom.gcs import codes
from tests.models.cancels import drop_next, forgo_unsaid, task_cancel, task_drop, task_shut
from tests.models.claims import HandedOn, Offer
from tests.models.ends import became, count_ends, count_failures, is_shared
from tests.models.evictions import task_evict
from tests.models.lineage import Lineage
from tests.models.living_plans import LivingPlans
from tests.models.missed import object_missed
from tests.models.owners import job_close, job_rest, owner_add, owner_list, owner_record
from tests.models.redirects import task_redirect
from tests.models.references import (
    NO_MORE,
    Refusal,
    made_by,
    maker_of,
    output,
    pieces,
    task_of,
)
from tests.models.stops import process_stopped, process_stops, stop_for
from tests.models.streams import stream_consume, stream_open, task_yield
from tests.models.told import lost_with_actor, told

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


@dataclass
class ControlPlane(LivingPlans, Lineage):
    """All that one job keeps."""

    waking: list[bytes] = field(default_factory=list)
    deaths: dict[bytes, int] = field(default_factory=dict)
    redirects: dict[bytes, int] = field(default_factory=dict)
    stream: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    yielded: dict[bytes, int] = field(default_factory=dict)
    resting: bool = False
    stops: dict[bytes, bytes] = field(default_factory=dict)
    stopped: dict[bytes, bytes] = field(default_factory=dict)

    # -- objects come, tasks wake ---------------------------------------------------------

    def settle(self, oids: list[bytes], values: list[bytes]) -> None:
        oids, values = self.missing_only(oids, values)
        unwanted = [oid for oid in oids if not self.is_held(oid)]
        told: dict[bytes, list[bytes]] = {}
        for oid, value in zip(oids, values, strict=True):
            self.value[oid] = value
            short = value if len(value) <= self.limits.NOTIFY_MOST else codes.LARGE
            failed = value.startswith(codes.FAILURE)
            if failed or oid not in self.let_go_by_maker:
                told.setdefault(maker_of(oid), []).extend((oid, value if failed else short))
            for process in self.watchers.pop(oid, []):
                told.setdefault(process, []).extend((oid, short))
        for process, entries in told.items():
            self.tell(process, *entries)

        self.stop_for(oids, values)
        woken = []
        for oid in oids:
            if oid in self.crowds:
                self.waking += [oid] if oid not in self.waking else []  # it came twice
            else:
                woken += [(task, oid) for task in self.lackers.pop(oid, [])]
        self.wake(woken + self._slice_of_a_crowd())
        self.drop(unwanted)

    def _slice_of_a_crowd(self) -> list[tuple[bytes, bytes]]:
        if not self.waking:
            return []
        oid = self.waking[0]
        tasks, most = self.lackers[oid], self.limits.WAKE_MOST
        if len(tasks) < most:
            self.waking.pop(0)
            self.crowds.discard(oid)
            del self.lackers[oid]
        else:
            self.lackers[oid] = tasks[most:]
        return [(task, oid) for task in tasks[:most]]

    def wake(self, woken: list[tuple[bytes, bytes]]) -> None:
        ready = []
        for task, oid in woken:
            if task in self.lacks:  # else it was cancelled
                self.lacks[task].discard(oid)
        for task in dict.fromkeys(task for task, _ in woken):
            if task in self.lacks and not self.lacks[task]:
                del self.lacks[task]
                entry = task if task in self.records else task[: codes.RANGE_ID]
                ready.append((entry, self.next_attempt.pop(task, 1)))
        self.push_front(ready)

    # -- tasks end ------------------------------------------------------------------------

    def close(self, tasks: list[bytes]) -> None:
        for task in tasks:
            for books in (self.records, self.tries, self.deaths, self.redirects, self.children,
                          self.stream, self.yielded, self.lacks, self.next_attempt):  # fmt: skip
                books.pop(task, None)
            for held in self.held.values():
                held.pop(task, None)

    def end(
        self,
        tasks: list[bytes],
        oids: list[bytes],
        values: list[bytes],
        uncounted: Collection[bytes] = (),
    ) -> None:
        """Their outputs come; then what they hold is let go."""
        count_ends(self, [task for task in tasks if task not in uncounted], oids, values)
        large = {task_of(o) for o, value in zip(oids, values, strict=True) if is_shared(value)}
        kept = [task for task in tasks if task in large]
        ends = self.refs_held_by([task for task in tasks if task not in large])
        ends += self.keep_lineage(kept)
        self.close(tasks)
        self.settle(oids, values)
        self.let_go_in_slices(ends)

    def cancel_as_one(self, tasks: list[bytes], failure: bytes) -> None:
        """They were a range, which held what they take once."""
        for task in tasks[1:]:
            for oid, who in self.refs_held_by([task]):
                self.holders[oid].remove(who)
            self.records[task] = self.records[task][: codes.TEMPLATE_ID] + bytes(6)
        self.fail(tasks, failure, what=codes.CANCELLED)

    def fail(
        self,
        tasks: list[bytes],
        failure: bytes,
        *,
        ran: bool | None = None,
        what: bytes | None = None,
    ) -> None:
        """`ran`: they are calls of an actor that was lost, and may have run, or did not."""
        oids = [output(t, index) for t in tasks for index in range(self.returns_of(t))]
        values = [
            self.told(failure, t, ran=ran) for t in tasks for index in range(self.returns_of(t))
        ]
        count_failures(self, tasks, what or became(failure))
        if ran is not None and tasks:
            tried = {task: ran or task in self.tries for task in tasks}
            self.note(codes.CALLS_LOST, lost_with_actor(self.said(failure), tried, self.records))
        self.end(tasks, oids, values, uncounted=tasks)

    def told(self, failure: bytes, task: bytes, *, ran: bool | None) -> bytes:
        body = self.bodies[self.records[task][: codes.TEMPLATE_ID]]
        return failure if ran is None else told(failure, body, ran=ran or task in self.tries)

    def said(self, failure: bytes) -> bytes:
        """What an event has of it."""
        return failure if len(failure) <= self.limits.NOTIFY_MOST else b""

    def is_call(self, task: bytes) -> bool:
        return not task  # there are no actors here

    def leave(self, calls: list[bytes], *, ran: bool) -> None:
        assert not calls, ran

    def finish(self, node: bytes, args: Sequence[bytes]) -> tuple[list[bytes], int]:
        """Those of the results that come too late, and how many there are."""
        stale, done, oids, values = [], [], [], []
        at = 0
        while at < len(args):
            task, attempt, outputs = args[at], int(args[at + 1]), int(args[at + 3])
            if self.held.get(node, {}).get(task) == attempt:
                done.append(task)
                oids += [output(task, index) for index in range(outputs)]
                made = args[at + 4 : at + 4 + outputs]
                values += [made_by(value, args[at + 2]) for value in made]
            else:
                stale.append(task)
                for index in range(outputs if task not in self.records else 0):
                    self.turn_away(output(task, index), args[at + 4 + index])
            at += 4 + outputs
        if stale:
            self.note(codes.TOO_LATE, node + b"".join(stale))
        self.end(done, oids, values)
        return stale, len(stale) + len(done)

    def task_step(self, node: bytes, seen: int, offer: bytes, *args: bytes) -> list[bytes | int]:
        served = self.served.get(node) if offer else None
        if served is not None and served == seen:
            self.host = (node, Offer.parse(offer), [])
        stale, _ = self.finish(node, args)
        more = self.drop_next() + self.release_next() > 0 or bool(self.waking)
        given: list[bytes] = []
        if self.host is not None:
            _, room, given = self.host
            queued, cut = self._give(node, room)
            given += queued
            more = more or cut
            self._stand(node, room)
        elif not offer:
            self.idle.pop(node, None)
        self.serve()
        self.host = None
        behind = served is not None and served != seen
        return [b"".join(stale), int(more) or 2 * int(behind), *given]

    def task_retry(  # noqa: PLR0913, PLR0917 - the transition's own arguments
        self, node: bytes, task: bytes, attempt: int, died: int, failure: bytes, poison: bytes
    ) -> bytes:
        if self.held.get(node, {}).get(task) != attempt:
            raise Refusal("STALE")
        deaths = self.deaths.get(task, 0) + died
        if deaths >= self.deaths_most(task):
            self.fail([task], poison)
            answer = b"POISONED"
        elif not self.try_again(task):
            self.fail([task], failure)
            answer = b"FAILED"
        else:
            self.count(codes.AGAIN, [task])
            if deaths:
                self.deaths[task] = deaths
            del self.held[node][task]
            self.push_front([(task, attempt + 1)])
            answer = b"QUEUED"
        self.serve()
        return answer

    def deaths_most(self, task: bytes) -> float:
        """How many workers it may kill: as many as ever run it, if it asks for many retries."""
        retries, usual = self.retries_of(task), self.limits.DEATHS_MOST
        if retries < 0:
            return float("inf")
        return retries + 1 if retries > usual else usual

    def try_again(self, task: bytes) -> bool:
        """Whether a retry is left; it is used up."""
        retries, tried = self.retries_of(task), self.tries.get(task, 0) + 1
        if 0 <= retries < tried:
            return False
        self.tries[task] = tried
        return True

    task_redirect, task_evict, task_cancel = task_redirect, task_evict, task_cancel
    task_yield, stream_open, stream_consume = task_yield, stream_open, stream_consume
    task_shut, task_drop, drop_next = task_shut, task_drop, drop_next
    owner_add, owner_list, owner_record = owner_add, owner_list, owner_record
    job_rest, job_close, object_missed = job_rest, job_close, object_missed
    process_stops, process_stopped, stop_for = process_stops, process_stopped, stop_for

    def task_give_back(self, node: bytes, *args: bytes) -> int:
        back = []
        for task, attempt in zip(args[0::2], map(int, args[1::2]), strict=True):
            if self.held.get(node, {}).get(task) == attempt:
                del self.held[node][task]
                back.append((task, HandedOn(attempt)))
        self.idle.pop(node, None)
        self.push_front(back)
        self.serve()
        return len(back)

    def task_held(self, node: bytes, _: int, above: int = 0) -> list[bytes]:
        self.idle.pop(node, None)
        served = self.served.get(node)
        if served is not None:
            self.served[node] = max(served, above)
        reply = [b"0", b"0" if served is None else b"%d" % max(served, above)]
        if node in self.served and self.served[node] is None:
            reply[1] = codes.LOST
        for task, attempt in self.held.get(node, {}).items():
            reply += [task, b"%d" % attempt, self.records[task], self.inputs_of(task)]
        return reply

    def task_requeue(self, node: bytes, failure: bytes, most: int) -> int:
        self.idle.pop(node, None)
        if node in self.served:
            self.served[node] = None
        held = self.held.get(node, {})
        taken = sorted(held)[:most]
        left = len(held) - len(taken)
        left_behind = [task for task in taken if self.is_call(task)]
        tasks = [task for task in taken if task not in left_behind]
        again = [(task, held[task] + 1) for task in tasks if self.try_again(task)]
        self.count(codes.AGAIN, [task for task, _ in again])
        for task, _ in again:
            del held[task]
        lost = [task for task in tasks if task in held]
        if again:
            self.note(codes.NODE_LOST, node + b"".join(task for task, _ in again))
        if lost:
            self.note(codes.NODE_FAILED, node + b"".join(t + self.records[t][:8] for t in lost))
        self.fail([task for task in lost if not self.is_actor(task)], failure)
        self.fail([task for task in lost if self.is_actor(task)], codes.ACTOR_LOST)
        self.leave(left_behind, ran=True)
        self.push_front(again)
        if left == 0:
            self.served.pop(node, None)
        self.serve()
        return left

    # -- refs that need to know of tasks --------------------------------------------------

    def ref_contain(self, process: bytes, seq: int, *args: bytes) -> int:
        if not self.hears(process, seq):
            return 0
        pairs = [
            (oid, pieces(contained, codes.OBJECT_ID))
            for oid, contained in zip(args[0::2], args[1::2], strict=True)
            if task_of(oid) in self.records and oid not in self.value
        ]
        before = [
            (inner, ("object", oid)) for oid, _ in pairs for inner in self.inside.get(oid, [])
        ]
        for oid, contained in pairs:
            self.hold(contained, ("object", oid))
            self.inside[oid] = contained
        self.drop(self._unheld_after(before))
        return len(pairs)

    def foreseen(self, oid: bytes) -> bool:
        return self.range_of(task_of(oid)) is not None

    def unsaid(self, oid: bytes) -> bool:
        return not (oid in self.value or task_of(oid) in self.records or self.foreseen(oid))

    def object_watch(self, process: bytes, *oids: bytes) -> list[bytes]:
        answer = []
        for oid in oids:
            value = self.value.get(oid)
            if value is None and not self.unsaid(oid):
                value = b""
                told_anyway = maker_of(oid) == process and oid not in self.let_go_by_maker
                if not told_anyway and process not in self.watchers.get(oid, []):
                    self.watchers.setdefault(oid, []).append(process)
            answer.append(codes.LOST if value is None else value)
        return answer

    def process_join(self, process: bytes, node: bytes) -> int:
        if self.heard.get(process) == NO_MORE:
            return 0
        new = process not in self.homes
        self.homes[process] = node
        return int(new)

    def process_list(self, node: bytes) -> list[bytes]:
        return sorted(process for process, home in self.homes.items() if home == node)

    def object_strays(self, *oids: bytes) -> bytes:
        known = self.value.keys() | self.records.keys()
        return b"".join(oid for oid in oids if oid not in known and task_of(oid) not in known)

    def forgo(self, oids: list[bytes], failure: bytes) -> None:
        """Only calls of actors are given up: `tests.models.actors`."""

    def process_bury(self, process: bytes, start: int, most: int, failure: bytes = b"") -> int:
        if (answer := self.before_burial(process, start, failure)) is not None:
            return answer
        count, width = self.made.get(process, (0, 1))
        self.bury_plans(process, start)
        last = min(count, start + -(-most // width) - 1)
        made = []
        for n in range(start, last + 1):
            task = process + n.to_bytes(6, "big")
            promised = self.returns_of(task) if task in self.records else 0
            if (of := self.range_of(task)) and of.wanted:
                promised = 1
            for index in range(width):
                oid = output(task, index)
                there = oid in self.value or index < promised
                if there and oid not in self.let_go_by_maker:
                    made.append(oid)
        self.abandon(made)
        if failure:
            self.forgo(made, failure)
            forgo_unsaid(self, process, range(start, last + 1), width, failure)
        for n in range(start, last + 1):
            task = process + n.to_bytes(6, "big")
            if task in self.stream:
                self.stream_consume(task, int(codes.FOR_EVER))
        if last < count:
            return last + 1
        self.let_go(sorted(self.holds.pop(process, ())), ("process", process))
        for books in (self.heard, self.made, self.homes, self.owners, self.records_of_owners,
                      self.stops, self.stopped):  # fmt: skip
            books.pop(process, None)
        if failure:
            self.heard[process] = NO_MORE
        return 0
