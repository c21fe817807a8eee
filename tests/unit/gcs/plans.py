"""The rule of the histories by which plans enter; and the few numbers that all rules draw."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import rule

from tests.unit.gcs.books import TEMPLATES, Books, pick
from tests.unit.gcs.plane import output, record

few = st.integers(0, 5)
some = st.lists(few, max_size=3)
speaker = st.integers(0, 1)
where = st.integers(0, 1)
seldom = st.sampled_from([0, 0, 0, 0, 0, 1, -1])


class Plans(Books):
    """A plan's tasks are named in order, and said from the end to the beginning."""

    @rule(
        who=speaker,
        shapes=st.lists(
            st.tuples(st.sampled_from(list(TEMPLATES)), some, some, some, st.integers(0, 3)),
            min_size=1,
            max_size=5,
        ),
        parts=st.integers(1, 3),
        parent=few,
        slip=seldom,
    )
    def plan(self, who: int, shapes: Any, parts: int, parent: int, slip: int) -> None:
        """Those who take before those who make, in one call or several."""
        speaks = self.processes[who]
        mine = [*self.made[speaks], *self.borrowed[speaks]]
        inside: list[bytes] = []
        tasks, takers, wanted = [], {}, {}
        for kind, within, elsewhere, others, wants in shapes:
            of = self.next_task(speaks)
            inputs = list(dict.fromkeys(pick(inside, within)))
            outside = list(dict.fromkeys(pick(mine, elsewhere)))
            also = pick(mine, others)
            text = record(kind, [*inputs, *outside], also)
            tasks.append((of, text, len(inputs), b"".join(outside), b"".join(also)))
            for oid in inputs:
                takers[oid] = of + takers[oid]
            outputs = [output(of, i) for i in range(TEMPLATES[kind][0])]
            for i, oid in enumerate(outputs):
                takers[oid], wanted[oid] = b"", wants >> i & 1
            inside += outputs
        by = pick(self.tasks, [parent])[0] if self.tasks and parent < 3 else b""
        args = self.counter[speaks], 2, by
        if slip:
            first = (part for of in tasks for part in of)
            self.same("task_plan", speaks, self.seq[speaks] + 1 + slip, *args, len(tasks), *first)
            self.counter[speaks] -= len(tasks)
            return
        size = -(-len(tasks) // parts)
        for last in range(len(tasks), 0, -size):
            part = tasks[max(0, last - size) : last]
            flat = [each for of in part for each in of]
            for oid in (oid for of in part for oid in inside if oid.startswith(of[0])):
                flat += [oid, takers[oid], wanted[oid]]
            self.same("task_plan", speaks, self.next_seq(speaks), *args, len(part), *flat)
            self.same_world()
        self.tasks = [*self.tasks, *(of[0] for of in tasks)][-8:]
        self.made[speaks] += [oid for oid in inside if wanted[oid]]
