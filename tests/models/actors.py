"""Actors, their calls and their ends, as plainly as it can be said.

An actor is a task that is not over as long as it lives; a call is a task of the queue ``@``.  What
is written down besides: who may be called, whom a name means, which calls wait, in what lane.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hyperloom.gcs import codes
from tests.models.actor_ends import actor_kill, actor_left, actor_over, leave
from tests.models.control_plane import ControlPlane
from tests.models.references import Refusal, maker_of, output, pieces, task_of

PARKED = int(codes.PARKED)
Entry = tuple[bytes, int]


@dataclass
class Host:
    node: bytes
    attempt: int
    granted: int
    dealt: int = 0

    def row(self) -> bytes:
        return self.node + b"%d,%d,%d" % (self.attempt, self.granted, self.dealt)


@dataclass
class Actors(ControlPlane):
    """A control plane with actors."""

    actors: dict[bytes, bytes] = field(default_factory=dict)  # -> marker and full name
    names: dict[bytes, bytes] = field(default_factory=dict)
    ceded: dict[bytes, int] = field(default_factory=dict)
    unordered: set[bytes] = field(default_factory=set)
    saved: dict[bytes, tuple[list[bytes], bytes]] = field(default_factory=dict)
    hosts: dict[bytes, Host] = field(default_factory=dict)
    unavailable: dict[bytes, bytes] = field(default_factory=dict)
    bereft: dict[bytes, bytes] = field(default_factory=dict)
    lanes: dict[bytes, dict[bytes, list[Entry]]] = field(default_factory=dict)
    scores: dict[bytes, dict[bytes, int]] = field(default_factory=dict)

    former: dict[bytes, bytes] = field(default_factory=dict)  # records of actors that are over

    # -- what is what -----------------------------------------------------------------------

    def close(self, tasks: list[bytes]) -> None:
        self.former.update({t: self.records[t] for t in tasks if t in self.actors})
        super().close(tasks)

    def terms_of(self, task: bytes) -> tuple[int, int, bytes]:
        """Of an actor also when it ended while it was put back: its entry stays in the queue."""
        if task in self.former:
            return self.terms[self.former[task][: codes.TEMPLATE_ID]]
        return super().terms_of(task)

    def is_actor(self, task: bytes) -> bool:
        return task in self.actors

    def is_call(self, task: bytes) -> bool:
        return task in self.records and self.terms_of(task)[2] == codes.CALL

    def actor_of(self, call: bytes) -> bytes:
        return task_of(self.refs_of(self.records[call])[1][0])

    def calls_of(self, actor: bytes, node: bytes) -> list[bytes]:
        held = sorted(self.held.get(node, {}))
        return [task for task in held if self.is_call(task) and self.actor_of(task) == actor]

    def holder(self, task: bytes) -> bytes | None:
        return next((n for n in self.served if task in self.held.get(n, {})), None)

    # -- beginnings -------------------------------------------------------------------------

    def actor_create(  # noqa: PLR0913, PLR0917 - the transition's own arguments
        self, process: bytes, seq: int, count: int, template: bytes, actor: bytes, record: bytes,
        name: bytes, found: int, detached: int, claim: bytes, unordered: int,
    ) -> list[bytes]:  # fmt: skip
        heard = self.hears(process, seq)
        other = self.names.get(name) if name else None
        if heard:
            self.has_made(process, count, self.terms[template][0])
        if other is not None and other != actor:
            if found:
                self.found_by(process, output(other, 0))
            kind = self.records[other][: codes.TEMPLATE_ID]
            return [b"FOUND" if found else b"TAKEN", other, self.bodies[kind]]
        if other is None and claim and int(claim) <= self.ceded.get(name, 0):
            return [b"CEDED"]
        if not heard:
            return [b"CREATED"]
        if unordered:
            self.unordered.add(actor)
        self.actors[actor] = (codes.DETACHED if detached else codes.ATTACHED) + name
        if name:
            self.names[name] = actor
        if detached:
            self.hold([output(actor, 0)], ("detached", actor))
            self.owners[actor] = codes.RESIDENT + name
        self.records[actor] = record
        self.count(codes.SUBMITTED, [actor])
        self.note(codes.SUBMITTED, actor + actor)
        inputs, others = self.refs_of(record)
        self.hold(inputs + others, ("task", actor))
        self.push_back(template, self.wait_for([actor]))
        return [b"CREATED"]

    def found_by(self, process: bytes, oid: bytes) -> None:
        mine = self.holds.setdefault(process, set())
        holds_it = maker_of(oid) == process and oid not in self.let_go_by_maker
        if not holds_it and oid not in mine:
            self.hold([oid], ("process", process))
            mine.add(oid)

    def actor_find(self, process: bytes, name: bytes) -> list[bytes] | None:
        actor = self.names.get(name)
        if actor is None:
            return None
        self.found_by(process, output(actor, 0))
        return [actor, self.bodies[self.records[actor][: codes.TEMPLATE_ID]]]

    def actor_cede(self, name: bytes, claim: int) -> bytes:
        if name in self.names:
            return b"HELD"
        self.ceded[name] = max(claim, self.ceded.get(name, 0))
        return b"CEDED"

    def actor_names(self) -> list[bytes]:
        return sorted(self.names)

    def actor_open(  # noqa: PLR0913, PLR0917 - the transition's own arguments
        self, node: bytes, actor: bytes, attempt: int, granted: int, unavailable: bytes,
        bereft: bytes,
    ) -> int:  # fmt: skip
        if self.held.get(node, {}).get(actor) != attempt:
            raise Refusal("STALE")
        host = self.hosts.setdefault(actor, Host(node, attempt, 0))
        host.granted = max(granted, host.dealt)
        if unavailable:
            self.unavailable[actor], self.bereft[actor] = unavailable, bereft
        self.deal(actor)
        return host.dealt

    # -- calls ------------------------------------------------------------------------------

    def actor_call(  # noqa: PLR0913, PLR0917 - the transition's own arguments
        self, process: bytes, seq: int, count: int, width: int, parent: bytes, actor: bytes,
        *args: bytes,
    ) -> int:  # fmt: skip
        if not self.hears(process, seq):
            return 0
        self.has_made(process, count, width)
        ids = list(args[0::2])
        for task, record in zip(ids, args[1::2], strict=True):
            self.records[task] = record
            inputs, others = self.refs_of(record)
            self.hold(inputs + others, ("task", task))
        self.count(codes.SUBMITTED, ids)
        self.note(codes.SUBMITTED, ids[0] + ids[-1] + parent)
        self.adopt(parent, ids)
        if actor not in self.actors:
            self.fail(ids, self.value.get(output(actor, 0), codes.ACTOR_OVER), ran=False)
            return len(ids)
        self.wait_for(ids)
        self._line_up(actor, process, ids)
        return len(ids)

    def _line_up(self, actor: bytes, process: bytes, ids: list[bytes]) -> None:
        lanes, fresh = self.lanes.setdefault(actor, {}), process not in self.lanes.get(actor, {})
        if actor in self.unordered:
            for task in [task for task in ids if task in self.lacks]:
                lanes[task] = [(task, 1)]
                self.scores.setdefault(actor, {})[task] = PARKED
            ids = [task for task in ids if task not in self.lacks]
        if fresh:
            able = next((i for i, task in enumerate(ids) if task in self.lacks), len(ids))
            host = self.hosts.get(actor)
            number = min(able, host.granted - host.dealt) if host else 0
            if number > 0:
                self._hand_over(actor, [(task, 1) for task in ids[:number]])
                ids = ids[number:]
        if ids:
            lanes.setdefault(process, []).extend((task, 1) for task in ids)
            if fresh:
                score = PARKED if ids[0] in self.lacks else 0
                self.scores.setdefault(actor, {})[process] = score

    def _hand_over(self, actor: bytes, items: list[Entry]) -> None:
        host = self.hosts[actor]
        host.dealt += len(items)
        given = self._now_held(host.node, items)
        numbers = b"%d" % host.attempt, b"%d" % host.dealt
        self.tell(host.node, codes.CALLS, actor, *numbers, *given)

    def deal(self, actor: bytes) -> None:
        host, taken = self.hosts.get(actor), []
        scores, lanes = self.scores.get(actor, {}), self.lanes.get(actor, {})
        while host is not None and len(taken) < host.granted - host.dealt:
            able = [(score, who) for who, score in scores.items() if score < PARKED]
            if not able:
                break
            process = min(able)[1]
            lane = lanes[process]
            looked = lane[: host.granted - host.dealt - len(taken)]
            blocked = next((i for i, (task, _) in enumerate(looked) if task in self.lacks), None)
            passed = looked if blocked is None else looked[:blocked]
            taken += [item for item in passed if item[0] in self.records]
            del lane[: len(passed)]
            if blocked is not None:
                scores[process] = PARKED
            elif lane:
                self.turn += 1
                scores[process] = self.turn
            else:
                del scores[process], lanes[process]
        if taken:
            self._hand_over(actor, taken)

    def push_front(self, entries: list[Entry]) -> None:
        calls = [task for task, _ in entries if self.is_call(task)]
        super().push_front([item for item in entries if not self.is_call(item[0])])
        actors = []
        for task in calls:
            actor, lane = self.actor_of(task), self._first_of(task)
            if lane:
                self.scores[actor][lane] = 0
                actors.append(actor)
        for actor in dict.fromkeys(actors):
            self.deal(actor)

    def _first_of(self, call: bytes) -> bytes:
        """The lane in which the call is the first, if it is."""
        lanes = self.lanes.get(self.actor_of(call), {})
        name = call if call in lanes else maker_of(call)
        return name if lanes.get(name) and lanes[name][0][0] == call else b""

    def lanes_behind(self, tasks: list[bytes]) -> list[tuple[bytes, bytes]]:
        firsts = [task for task in tasks if self.is_call(task) and self._first_of(task)]
        return [(self.actor_of(task), self._first_of(task)) for task in firsts]

    def pass_over(self, lanes: list[tuple[bytes, bytes]]) -> None:
        for actor, process in lanes:
            if actor in self.actors:
                self.scores[actor][process] = 0
                self.deal(actor)

    def forgo(self, oids: list[bytes], failure: bytes) -> None:
        wanted = {task_of(oid) for oid in oids if self.is_held(oid)}
        tasks = dict.fromkeys(task_of(oid) for oid in oids if task_of(oid) in self.records)
        calls = [task for task in tasks if self.is_call(task) and task not in wanted]
        if calls:
            self.task_cancel(failure, 0, *calls)

    # -- ends -------------------------------------------------------------------------------

    def fail(
        self,
        tasks: list[bytes],
        failure: bytes,
        *,
        ran: bool | None = None,
        what: bytes | None = None,
    ) -> None:
        known = [task for task in tasks if task in self.records]
        ends = [(task, self.holder(task)) for task in known if task in self.actors]
        kinds = [self.records[task][: codes.TEMPLATE_ID] for task, _ in ends]
        super().fail(known, failure, ran=ran, what=what)
        for (actor, node), kind in zip(ends, kinds, strict=True):
            self.note(codes.ACTOR_ENDED, actor + kind + self.said(failure))
            self._lay_to_rest(actor, node, failure)

    def _lay_to_rest(self, actor: bytes, node: bytes | None, failure: bytes) -> None:
        self.unordered.discard(actor)
        row, opened = self.actors.pop(actor), self.hosts.pop(actor, None)
        self.unavailable.pop(actor, None)
        self.bereft.pop(actor, None)
        self.let_go(self.saved.pop(actor, ([], b""))[0], ("state", actor))
        self.names.pop(row[1:], None)
        if opened is not None and node is not None:
            self.fail(self.calls_of(actor, node), failure, ran=False)
        lanes, scores = self.lanes.pop(actor, {}), self.scores.pop(actor, {})
        order = sorted(scores, key=lambda process: (scores[process], process))
        self.fail([task for process in order for task, _ in lanes[process]], failure, ran=False)
        if node is not None:
            self.tell(node, codes.ACTOR, actor, codes.KILL)
        if row[:1] == codes.DETACHED:
            del self.owners[actor]
            self.let_go([output(actor, 0)], ("detached", actor))

    def drop(self, oids: list[bytes]) -> None:
        inner: list[bytes] = []
        seen = self._unheld_after

        def noting(ends: list[tuple[bytes, tuple[str, bytes]]]) -> list[bytes]:
            found = seen(ends)
            inner.extend(found)
            return found

        self._unheld_after = noting  # type: ignore[method-assign]
        try:
            super().drop(oids)
        finally:
            del self._unheld_after
        for oid in (*inner, *oids):
            actor = task_of(oid)
            if actor in self.actors and oid == output(actor, 0) and not self.is_held(oid):
                if (node := self.holder(actor)) is not None:
                    self.tell(node, codes.ACTOR, actor, codes.REST)
                self.fail([actor], codes.LOST)

    actor_over, actor_left, leave, actor_kill = actor_over, actor_left, leave, actor_kill

    def actor_save(
        self, node: bytes, actor: bytes, attempt: int, refs: bytes, state: bytes, *results: bytes
    ) -> list[int]:
        inner = pieces(refs, codes.OBJECT_ID)
        self.hold(inner, ("state", actor))
        current = self.held.get(node, {}).get(actor) == attempt
        stale, number = self.finish(node, results)
        saved = current and actor in self.actors and len(stale) < number
        if saved:
            before, _ = self.saved.get(actor, ([], b""))
            self.saved[actor] = inner, state
        else:
            before = inner
        self.let_go(before, ("state", actor))
        self.serve()
        return [int(saved), int(bool(self.waking or self.releasing))]

    def actor_saved(self, actor: bytes) -> bytes | None:
        return self.saved[actor][1] if actor in self.saved else None

    def actor_lost(  # noqa: PLR0913, PLR0917 - the transition's own arguments
        self, node: bytes, actor: bytes, attempt: int, begun: bytes, unavailable: bytes,
        died: bytes | None,
    ) -> bytes:  # fmt: skip
        if self.held.get(node, {}).get(actor) != attempt:
            raise Refusal("STALE")
        ran = set(pieces(begun, codes.TASK_ID))
        answer = self._lose(node, actor, ran, unavailable, died)
        self.serve()
        return answer

    def actor_move(self, *args: Any) -> bytes:
        return self.actor_lost(*args, None)

    def _lose(
        self, node: bytes, actor: bytes, ran: set[bytes] | None, unavailable: bytes,
        died: bytes | None,
    ) -> bytes:  # fmt: skip
        """`died` is None of one that moves, which uses up no restart."""
        held, calls = self.held[node], self.calls_of(actor, node)
        attempt = held[actor]
        again = died is None or self.try_again(actor)
        self.hosts.pop(actor, None)
        back, lost, retried = [], [], []
        for call in calls:
            begun = ran is None or call in ran
            if begun and not (again and self.try_again(call)):
                lost.append(call)
            elif again:
                back.append((call, held.pop(call) + begun))
                retried += [call] * begun
        self.count(codes.AGAIN, retried)
        for call, number in reversed(back):
            self.lanes.setdefault(actor, {}).setdefault(maker_of(call), []).insert(
                0, (call, number)
            )
            self.scores.setdefault(actor, {})[maker_of(call)] = 0
        self.fail(lost, unavailable if again else died, ran=True)
        if again:
            del held[actor]
            self.count(codes.AGAIN, [actor])
            self.push_front([(actor, attempt + 1)])
            return b"RESTARTING"
        self.hosts[actor] = Host(node, attempt, 0)
        self.fail([actor], died)
        return b"DEAD"

    def task_requeue(self, node: bytes, failure: bytes, most: int) -> int:
        self.idle.pop(node, None)
        if node in self.served:
            self.served[node] = None
        for actor in sorted(a for a, host in self.hosts.items() if host.node == node):
            unavailable = self.unavailable.get(actor, failure)
            self._lose(node, actor, None, unavailable, self.bereft.get(actor, failure))
        return super().task_requeue(node, failure, most)
