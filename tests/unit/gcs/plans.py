"""The rule of the histories by which plans enter; and the few numbers that all rules draw."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import rule

from tests.unit.gcs.books import TEMPLATES, Books, pick
from tests.unit.gcs.plane import output, record, template

few = st.integers(0, 5)
some = st.lists(few, max_size=3)
speaker = st.integers(0, 1)
where = st.integers(0, 1)
seldom = st.sampled_from([0, 0, 0, 0, 0, 1, -1])
ALL = 99
said = st.sampled_from([ALL, ALL, ALL, 1, 2])  # words of a plan, before its process is killed
cancelled = st.one_of(st.just([]), st.just([]), some)


class Plans(Books):
    """A plan's tasks are named in order, and said from the end to the beginning."""

    def is_killed(self, who: int) -> None:
        """In the middle of a plan."""
        raise NotImplementedError

    def _cancelled(self, said: list[bytes], which: list[int]) -> None:
        """By others, while the rest of the plan is not said yet."""
        if not which:
            return
        self.same("task_cancel", b"4cancelled", 0, *pick(said, which))
        self.same_world()

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
        most=said,
        cancels=cancelled,
    )
    def plan(  # noqa: PLR0913, PLR0917
        self, who: int, shapes: Any, parts: int, parent: int, slip: int, most: int, cancels: Any
    ) -> None:
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
        for last in range(len(tasks), 0, -size)[:most]:
            part = tasks[max(0, last - size) : last]
            flat = [each for of in part for each in of]
            for oid in (oid for of in part for oid in inside if oid.startswith(of[0])):
                flat += [oid, takers[oid], wanted[oid]]
            self.same("task_plan", speaks, self.next_seq(speaks), *args, len(part), *flat)
            self.same_world()
            self._cancelled([of[0] for of in part], cancels)
        self.tasks = [*self.tasks, *(of[0] for of in tasks)][-8:]
        self.made[speaks] += [oid for oid in inside if wanted[oid]]
        if most < len(range(len(tasks), 0, -size)):
            self.is_killed(who)

    @rule(
        who=speaker,
        kind=st.sampled_from([kind for kind, terms in TEMPLATES.items() if terms[0] == 1]),
        sizes=st.lists(st.integers(1, 5), min_size=1, max_size=2),
        takes=st.tuples(st.booleans(), some, some),
        taken=st.integers(0, 3),
        wants=st.integers(0, 1),
        numbers=st.integers(0, 1),
        parent=few,
        most=said,
        cancels=cancelled,
    )
    def mapped(  # noqa: PLR0913, PLR0917
        self, who: int, kind: bytes, sizes: Any, takes: Any, taken: int,
        wants: int, numbers: int, parent: int, most: int, cancels: Any,
    ) -> None:  # fmt: skip
        """Ranges, of which all take what a task of the plan makes, and `taken` tasks take all."""
        speaks = self.processes[who]
        mine = [*self.made[speaks], *self.borrowed[speaks]]
        outside, also = list(dict.fromkeys(pick(mine, takes[1]))), pick(mine, takes[2])
        maker = [self.next_task(speaks)] if takes[0] else []
        ranges = [self._next_range(speaks, size) for size in sizes]
        takers = [self.next_task(speaks) for _ in range(taken)]
        by = pick(self.tasks, [parent])[0] if self.tasks and parent < 3 else b""

        plan: list[Any] = []

        def say(*word: Any) -> None:
            plan.append(word)

        outputs = [output(of) for each in ranges for of in each]
        plain, one = template("plain"), (1, by, 1)
        for of in reversed(takers):
            text = record(plain, outputs)
            say("task_plan", *one, of, text, len(outputs), b"", b"", output(of), b"", 1)
        head = record(kind, [*map(output, maker), *outside], also)
        refs = (len(maker), b"".join(outside), b"".join(also))
        parts: list[Any] = []
        for each in ranges:
            items = b"" if numbers else b"".join(b"\0\0%citem%d" % (5, i) for i in range(len(each)))
            parts += [each[0], len(each), items]
        start = (-7, 3) if numbers else (0, 0)
        say("task_range", by, head, *refs, b"".join(takers), wants, *start, *parts)
        for of in maker:
            oid, waits = output(of), b"".join(each[0] for each in ranges)
            say("task_plan", *one, of, record(plain), 0, b"", b"", oid, waits, 0)
        for name, *args in plan[:most]:
            self.same(name, speaks, self.next_seq(speaks), self.counter[speaks], *args)
            self.same_world()
            self._cancelled([*takers, *(of for each in ranges for of in each)], cancels)
        named = [*maker, *(of for each in ranges for of in each), *takers]
        self.tasks = [*self.tasks, *named][-8:]
        self.made[speaks] += (outputs if wants else []) + [output(of) for of in takers]
        if most < len(plan):
            self.is_killed(who)

    def _next_range(self, speaks: bytes, size: int) -> list[bytes]:
        self.counter[speaks] += -self.counter[speaks] % 256 + 255  # the next is a multiple of 256
        return [self.next_task(speaks) for _ in range(size)]
