"""The Lua library against its model, over histories that nobody would think to write.

A rule says the same to both; `books` compares the answers, and after each step all that is
stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import (
    precondition,
    rule,
)

from hyperloom.gcs import codes, keys
from tests.models.stored import CONSTANTS
from tests.unit.gcs.books import ALL, LAST_NODE, NODES, OFFERS, TEMPLATES, VALUES, Books, pick
from tests.unit.gcs.plane import NS, output, record, task, template
from tests.unit.gcs.plans import few, seldom, some, speaker, where
from tests.unit.gcs.running import run_histories
from tests.unit.gcs.weighing import Weighing

if TYPE_CHECKING:
    from pathlib import Path

failures = st.sampled_from([b"4failed", codes.WAS_CANCELLED])

EXAMPLES = 300  # about 10 s for each server


def holds_something(world: Books) -> bool:
    return any(world.model.held.values())


class World(Weighing):
    """Histories as they may go."""

    # -- what processes say ---------------------------------------------------------------

    @rule(
        who=speaker,
        kind=st.sampled_from(list(TEMPLATES)),
        shapes=st.lists(st.tuples(some, some), min_size=1, max_size=4),
        parent=few,
        slip=seldom,
    )
    def submit(self, who: int, kind: bytes, shapes: Any, parent: int, slip: int) -> None:
        speaks = self.processes[who]
        mine = [*self.made[speaks], *self.borrowed[speaks]]
        args, ids = [], []
        for inputs, others in shapes:
            ids.append(self.next_task(speaks))
            distinct = list(dict.fromkeys(pick(mine, inputs)))
            args += [ids[-1], record(kind, distinct, pick(mine, others))]
        made = self.counter[speaks]
        of = pick(self.tasks, [parent])[0] if self.tasks and parent < 3 else b""
        if slip:  # said again, or out of order: nothing happens
            self.same("task_submit", speaks, self.seq[speaks] + 1 + slip, made, of, kind, *args)
            self.counter[speaks] -= len(ids)
            return
        self.same("task_submit", speaks, self.next_seq(speaks), made, of, kind, *args)
        self.tasks = [*self.tasks, *ids][-8:]
        self.made[speaks] += [output(t, i) for t in ids for i in range(TEMPLATES[kind][0])]

    @rule(who=speaker, kind=st.sampled_from(list(TEMPLATES)), which=few, n=st.integers(2, 5))
    def submit_readers(self, who: int, kind: bytes, which: int, n: int) -> None:
        """Many that wait for the same promised object."""
        mine = [*self.made[self.processes[who]], *self.borrowed[self.processes[who]]]
        promised = [oid for oid in mine if oid not in self.model.value]
        if promised:
            at = mine.index(pick(promised, [which])[0])
            self.submit(who, kind, [([at], [])] * n, 9, 0)

    @rule(who=speaker, value=st.sampled_from(VALUES), inner=some)
    def put(self, who: int, value: bytes, inner: list[int]) -> None:
        speaks = self.processes[who]
        contained = b"".join(pick([*self.made[speaks], *self.borrowed[speaks]], inner))
        oid = output(self.next_task(speaks))
        made = self.counter[speaks]
        self.same("object_put", speaks, self.next_seq(speaks), made, oid, value, contained)
        self.made[speaks].append(oid)

    @rule(who=speaker, which=some)
    def acquire(self, who: int, which: list[int]) -> None:
        speaks = self.processes[who]
        oids = [oid for oid in pick(self.alive(), which) if oid not in self.made[speaks]]
        self.same("ref_acquire", speaks, self.next_seq(speaks), b"".join(oids))
        mine = self.borrowed[speaks]
        mine += [oid for oid in dict.fromkeys(oids) if oid not in mine]

    @rule(who=speaker, made=some, borrowed=some, slip=seldom)
    def release(self, who: int, made: list[int], borrowed: list[int], slip: int) -> None:
        speaks = self.processes[who]
        own = list(dict.fromkeys(pick(self.made[speaks], made)))
        others = list(dict.fromkeys(pick(self.borrowed[speaks], borrowed)))
        if slip:
            seq = self.seq[speaks] + 1 + slip
            self.same("ref_release", speaks, seq, b"".join(own), b"".join(others))
            return
        seq = self.next_seq(speaks)
        self.same("ref_release", speaks, seq, b"".join(own), b"".join(others))
        self.made[speaks] = [oid for oid in self.made[speaks] if oid not in own]
        self.borrowed[speaks] = [oid for oid in self.borrowed[speaks] if oid not in others]

    @precondition(holds_something)
    @rule(who=speaker, of=few, index=st.integers(0, 1), inner=some)
    def contain(self, who: int, of: int, index: int, inner: list[int]) -> None:
        """Said of what is running, and, by a late attempt, of what is over."""
        running = [t for held in self.model.held.values() for t in held]
        for oid in (output(t, index) for t in pick(running if of < 4 else self.tasks, [of])):
            held = any(oid[: codes.TASK_ID] in held for held in self.model.held.values())
            waits = oid[: codes.TASK_ID] in self.model.records and not held
            returns = self.terms(oid[: codes.TASK_ID])[0]
            if waits or index >= returns:
                continue  # no worker ever had it
            contained = b"".join(pick(self.alive(before=oid[: codes.TASK_ID]), inner))
            speaks = self.processes[who]
            self.same("ref_contain", speaks, self.next_seq(speaks), oid, contained)

    @rule(who=speaker, at=where)
    def live_on(self, who: int, at: int) -> None:
        self.same("process_join", self.processes[who], NODES[at])

    @rule(who=speaker, name=st.sampled_from([b"rows", b"level"]), value=st.integers(0, 9))
    def measure(self, who: int, name: bytes, value: int) -> None:
        speaks, how = self.processes[who], "+" if name == b"rows" else "="
        self.same("metric_add", speaks, self.next_seq(speaks), 0, how, name, value)

    @rule(at=where)
    def list_processes(self, at: int) -> None:
        self.same("process_list", NODES[at])

    @rule(who=speaker)
    def is_it_remembered(self, who: int) -> None:
        self.same("process_heard", self.processes[who])

    @rule(who=speaker, which=some)
    def watch(self, who: int, which: list[int]) -> None:
        self.same("object_watch", self.processes[who], *pick(self.alive(), which))

    @rule(which=some, force=st.integers(0, 1))
    def cancel(self, which: list[int], force: int) -> None:
        self.same("task_cancel", b"4cancelled", force, *pick(self.tasks, which))

    @rule(which=some, wide=st.integers(0, 2), most=st.integers(0, 3))
    def shut(self, which: list[int], wide: int, most: int) -> None:
        """Very many are cancelled at once, and dropped later, or by the steps of nodes."""
        spans = []
        for t in pick(self.tasks, which):
            first, last = [(t[-1], t[-1]), (max(t[-1] - 2, 0), min(t[-1] + 2, 255)), (0, 255)][wide]
            spans.append(t[:-1] + bytes([first, last]))
        if spans:
            self.same("task_shut", b"4dropped", *spans)
            self.same_world()
        if most:
            self.same("task_drop", most)

    # -- what nodes say -------------------------------------------------------------------

    @rule(at=where, offer=st.sampled_from(OFFERS[1:]))
    def take_part(self, at: int, offer: bytes) -> None:
        """A well-behaved node: it attaches, reads what came, and offers."""
        if self.model.served.get(NODES[at], 0) is not None:
            self.same("task_step", NODES[at], self.same("node_attach", NODES[at]), offer)

    @precondition(holds_something)
    @rule(at=where, offer=st.sampled_from(OFFERS), value=st.sampled_from(VALUES))
    def finish_all(self, at: int, offer: bytes, value: bytes) -> None:
        held = self.model.held.get(NODES[at], {})
        args = [part for t, attempt in held.items() for part in self.finished(t, attempt, value)]
        self.same("task_step", NODES[at], self.model.served.get(NODES[at]) or 0, offer, *args)

    @rule(
        at=where,
        done=some,
        strange=st.lists(st.tuples(few, st.integers(1, 3)), max_size=1),
        offer=st.sampled_from(OFFERS),
        behind=seldom,
        value=st.sampled_from(VALUES),
    )
    def step(  # noqa: PLR0913, PLR0917
        self, at: int, done: list[int], strange: Any, offer: bytes, behind: int, value: bytes
    ) -> None:
        """It finishes what it holds, and what it does not, and offers."""
        name = NODES[at]
        held = self.model.held.get(name, {})
        said = dict.fromkeys((t, held[t]) for t in pick(list(held), done))
        for which, attempt in strange:
            if of := pick(self.tasks, [which]):
                said.setdefault((of[0], attempt))
        args: list[Any] = []
        for n, (t, attempt) in enumerate(dict(said)):
            args += self.finished(t, attempt, VALUES[(VALUES.index(value) + n) % len(VALUES)])
        seen = (self.model.served.get(name) or 0) + behind
        self.same("task_step", name, seen, offer, *args)

    @precondition(holds_something)
    @rule(at=where, which=few, died=st.integers(0, 1), slip=seldom, why=failures)
    def retry(self, at: int, which: int, died: int, slip: int, why: bytes) -> None:
        name, held = self.busy(at)
        for t in pick(list(held), [which]):
            self.same("task_retry", name, t, held[t] + slip, died, why, b"4poison")
            self.same("task_retry", NODES[1 - at], t, held.get(t, 1), 1, b"4failed", b"4poison")

    @precondition(holds_something)
    @rule(at=where, which=few, kind=few, refs=st.tuples(some, some), slip=seldom)
    def redirect(self, at: int, which: int, kind: int, refs: Any, slip: int) -> None:
        """It names a task in its place, with as many outputs; and says so again."""
        name, held = self.busy(at)
        for t in pick(list(held), [which]):
            same = [each for each, terms in TEMPLATES.items() if terms[0] == self.terms(t)[0]]
            older = self.alive(before=t)
            inputs = list(dict.fromkeys(pick(older, refs[0])))
            text = record(pick(same, [kind])[0], inputs, pick(older, refs[1]))
            for _ in range(2):
                self.same("task_redirect", name, t, held.get(t, 0) + slip, b"4deep", text)

    @precondition(holds_something)
    @rule(at=where, which=few, to=where, slip=seldom)
    def hand_on(self, at: int, which: int, to: int, slip: int) -> None:
        name, held = self.busy(at)
        for t in pick(list(held), [which]):
            self.same("task_hand_on", name, NODES[to], t, held[t] + slip)

    @precondition(holds_something)
    @rule(at=where, which=some, slip=seldom)
    def give_back(self, at: int, which: list[int], slip: int) -> None:
        name, held = self.busy(at)
        said = {t: held[t] + slip for t in pick(list(held), which)}
        self.same("task_give_back", name, *(part for item in said.items() for part in item))

    @rule()
    def look_at_the_first(self) -> None:
        for queue in sorted(self.model.ready):
            self.same("task_first", queue)

    @rule(mark=st.sampled_from([b"GPU", b"|pack", b"CPU:10000"]), most=st.integers(1, 3))
    def evict(self, mark: bytes, most: int) -> None:
        self.same("task_evict", mark, b"4gone", most)

    @rule(at=where, above=st.integers(0, 3))
    def reconcile(self, at: int, above: int) -> None:
        self.same("task_held", NODES[at], 0, above)

    @precondition(holds_something)
    @rule(at=where, most=st.integers(1, 2), slices=st.integers(1, 4))
    def lose(self, at: int, most: int, slices: int) -> None:
        """The node is given up, wholly or in part so far; what it says next comes too late."""
        for _ in range(slices):
            if self.same("task_requeue", NODES[at], b"4lost", most) == 0:
                break
            self.same_world()

    @rule(at=where)
    def attach(self, at: int) -> None:
        self.same("node_attach", NODES[at])

    @precondition(holds_something)
    @rule(
        at=where,
        which=few,
        index=st.integers(1, 3),
        inner=some,
        slip=seldom,
        value=st.sampled_from(VALUES),
    )
    def yields(  # noqa: PLR0913, PLR0917
        self, at: int, which: int, index: int, inner: list[int], slip: int, value: bytes
    ) -> None:
        """Any task with one return, the end, may stream here."""
        name, held = self.busy(at)
        for t in pick(list(held), [which]):
            oid = output(t, index)
            if self.terms(t)[0] != 1:
                continue
            if not slip and inner:
                contained = b"".join(pick(self.alive(before=t), inner))
                speaks = self.processes[0]
                self.same("ref_contain", speaks, self.next_seq(speaks), oid, contained)
            here = self._say_item(name, t, held[t] + slip, index, value)
            if isinstance(here, int):  # those before it are missing: the worker says them all again
                for missing in range(here + 1, index + 1):
                    self._say_item(name, t, held[t], missing, value)

    def _say_item(self, name: bytes, t: bytes, attempt: int, index: int, value: bytes) -> Any:
        oid = output(t, index)
        new = oid not in self.model.value
        answer = self.same("task_yield", name, t, attempt, index, value)
        if answer == b"KEPT" and new and oid in self.model.value:
            self.made[oid[: codes.PROCESS_ID]].append(oid)
        return answer

    @rule(at=where, which=few, index=st.integers(2, 3), value=st.sampled_from(VALUES))
    def yields_too_late(self, at: int, which: int, index: int, value: bytes) -> None:
        """The task is over."""
        for t in pick([t for t in self.tasks if t not in self.model.records], [which]):
            self.same("task_yield", NODES[at], t, 1, index, value)

    @rule(who=speaker, which=few)
    def stream_open(self, who: int, which: int) -> None:
        for t in pick(self.tasks, [which]):
            self.same("stream_open", t, self.processes[who])

    @rule(which=few, n=few)
    def stream_consume(self, which: int, n: int) -> None:
        for t in pick(self.tasks, [which]):
            self.same("stream_consume", t, n)

    @rule(which=st.integers(0, 3))
    def read_inbox(self, which: int) -> None:
        name = [*NODES, *self.processes][which]
        assert self.plane.inbox(name) == self.model.inbox.pop(name, [])

    @rule(who=speaker, which=some, index=st.integers(0, 2))
    def strays(self, who: int, which: list[int], index: int) -> None:
        speaks = self.processes[who]
        unsaid = output(task(speaks, self.counter[speaks] + 1))
        self.same("object_strays", *(output(t, index) for t in pick(self.tasks, which)), unsaid)

    @rule(at=where, which=some)
    def copied(self, at: int, which: list[int]) -> None:
        """A node has fetched objects, some of which ended meanwhile."""
        oids = pick([*self.model.value, output(self.tasks[0])] if self.tasks else [], which)
        if oids:
            self.same("object_copied", NODES[at], *dict.fromkeys(oids))
            self.same("object_places", *oids)

    # -- the end --------------------------------------------------------------------------

    def teardown(self) -> None:
        if len(self.age) % 4 == 3:  # one history in four ends in the middle of everything
            self.close_now()
            return
        for name in NODES:
            while self.same("task_requeue", name, b"4lost", 2):
                pass
        self.plane.listen(LAST_NODE)
        self.plane.inbox(LAST_NODE)
        self.same("node_attach", LAST_NODE)
        self.finish_everything(VALUES[0])
        for speaks in self.processes:
            own, others = b"".join(self.made[speaks]), b"".join(self.borrowed[speaks])
            self.same("ref_release", speaks, self.next_seq(speaks), own, others)
            self.made[speaks], self.borrowed[speaks] = [], []
        self.bury_owners()
        self.finish_everything(VALUES[0])  # burials wake tasks
        self.same("task_step", LAST_NODE, self.model.served[LAST_NODE] or 0, b"")
        self.forget_lineage()
        for who in list(self.model.inbox):
            assert self.plane.inbox(who) == self.model.inbox.pop(who)
        self.same_world()
        left = self.plane.world().keys() - {key.name(NS) for key in CONSTANTS}
        assert left == set(), "everything is finished and let go: nothing is left"

    def close_now(self) -> None:
        self.bury_owners()
        before = len(self.plane.world())  # its events and their bytes among it
        kept = {table.name(NS) for table in keys.OUTLIVE}
        assert self.plane.call("job_close", 60) == before - 2
        assert self.plane.world().keys() == kept
        late = output(task(self.processes[0], 1))
        for name in NODES:
            self.plane.answer("node_attach", name)
            self.plane.call("task_step", name, 0, ALL, *self.finished(task(name, 1), 1, b"0"))
        self.plane.call("ref_release", self.processes[0], 99, late, late)
        self.plane.call("ref_acquire", self.processes[0], 99, late)
        self.plane.call("object_put", self.processes[0], 99, 1, late, b"0", late)
        self.plane.call("object_watch", self.processes[0], late)
        self.plane.call("process_join", self.processes[0], NODES[0])
        assert self.plane.answer("owner_add", self.processes[0], b"late", b"", b"") == "NOT_FOUND"
        self.plane.call("stream_open", late[: codes.TASK_ID], self.processes[0])
        kind = template("plain")
        parts = (b"", kind, late[: codes.TASK_ID], record(kind))
        self.plane.call("task_submit", self.processes[0], 1, 1, *parts)
        self.plane.call("task_plan", self.processes[0], 1, 1, 1, b"", 1, *parts[2:], 0, b"", b"")
        ranged = (b"", record(kind), 0, b"", b"", b"", 1, 0, 1, late[: codes.TASK_ID], 1, b"")
        self.plane.call("task_range", self.processes[0], 1, 1, *ranged)
        self.plane.call("template_declare", kind, 1, 1, b"0|", b"", b"x" * 12, b"code")
        assert self.plane.world().keys() == kept, "only what expires by itself is left"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_lua_agrees_with_its_model(socket_path: Path) -> None:
    """After any history the server holds what the model holds; at its end, nothing."""
    run_histories(World, socket_path, EXAMPLES, steps=40)
