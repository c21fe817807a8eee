"""The transitions of actors against their model, over histories that nobody would think to write.

As in `test_histories`, which knows no actors: a rule says the same to both, and after each step all
that is stored must be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import rule

from hyperloom.gcs import codes
from hyperloom.ids import FunctionID
from hyperloom.specs import Template, encode_template
from tests.models.actors import Actors
from tests.models.stored import CONSTANTS
from tests.models.told import UNSAID
from tests.unit.gcs.books import LAST_NODE, NODES, Books, pick
from tests.unit.gcs.plane import NS, output, record, template
from tests.unit.gcs.plans import few, seldom, some, speaker, where
from tests.unit.gcs.running import run_histories

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = 120  # about 5 s for each server
PLAIN = template("plain")
CLASSES = {template("mortal"): (1, 0, b"0|"), template("phoenix"): (1, 1, b"0|CPU:10000")}
METHODS = {
    template("once"): (1, 0, codes.CALL),
    template("again"): (1, 2, codes.CALL),
    template("several"): (2, -1, codes.CALL),
}
FUNCTION = b"f" * codes.FUNCTION_ID
FAILURES = b"4unavailable" + UNSAID, b"4died" + UNSAID
NAMES = [b"", b"a\0one", b"a\0two"]


def body_of(kind: bytes) -> bytes:
    """Names of calls are told to who lost them: a short one, and ones of other headers."""
    name = kind.decode() * {b"a": 30, b"s": 40}.get(kind[:1], 1)
    return encode_template(Template(FunctionID(FUNCTION), name, 1, 0, 0, ""))


class World(Books):
    """Few actors, few callers."""

    model_class = Actors
    model: Actors

    def __init__(self) -> None:
        super().__init__()
        self.known: list[bytes] = []  # actors that ever were
        self.calls: list[bytes] = []
        for kind, terms in (CLASSES | METHODS).items():
            self.same("template_declare", kind, *terms, body_of(kind), FUNCTION, b"")

    def mine(self, speaks: bytes) -> list[bytes]:
        return [*self.made[speaks], *self.borrowed[speaks]]

    def handles(self, speaks: bytes) -> list[bytes]:
        held = self.mine(speaks)
        return [actor for actor in self.known if output(actor, 0) in held]

    # -- processes --------------------------------------------------------------------------

    @rule(
        who=speaker, kind=st.sampled_from(list(CLASSES)), name=st.sampled_from(NAMES),
        found=st.integers(0, 1), detached=st.sampled_from([0, 0, 1]), inputs=some,
        claim=st.sampled_from([b"", b"1", b"2"]), unordered=st.sampled_from([0, 0, 1]),
    )  # fmt: skip
    def create(  # noqa: PLR0913, PLR0917
        self, who: int, kind: bytes, name: bytes, found: int, detached: int, inputs: list[int],
        claim: bytes, unordered: int,
    ) -> None:  # fmt: skip
        speaks = self.processes[who]
        text = record(kind, list(dict.fromkeys(pick(self.mine(speaks), inputs))))
        actor = self.next_task(speaks)
        made, seq = self.counter[speaks], self.next_seq(speaks)
        args = (
            speaks,
            seq,
            made,
            kind,
            actor,
            text,
            name,
            found,
            detached,
            claim if name else b"",
            unordered,
        )
        answer = self.same("actor_create", *args)
        self.same("actor_create", *args)  # said again
        if answer[0] == b"CREATED":
            self.known.append(actor)
            self.made[speaks].append(output(actor, 0))
        elif answer[0] == b"FOUND":
            self.came_by(speaks, answer[1])

    def came_by(self, speaks: bytes, actor: bytes) -> None:
        if output(actor, 0) not in self.mine(speaks):
            self.borrowed[speaks].append(output(actor, 0))

    @rule(who=speaker, name=st.sampled_from(NAMES[1:]))
    def find(self, who: int, name: bytes) -> None:
        found = self.same("actor_find", self.processes[who], name)
        if found is not None:
            self.came_by(self.processes[who], found[0])
        self.same("actor_names")

    @rule(name=st.sampled_from(NAMES[1:]), claim=st.integers(1, 2))
    def cede(self, name: bytes, claim: int) -> None:
        self.same("actor_cede", name, claim)

    @rule(
        who=speaker, which=few, shapes=st.lists(
            st.tuples(st.sampled_from(list(METHODS)), some), min_size=1, max_size=4
        ), slip=seldom,
    )  # fmt: skip
    def call(self, who: int, which: int, shapes: Any, slip: int) -> None:
        speaks = self.processes[who]
        for actor in pick(self.handles(speaks), [which]):
            args, made = [], []
            for kind, inputs in shapes:
                task = self.next_task(speaks)
                refs = [oid for oid in pick(self.mine(speaks), inputs) if oid[:16] != actor]
                text = record(kind, list(dict.fromkeys(refs)), [output(actor, 0)])
                args += [task, text]
                made += [output(task, i) for i in range(METHODS[kind][0])]
            rest = (self.counter[speaks], 2, b"", actor, *args)
            if slip:
                self.same("actor_call", speaks, self.seq[speaks] + 1 + slip, *rest)
                self.counter[speaks] -= len(shapes)
                return
            self.same("actor_call", speaks, self.next_seq(speaks), *rest)
            self.calls = [*self.calls, *args[::2]][-8:]
            self.made[speaks] += made

    @rule(who=speaker, inputs=some)
    def submit(self, who: int, inputs: list[int]) -> None:
        """A plain task, whose result calls may wait for."""
        speaks = self.processes[who]
        text = record(PLAIN, list(dict.fromkeys(pick(self.mine(speaks), inputs))))
        task = self.next_task(speaks)
        args = (self.counter[speaks], b"", PLAIN, task, text)
        self.same("task_submit", speaks, self.next_seq(speaks), *args)
        self.tasks = [*self.tasks, task][-6:]
        self.made[speaks].append(output(task))

    @rule(who=speaker, which=few)
    def acquire(self, who: int, which: int) -> None:
        speaks = self.processes[who]
        there = [
            a for a in self.known if a in self.model.actors or output(a, 0) in self.model.value
        ]
        alive = [output(a, 0) for a in there if self.model.is_held(output(a, 0))]
        for oid in pick([oid for oid in alive if oid not in self.mine(speaks)], [which]):
            self.same("ref_acquire", speaks, self.next_seq(speaks), oid)
            self.borrowed[speaks].append(oid)

    @rule(who=speaker, made=some, borrowed=some)
    def release(self, who: int, made: list[int], borrowed: list[int]) -> None:
        speaks = self.processes[who]
        own = list(dict.fromkeys(pick(self.made[speaks], made)))
        others = list(dict.fromkeys(pick(self.borrowed[speaks], borrowed)))
        seq = self.next_seq(speaks)
        self.same("ref_release", speaks, seq, b"".join(own), b"".join(others))
        self.made[speaks] = [oid for oid in self.made[speaks] if oid not in own]
        self.borrowed[speaks] = [oid for oid in self.borrowed[speaks] if oid not in others]

    @rule(who=speaker, why=st.sampled_from([[], [b"4killed"]]))
    def bury(self, who: int, why: list[bytes]) -> None:
        dead, at = self.processes[who], 1
        while (at := self.same("process_bury", dead, at, 4, *why)) > 0:
            self.same_world()
        self.made[dead], self.borrowed[dead] = [], []
        self.processes[who] = self.born()

    @rule(which=some)
    def cancel(self, which: list[int]) -> None:
        self.same("task_cancel", b"4cancelled", 0, *pick([*self.calls, *self.tasks], which))

    @rule(which=few, restart=st.sampled_from([0, 0, 1]))
    def kill(self, which: int, restart: int) -> None:
        for actor in pick(self.known, [which]):
            self.end_now(actor, restart)

    def end_now(self, actor: bytes, restart: int = 0) -> None:
        lives = self.same("actor_kill", actor, restart, 1, b"4killed" + UNSAID)
        if isinstance(lives, int):
            self.same("actor_kill", actor, restart, lives, b"4killed" + UNSAID)

    @rule(at=where, which=few, begun=some, knows=seldom)
    def bury_worker(self, at: int, which: int, begun: list[int], knows: int) -> None:
        """Of an actor that was killed; or its raylet only thinks so."""
        for actor in pick(self.known, [which]):
            ran = b"".join(dict.fromkeys(pick(self.model.calls_of(actor, NODES[at]), begun)))
            self.same("actor_left", NODES[at], actor, b"*" if knows else ran)

    @rule(whole=seldom)
    def rest(self, whole: int) -> None:
        """Its program ends: it is asked what is not answered, and nobody can come to own it."""
        if self.same("job_rest", int(bool(whole))) >= 0:
            self.same("owner_add", self.processes[0], b"about it", b"", b"")

    # -- nodes ------------------------------------------------------------------------------

    @rule(at=where)
    def take_part(self, at: int) -> None:
        if self.model.served.get(NODES[at], 0) is not None:
            seen = self.same("node_attach", NODES[at])
            self.same("task_step", NODES[at], seen, b"3;CPU:20000;")

    @rule(at=where, which=some, slip=seldom)
    def finish(self, at: int, which: list[int], slip: int) -> None:
        """Plain tasks and calls end; actors do not end like this."""
        held = self.model.held.get(NODES[at], {})
        over = [task for task in held if task not in self.model.actors]
        args: list[Any] = []
        for task in dict.fromkeys(pick(over, which)):
            args += self.finished(task, held[task] + slip, b"0v")
        self.same("task_step", NODES[at], self.model.served.get(NODES[at]) or 0, b"", *args)

    @rule(at=where, which=few, calls=some, inner=some, slip=seldom)
    def save(self, at: int, which: int, calls: list[int], inner: list[int], slip: int) -> None:
        """Calls end together with the state after them; the refs in it are alive."""
        for actor in pick(self.hosted(at), [which]):
            held = self.model.held[NODES[at]]
            over = dict.fromkeys(pick(self.model.calls_of(actor, NODES[at]), calls))
            args = [part for t in over for part in self.finished(t, held[t] + slip, b"0v")]
            refs = b"".join(dict.fromkeys(pick(self.alive(), inner)))
            said = (NODES[at], actor, held[actor] + slip, refs, b"0state", *args)
            self.same("actor_save", *said)
            self.same("actor_saved", actor)

    def hosted(self, at: int) -> list[bytes]:
        return [task for task in self.model.held.get(NODES[at], {}) if task in self.model.actors]

    @rule(at=where, which=few, granted=st.integers(0, 6), slip=seldom)
    def open(self, at: int, which: int, granted: int, slip: int) -> None:
        for actor in pick(self.hosted(at), [which]):
            attempt = self.model.held[NODES[at]][actor] + slip
            said = b"" if actor in self.model.hosts else b"4lost" + UNSAID
            self.same("actor_open", NODES[at], actor, attempt, granted, said, said)

    @rule(at=where, which=few, begun=some, slip=seldom)
    def lose_worker(self, at: int, which: int, begun: list[int], slip: int) -> None:
        for actor in pick(self.hosted(at), [which]):
            calls = self.model.calls_of(actor, NODES[at])
            ran = b"".join(dict.fromkeys(pick(calls, begun)))
            attempt = self.model.held[NODES[at]][actor] + slip
            self.same("actor_lost", NODES[at], actor, attempt, ran, *FAILURES)

    @rule(at=where, which=few, begun=some, slip=seldom)
    def move(self, at: int, which: int, begun: list[int], slip: int) -> None:
        for actor in pick(self.hosted(at), [which]):
            calls = self.model.calls_of(actor, NODES[at])
            ran = b"".join(dict.fromkeys(pick(calls, begun)))
            attempt = self.model.held[NODES[at]][actor] + slip
            self.same("actor_move", NODES[at], actor, attempt, ran, FAILURES[0])

    @rule(at=where, which=few, begun=some, slip=seldom)
    def end(self, at: int, which: int, begun: list[int], slip: int) -> None:
        for actor in pick(self.hosted(at), [which]):
            ran = b"".join(dict.fromkeys(pick(self.model.calls_of(actor, NODES[at]), begun)))
            attempt = self.model.held[NODES[at]][actor] + slip
            self.same("actor_over", NODES[at], actor, attempt, b"4left" + UNSAID, ran)

    @rule(at=where, most=st.integers(1, 3), slices=st.integers(1, 3))
    def lose_node(self, at: int, most: int, slices: int) -> None:
        for _ in range(slices):
            if self.same("task_requeue", NODES[at], b"4node", most) == 0:
                break
            self.same_world()

    @rule(which=st.integers(0, 3))
    def read_inbox(self, which: int) -> None:
        name = [*NODES, *self.processes][which]
        assert self.plane.inbox(name) == self.model.inbox.pop(name, [])

    # -- the end ----------------------------------------------------------------------------

    def teardown(self) -> None:
        for actor in self.known:
            self.end_now(actor)
        for name in NODES:
            while self.same("task_requeue", name, b"4lost", 3):
                pass
        self.same("node_attach", LAST_NODE)
        self.finish_everything(b"0v")
        for speaks in self.processes:
            own, others = b"".join(self.made[speaks]), b"".join(self.borrowed[speaks])
            self.same("ref_release", speaks, self.next_seq(speaks), own, others)
        self.finish_everything(b"0v")  # what is let go of may wake a crowd, slice by slice
        self.same("task_step", LAST_NODE, self.model.served[LAST_NODE] or 0, b"")
        self.same_world()
        left = self.plane.world().keys() - {key.name(NS) for key in CONSTANTS}
        assert left == set(), "everything is over and let go: nothing is left"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_actors_agree_with_their_model(socket_path: Path) -> None:
    """After any history the server holds what the model holds; at its end, nothing."""
    run_histories(World, socket_path, EXAMPLES, steps=30)
