"""The rules of the histories about what is lost with a node and made again."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis.stateful import rule

from hyperloom.gcs import codes
from tests.unit.gcs.books import NODES, pick
from tests.unit.gcs.owners import Owners
from tests.unit.gcs.plane import output, shared, task, template
from tests.unit.gcs.plans import few, seldom, some, speaker, where

KINDS = [template("plain"), template("pair"), template("urgent")]


class Remaking(Owners):
    """Nodes vanish with what lies there; who wants it asks for it."""

    def submit(self, who: int, kind: bytes, shapes: object, parent: int, slip: int) -> None:
        raise NotImplementedError

    def take_part(self, at: int, offer: bytes) -> None:
        raise NotImplementedError

    def finish_all(self, at: int, offer: bytes, value: bytes) -> None:
        raise NotImplementedError

    def release(self, who: int, made: list[int], borrowed: list[int], slip: int) -> None:
        raise NotImplementedError

    def large(self) -> list[bytes]:
        return [o for o, value in self.model.value.items() if value.startswith(codes.SHARED)]

    @rule(which=few, gone=some)
    def remake(self, which: int, gone: list[int]) -> None:
        """Some that should have it, or all, or others, do not."""
        for oid in pick([*self.large(), *self.tasks_outputs()], [which]):
            places = pick([*self.model.places(oid), *NODES], gone)
            for _ in range(2):
                self.same("task_remake", oid, b"".join(places))

    def tasks_outputs(self) -> list[bytes]:
        return [task + bytes(4) for task in self.tasks[-2:]]

    @rule(at=where, which=few, slip=seldom)
    def put_off(self, at: int, which: int, slip: int) -> None:
        name, held = self.busy(at)
        for each in pick(list(held), [which]):
            self.same("task_put_off", name, each, held[each] + slip)

    @rule(who=speaker, at=where, which=some, index=st.integers(0, 2))
    def missed(self, who: int, at: int, which: list[int], index: int) -> None:
        """A node may have missed that it was to free these; one is on its way, one is a copy."""
        unsaid = output(task(self.processes[who], self.counter[self.processes[who]] + 1))
        there = pick([*self.model.value], which)
        mine = [output(t, index) for t in pick(self.tasks, which)]
        self.same("object_missed", NODES[at], *there, *mine, unsaid)

    @rule(at=where)
    def vanish(self, at: int) -> None:
        """A node dies; one of the same name may come."""
        while self.same("task_requeue", NODES[at], b"4lost", 3):
            pass

    @rule(
        who=speaker,
        at=where,
        kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=4),
        wants=st.booleans(),
        other=few,
    )
    def chain(self, who: int, at: int, kinds: list[bytes], wants: bool, other: int) -> None:  # noqa: FBT001
        """Large results, each made of the one before; the process holds the last only, or all."""
        speaks = self.processes[who]
        start = len(self.made[speaks])
        for kind in kinds:
            last = len(self.made[speaks]) - 1
            self.submit(who, kind, [([last] if last >= 0 else [], [other])], 9, 0)
            self.take_part(at, b"9;CPU:90000,GPU:90000;")
            self.finish_all(at, b"", shared(NODES[at]))
        if not wants:
            self.release(who, list(range(start, len(self.made[speaks]) - 1)), [], 0)

    def forget_lineage(self) -> None:
        """What is over goes in slices, when other records come."""
        self.processes[0] = self.born()  # of whom nothing is shut
        for _ in range(400):
            if not self.model.lineage:
                return
            self.chain(0, 0, [template("pair")], wants=True, other=0)
            self.release(0, list(range(len(self.made[self.processes[0]]))), [], 0)
        raise AssertionError(f"it stays: {self.model.lineage} {self.model.leans}")
