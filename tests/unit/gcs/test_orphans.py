"""Jobs of drivers whose node is lost: how long they are waited for, and who is told."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from hyperloom import errors
from hyperloom.gcs import codes, keys
from hyperloom.gcs.library import build
from hyperloom.gcs.outbox import Outbox
from tests.models.orphans import Orphans
from tests.models.references import Limits
from tests.unit.gcs.cast import Process
from tests.unit.gcs.plane import JOB, NS, Plane, node, output, process, task

if TYPE_CHECKING:
    from pathlib import Path

A, B = node("a"), node("b")
LONG_MS = 60_000
WHY = b"its node was not heard of"


def cluster(plane: Plane, name: str, *args: Any) -> Any:
    return plane.call(name, *args, ns=keys.CLUSTER)


def test_a_job_is_waited_for_as_long_as_its_driver_s_node_may_come_back(plane: Plane) -> None:
    cluster(plane, "node_join", A, LONG_MS, "a")
    cluster(plane, "job_open", JOB, "about")
    assert cluster(plane, "job_orphan", JOB, A, LONG_MS) == [-1]
    cluster(plane, "node_leave", A)
    left = cluster(plane, "job_orphan", JOB, A, LONG_MS)[0]
    assert 0 < left <= LONG_MS
    assert 0 < cluster(plane, "job_orphan", JOB, A, LONG_MS)[0] <= left, "the clock goes on"
    assert cluster(plane, "job_orphan", JOB, A, 0) == [0]
    cluster(plane, "node_join", A, LONG_MS, "a")
    assert cluster(plane, "job_orphan", JOB, A, 0) == [-1]


def test_a_node_that_was_back_is_waited_for_anew(plane: Plane) -> None:
    """1. It is lost, and that is seen.  2. It is back.  3. It is lost, before anybody looks."""
    cluster(plane, "job_open", JOB, "about")
    cluster(plane, "job_orphan", JOB, A, LONG_MS)
    before = plane.world()[keys.ORPHANS.name(keys.CLUSTER)]
    assert list(before) == [JOB]
    cluster(plane, "node_join", B, LONG_MS, "b")
    assert plane.world()[keys.ORPHANS.name(keys.CLUSTER)] == before
    cluster(plane, "node_join", A, LONG_MS, "a")
    assert keys.ORPHANS.name(keys.CLUSTER) not in plane.world()


def test_nothing_is_left_of_an_orphan_that_is_over(plane: Plane) -> None:
    cluster(plane, "job_open", JOB, "about")
    cluster(plane, "job_orphan", JOB, A, 0)
    cluster(plane, "job_forget", JOB)
    assert plane.world() == {}
    assert cluster(plane, "job_orphan", JOB, A, 0) == [-1], "somebody else ended it"


def test_a_driver_that_comes_back_too_late_is_told_why_its_job_is_over(plane: Plane) -> None:
    driver = Process(plane, "driver")
    assert plane.call("process_heard", driver.id) == 0
    plane.call("job_close", 600, driver.id, WHY)
    assert plane.call("process_heard", driver.id) == WHY
    plane.call("job_close", 60, driver.id)
    assert plane.call("process_heard", driver.id) == WHY, "closed again by who does not know"


def test_a_driver_whose_job_goes_on_without_it_is_told_and_others_are_not(plane: Plane) -> None:
    """1. It has detached something.  2. It is buried.  3. Its words must not be said again."""
    driver = process("driver")
    outbox = Outbox(plane.address, NS, driver, batch=100, outage_s=1, repeats=True)
    outbox.put(output(task(driver, 1)), b"0mine")
    outbox.settle()
    plane.call("owner_add", process("plan"), codes.DETACHED, b"record", b"")
    assert plane.call("job_close", 60, driver, WHY) == -1
    assert plane.call("process_bury", driver, 1, 100, b"4gone") == 0
    with pytest.raises(errors.JobEnded, match="its node was not heard of"):
        outbox.compare()
    outbox.put(output(task(driver, 2)), b"0more")
    with pytest.raises(errors.JobEnded, match="its node was not heard of"):
        outbox.settle()
    assert plane.table(keys.OBJECT) is None
    assert plane.call("process_heard", process("other")) == 0
    outbox.close()


NODES = [A, B]
JOBS = [JOB, b"JOB2"]
GRACES = [0, LONG_MS]  # over as soon as it began; and not in this history


class World(RuleBasedStateMachine):
    """Nodes that come and go, jobs that begin and end, and somebody who looks."""

    plane: Plane

    def __init__(self) -> None:
        super().__init__()
        self.plane.wire.call("FLUSHALL")
        self.model = Orphans()

    @rule(who=st.sampled_from(NODES))
    def join(self, who: bytes) -> None:
        cluster(self.plane, "node_join", who, LONG_MS, "about")
        self.model.node_join(who)

    @rule(who=st.sampled_from(NODES))
    def leave(self, who: bytes) -> None:
        cluster(self.plane, "node_leave", who)
        self.model.node_leave(who)

    @rule(job=st.sampled_from(JOBS))
    def open(self, job: bytes) -> None:
        cluster(self.plane, "job_open", job, "about")
        self.model.job_open(job)

    @rule(job=st.sampled_from(JOBS))
    def forget(self, job: bytes) -> None:
        cluster(self.plane, "job_forget", job)
        self.model.job_forget(job)

    @rule(
        asked=st.lists(
            st.tuples(st.sampled_from(JOBS), st.sampled_from(NODES), st.sampled_from(GRACES)),
            min_size=1,
            max_size=4,
        )
    )
    def look(self, asked: list[tuple[bytes, bytes, int]]) -> None:
        flat = [part for each in asked for part in each]
        left = cluster(self.plane, "job_orphan", *flat)
        for ours, theirs in zip(self.model.job_orphan(0, *asked), left, strict=True):
            assert ours == theirs or (ours > 0 and 0 < theirs <= ours)

    @invariant()
    def the_same_are_orphans(self) -> None:
        rows = self.plane.world().get(keys.ORPHANS.name(keys.CLUSTER), {})
        found = {job: row[: codes.NODE_ID] for job, row in rows.items()}
        assert found == {job: who for job, (who, _) in self.model.since.items()}


def test_histories_of_orphans(socket_path: Path) -> None:
    plane = Plane(socket_path, build(**asdict(Limits())))
    try:
        run_state_machine_as_test(
            type("BoundWorld", (World,), {"plane": plane}),
            settings=settings(
                max_examples=100,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        plane.wire.call("FLUSHALL")
        plane.close()
