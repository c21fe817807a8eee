"""How templates and tasks enter, by calls and by plans.  Part of `tests.models.control_plane`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hyperloom.gcs import codes
from tests.models.claims import Queues, Range
from tests.models.references import Refusal, pieces


@dataclass
class Arrivals(Queues):
    """Who lacks what, and what each job was told once."""

    bodies: dict[bytes, bytes] = field(default_factory=dict)
    sources: dict[bytes, bytes] = field(default_factory=dict)
    next_attempt: dict[bytes, int] = field(default_factory=dict)  # of waiting ones; else 1
    children: dict[bytes, bytes] = field(default_factory=dict)
    counts: dict[bytes, int] = field(default_factory=dict)  # template and what -> tasks
    metrics: dict[bytes, float] = field(default_factory=dict)
    events: list[tuple[bytes, bytes]] = field(default_factory=list)  # none: nobody opened them

    # -- what people are told -------------------------------------------------------------

    def event_open(self, about: bytes) -> int:
        if self.events:
            return 0
        self.events.append((codes.OPENED, about))
        return 1

    def event_add(self, kind: bytes, payload: bytes) -> bytes:
        self.note(kind, payload)
        return b"OK"

    def metric_add(self, process: bytes, seq: int, _: int, *args: Any) -> int:
        if not self.hears(process, seq):
            return 0
        for how, name, value in zip(args[0::3], args[1::3], args[2::3], strict=True):
            before = self.metrics.get(name, 0) if how == "+" else 0
            self.metrics[name] = before + value
        return len(args) // 3

    def note(self, kind: bytes, payload: bytes) -> None:
        if self.events:
            self.events.append((kind, payload))

    def count(self, what: bytes, tasks: list[bytes]) -> None:
        for task in tasks:
            name = self.records[task][: codes.TEMPLATE_ID] + what
            self.counts[name] = self.counts.get(name, 0) + 1

    # -- templates and nodes --------------------------------------------------------------

    def template_declare(  # noqa: PLR0913, PLR0917 - the transition's own arguments
        self,
        template: bytes,
        returns: int,
        retries: int,
        queue: bytes,
        body: bytes,
        function: bytes,
        pickled: bytes,
    ) -> int:
        new = template not in self.terms
        self.terms.setdefault(template, (returns, retries, queue))
        self.bodies[template] = body
        if new:
            self.note(codes.DECLARED, template + body)
        if pickled:
            self.sources.setdefault(function, pickled)
        return int(new)

    def template_fetch(self, template: bytes) -> list[bytes] | None:
        body = self.bodies.get(template)
        return None if body is None else [body, self.sources.get(body[: codes.FUNCTION_ID], b"")]

    def node_attach(self, node: bytes) -> int:
        if node in self.served and self.served[node] is None:
            raise Refusal("STALE")
        return self.served.setdefault(node, 0) or 0

    # -- tasks come -----------------------------------------------------------------------

    def task_submit(
        self, process: bytes, seq: int, count: int, parent: bytes, template: bytes, *args: bytes
    ) -> int:
        if template not in self.terms:
            raise Refusal("NOT_FOUND")
        if not self.hears(process, seq):
            return 0
        ids = list(args[0::2])
        for task, record in zip(ids, args[1::2], strict=True):
            self.records[task] = record
            inputs, others = self.refs_of(record)
            self.hold(inputs + others, ("task", task))
        ready = self.wait_for(ids)
        self.count(codes.SUBMITTED, ids)
        self.note(codes.SUBMITTED, ids[0] + ids[-1] + parent)
        self.has_made(process, count, self.terms[template][0])
        self.adopt(parent, ids)
        # What lacks nothing joins the back.  Those without inputs stand before the others.
        ready.sort(key=lambda task: bool(self.refs_of(self.records[task])[0]))
        self.push_back(template, ready)
        return len(ready)

    def wait_for(self, ids: list[bytes]) -> list[bytes]:
        """Those tasks that lack no input; the others wait."""
        ready = []
        for task in ids:
            inputs = self.refs_of(self.records[task])[0]
            missing = {oid for oid in inputs if oid not in self.value}
            if missing:
                self.lacks[task] = missing
            else:
                ready.append(task)
        for task in ids:
            for oid in self.refs_of(self.records[task])[0]:
                if oid in self.lacks.get(task, ()):
                    self.lackers.setdefault(oid, []).append(task)
        self.crowd()
        return ready

    def lanes_behind(self, tasks: list[bytes]) -> list[tuple[bytes, bytes]]:
        """Of which lanes of calls one of these is the first: `tests.models.actors`."""
        del tasks
        return []

    def pass_over(self, lanes: list[tuple[bytes, bytes]]) -> None:
        """They go on without it."""

    def adopt(self, parent: bytes, ids: list[bytes]) -> None:
        if parent in self.records:
            self.children[parent] = self.children.get(parent, b"") + b"".join(ids)

    def task_plan(  # noqa: PLR0913, PLR0917 - the transition's own arguments
        self, process: bytes, seq: int, count: int, width: int, parent: bytes, n: int, *args: bytes
    ) -> int:
        tasks = [args[i : i + 5] for i in range(0, 5 * n, 5)]
        if any(record[: codes.TEMPLATE_ID] not in self.terms for _, record, *_ in tasks):
            raise Refusal("NOT_FOUND")
        if not self.hears(process, seq):
            return 0
        self.has_made(process, count, width)
        self.adopt(parent, [task for task, *_ in tasks])
        ready = []
        for task, record, _, outside, others in tasks:
            self.records[task] = record
            elsewhere = pieces(outside, codes.OBJECT_ID)
            self.hold(elsewhere + pieces(others, codes.OBJECT_ID), ("task", task))
            missing = {oid for oid in self.refs_of(record)[0] if oid not in self.value}
            if missing:
                self.lacks[task] = missing
            else:
                ready.append(task)
        ids = [task for task, *_ in tasks]
        self.count(codes.SUBMITTED, ids)
        self.note(codes.SUBMITTED, min(ids) + max(ids) + parent)
        for i in range(5 * n, len(args), 3):
            oid, takers, wanted = args[i : i + 3]
            consumers = pieces(takers, codes.TASK_ID)
            for task in consumers:
                self.taken(oid, task)
            if consumers:
                self.lackers.setdefault(oid, []).extend(consumers)
            if not int(wanted):
                self.let_go_by_maker.add(oid)
        for task, _, _, outside, _ in tasks:
            for oid in pieces(outside, codes.OBJECT_ID):
                if oid in self.lacks.get(task, ()):
                    self.lackers.setdefault(oid, []).append(task)
        self.crowd()
        # Those with inputs from elsewhere stand behind the others.
        inside = {task for task, _, _, outside, _ in tasks if not outside}
        ready.sort(key=lambda task: task not in inside)
        self.push_back_each(ready)
        return len(ready)

    def task_range(  # noqa: PLR0913, PLR0917 - the transition's own arguments
        self,
        process: bytes,
        seq: int,
        count: int,
        parent: bytes,
        head: bytes,
        inside: int,
        outside: bytes,
        others: bytes,
        takers: bytes,
        wanted: int,
        start: int,
        step: int,
        *args: bytes,
    ) -> int:
        if head[: codes.TEMPLATE_ID] not in self.terms:
            raise Refusal("NOT_FOUND")
        if not self.hears(process, seq):
            return 0
        self.has_made(process, count, 1)
        assert len(self.refs_of(head)[0]) == inside + len(pieces(outside, codes.OBJECT_ID))
        ready = []
        refs = pieces(outside, codes.OBJECT_ID) + pieces(others, codes.OBJECT_ID)
        for first, tasks, packed in zip(args[0::3], args[1::3], args[2::3], strict=True):
            name, number = first[: codes.RANGE_ID], None if packed else start
            items = unpacked(packed) or [b"#%d" % (start + i * step) for i in range(int(tasks))]
            takes = pieces(takers, codes.TASK_ID)
            of = Range(head, items, 0, takes, bool(wanted), number, 0 if packed else step)
            self.ranges[name] = of
            counted = head[: codes.TEMPLATE_ID] + codes.SUBMITTED
            self.counts[counted] = self.counts.get(counted, 0) + len(items)
            last = name + bytes([len(items) - 1])
            start += step * len(items)
            self.adopt(parent, [name + bytes([i]) for i in range(len(items))])
            self.hold(refs, ("task", first))
            missing = {oid for oid in self.refs_of(head)[0] if oid not in self.value}
            if missing:
                self.lacks[first] = missing
                for oid in pieces(outside, codes.OBJECT_ID):
                    if oid in missing:
                        self.lackers.setdefault(oid, []).append(first)
            else:
                ready.append(name)
        self.note(codes.SUBMITTED, args[0] + last + parent)
        self.crowd()
        self.push_back_each(ready)
        return len(ready)

    def unroll(self, tasks: list[bytes]) -> list[bytes]:
        """The ranges that they are in end, all that was left is tasks -> those that are ready."""
        ready, waiting = [], []
        for name in [task[: codes.RANGE_ID] for task in tasks if self.range_of(task)]:
            drawn = self.draw(name, 256) if name in self.ranges else []
            if drawn and drawn[0] in self.lacks:
                waiting += drawn[1:]
            else:
                ready += drawn
        for task in waiting:
            missing = {o for o in self.refs_of(self.records[task])[0] if o not in self.value}
            if missing:
                self.lacks[task] = missing
            else:
                ready.append(task)
            for oid in self.refs_of(self.records[task])[0]:
                if oid in missing:
                    self.lackers.setdefault(oid, []).append(task)
        self.crowd()
        return ready


def unpacked(items: bytes) -> list[bytes]:
    """Items with their lengths before them."""
    found = []
    while items:
        size = 3 + int.from_bytes(items[:3], "big")
        found.append(items[3:size])
        items = items[size:]
    return found
