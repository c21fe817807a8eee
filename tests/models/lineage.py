"""How what lies in stores alone is made again.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from dataclasses import dataclass, field

from hyperloom.gcs import codes
from tests.models.arrivals import Arrivals
from tests.models.references import output, task_of


@dataclass
class Kept:
    """What is kept of a task that is over; `why` it cannot run again, if so."""

    why: bytes
    returns: int
    attempt: int = 0
    tries: int = 0
    bytes: int = 0
    marks: str = ""  # for each ref: h (held), l (leant on), -
    record: bytes = b""

    def row(self) -> bytes:
        if self.why:
            return self.why + b"%d" % self.returns
        numbers = (self.returns, self.attempt, self.tries, self.bytes)
        return codes.REMAKE + b"%d,%d,%d,%d," % numbers + self.marks.encode() + b";" + self.record


class Impossible(Exception):
    """Why something cannot be made again, and of which object that is true."""

    def __init__(self, why: bytes, oid: bytes) -> None:
        super().__init__(why, oid)
        self.why, self.oid = why, oid


@dataclass
class Lineage(Arrivals):
    """Records of tasks that are over."""

    tries: dict[bytes, int] = field(default_factory=dict)
    lineage: dict[bytes, Kept] = field(default_factory=dict)
    lineage_order: list[bytes] = field(default_factory=list)
    lineage_over: list[bytes] = field(default_factory=list)
    leans: dict[bytes, int] = field(default_factory=dict)
    remade: set[bytes] = field(default_factory=set)

    def lineage_bytes(self) -> int:
        return sum(kept.bytes for kept in self.lineage.values())

    def refs_held_by(self, tasks: list[bytes]) -> list[tuple[bytes, tuple[str, bytes]]]:
        found = []
        for task in tasks:
            inputs, others = self.refs_of(self.records[task])
            found += [(oid, ("task", task)) for oid in inputs + others]
        return found

    # -- it begins ------------------------------------------------------------------------

    def keep_lineage(self, tasks: list[bytes]) -> list[tuple[bytes, tuple[str, bytes]]]:
        """They are over, and made something large -> what is to be let go of."""
        ends = []
        if tasks:
            self._bound()
        for task in tasks:
            returns, retries, queue = self.terms_of(task)
            if queue == codes.CALL or retries == 0:
                why = codes.FROM_ACTOR if queue == codes.CALL else codes.NO_RETRIES
                self.lineage[task] = Kept(why, returns)
                ends += self.refs_held_by([task])
            else:
                ends += self._keep(task, returns)
        return ends

    def _keep(self, task: bytes, returns: int) -> list[tuple[bytes, tuple[str, bytes]]]:
        record, marks, ends = self.records[task], "", []
        size = len(record) + codes.LINEAGE_ROW
        for oid, who in self.refs_held_by([task]):
            value = self.value.get(oid)
            if value is not None and not value.startswith(codes.SHARED):
                marks += "h"
                size += len(value)
                self.holders[oid][self.holders[oid].index(who)] = ("lineage", task)
            else:
                ends.append((oid, who))
                actor = value is None and self.is_actor(task_of(oid))
                marks += "-" if actor else "l"
                if not actor:
                    self.leans[task_of(oid)] = self.leans.get(task_of(oid), 0) + 1
        attempt = next(held[task] for held in self.held.values() if task in held)
        tries = self.tries.get(task, 0)
        self.lineage[task] = Kept(b"", returns, attempt, tries, size, marks, record)
        self.lineage_order.append(task)
        return ends

    def is_actor(self, task: bytes) -> bool:
        del task
        return False

    # -- it ends --------------------------------------------------------------------------

    def _lean_less(self, task: bytes) -> bool:
        self.leans[task] -= 1
        if self.leans[task] == 0:
            del self.leans[task]
        return task not in self.leans

    def _drop_lineage(self, task: bytes) -> tuple[list[bytes], list[bytes]]:
        kept, held, free = self.lineage.pop(task), [], []
        refs = [oid for each in self.refs_of(kept.record) for oid in each] if kept.record else []
        for oid, mark in zip(refs, kept.marks, strict=True):
            if mark == "h":
                held.append(oid)
            elif mark == "l" and self._lean_less(task_of(oid)):
                free.append(task_of(oid))
        return held, free

    def _in_stores(self, task: bytes, returns: int) -> bool:
        return any(self.places(output(task, index)) for index in range(returns))

    def forget_makers(self, tasks: list[bytes]) -> None:
        left = self.limits.LINEAGE_SLICE if self.lineage else 0
        while tasks and left:
            task, left = tasks.pop(), left - 1
            kept = self.lineage.get(task)
            if kept and task not in self.leans and not self._in_stores(task, kept.returns):
                held, free = self._drop_lineage(task)
                tasks += free
                self.let_go(held, ("lineage", task))
        self.lineage_over += tasks
        self._end_lineage()

    def _end_lineage(self) -> None:
        if not self.lineage:
            self.lineage_order.clear()
            self.lineage_over.clear()

    def _bound(self) -> None:
        order = self.lineage_order
        while self.lineage_bytes() > self.limits.LINEAGE_BYTES:
            task = order.pop(0)
            kept = self.lineage.get(task)
            if kept and not kept.why:
                held, free = self._drop_lineage(task)
                if self._in_stores(task, kept.returns):
                    self.lineage[task] = Kept(codes.DROPPED, kept.returns)
                self.let_go(held, ("lineage", task))
                self.forget_makers(free)
        for _ in range(2):
            if not order:
                break
            task = order.pop(0)
            if task in self.lineage:
                long = len(order) > 2 * len(self.lineage) + self.limits.LINEAGE_SLICE
                order.insert(len(order) if long else 0, task)
        now, slice_ = self.lineage_over, self.limits.LINEAGE_SLICE
        self.lineage_over = now[slice_:]
        self.forget_makers(now[:slice_])

    # -- what was lost is made again ------------------------------------------------------

    def is_made(self, oid: bytes) -> bool:
        return task_of(oid) in self.records or self.foreseen(oid)

    def is_lost(self, oid: bytes, gone: list[bytes]) -> bool:
        places = self.places(oid)
        left = [n for n in places if self.served.get(n) is not None and n not in gone]
        return bool(places) and not left

    def _plan(
        self,
        oid: bytes,
        gone: dict[bytes, list[bytes]],
        plan: list[bytes],
        seen: list[bytes],
        at: int = 0,
    ) -> None:
        task, value = task_of(oid), self.value.get(oid)
        there = value is not None and not self.is_lost(oid, gone.get(oid, []))
        if task in seen or there or self.is_made(oid):
            return
        kept = self.lineage.get(task)
        if kept is None and value is None:
            raise Impossible(codes.FORGOTTEN, oid)
        if kept is None:
            raise Impossible(codes.WAS_PUT if oid == output(task, 0) else codes.STREAMED, oid)
        if kept.why:
            raise Impossible(kept.why, oid)
        retries = self.terms[kept.record[: codes.TEMPLATE_ID]][1]
        if 0 <= retries <= kept.tries:
            raise Impossible(codes.NO_TRIES, oid)
        if at == self.limits.LINEAGE_DEPTH or len(seen) == self.limits.LINEAGE_TASKS:
            raise Impossible(codes.TOO_DEEP, oid)
        seen.append(task)
        for each in self.refs_of(kept.record):
            for ref in each:
                self._plan(ref, gone, plan, seen, at + 1)
        plan.append(task)

    def _remake(self, plan: list[bytes], gone: dict[bytes, list[bytes]]) -> None:
        kept = {task: self.lineage[task] for task in plan}
        for task in plan:
            for oid in [output(task, index) for index in range(kept[task].returns)]:
                if oid not in self.value:
                    self.let_go_by_maker.add(oid)
                elif self.is_lost(oid, gone.get(oid, [])):
                    del self.value[oid]
                    self.copies.pop(oid, None)
            self.records[task] = kept[task].record
            self.tries[task] = kept[task].tries + 1
            self.remade.add(task)
        for task in plan:
            del self.lineage[task]
            for (oid, who), mark in zip(self.refs_held_by([task]), kept[task].marks, strict=True):
                if mark == "h":
                    self.holders[oid][self.holders[oid].index(("lineage", task))] = who
                else:
                    self.hold([oid], who)
                if mark == "l":
                    self._lean_less(task_of(oid))
        self._end_lineage()
        self.count(codes.SUBMITTED, plan)
        self.again([(task, kept[task].attempt + 1) for task in plan])

    def again(self, entries: list[tuple[bytes, int]]) -> bool:
        """They run as soon as their inputs exist -> whether the last one's do."""
        tasks = [task for task, _ in entries]
        ready = self.wait_for(tasks)
        self.next_attempt.update({t: n for t, n in entries if t not in ready and n != 1})
        self.push_front([(task, attempt) for task, attempt in entries if task in ready])
        return tasks[-1] in ready if tasks else False

    def task_remake(self, oid: bytes, gone: bytes) -> list[bytes]:
        width = codes.NODE_ID
        not_there = {oid: [gone[i : i + width] for i in range(0, len(gone), width)]}
        if oid in self.value and not self.is_lost(oid, not_there[oid]):
            return [b"HERE"]
        if oid not in self.value:
            return [b"MAKING"] if self.is_made(oid) else [codes.FORGOTTEN, oid]
        plan: list[bytes] = []
        try:
            self._plan(oid, not_there, plan, [])
        except Impossible as obstacle:
            return [obstacle.why, obstacle.oid]
        self._remake(plan, not_there)
        self.serve()
        return [codes.REMAKE]

    def task_put_off(self, node: bytes, task: bytes, attempt: int) -> list[bytes]:
        if self.held.get(node, {}).get(task) != attempt or task not in self.records:
            return [b"STALE"]
        plan: list[bytes] = []
        seen: list[bytes] = []
        try:
            for oid in self.refs_of(self.records[task])[0]:
                self._plan(oid, {}, plan, seen)
        except Impossible as obstacle:
            return [obstacle.why, obstacle.oid]
        del self.held[node][task]
        self.idle.pop(node, None)
        self._remake(plan, {})
        ready = self.again([(task, attempt)])
        self.serve()
        return [b"READY" if ready else b"WAITING"]

    def comes_again(self, oid: bytes) -> bool:
        return task_of(oid) in self.remade

    # -- what comes again -----------------------------------------------------------------

    def missing_only(self, oids: list[bytes], values: list[bytes]) -> tuple[list[bytes], ...]:
        """Of what has just been made, what did not exist."""
        if not self.remade:
            return oids, values
        there = [oid in self.value for oid in oids]
        for oid, value, is_there in zip(oids, values, there, strict=True):
            if is_there:
                self.turn_away(oid, value)
        self.remade -= {task_of(oid) for oid in oids if task_of(oid) not in self.records}
        new = [oid for oid, is_there in zip(oids, there, strict=True) if not is_there]
        kept = [value for value, is_there in zip(values, there, strict=True) if not is_there]
        return new, kept
