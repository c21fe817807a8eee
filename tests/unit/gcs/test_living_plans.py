"""What is said of the plans that living processes have, and when it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.gcs import keys
from tests.unit.gcs.cast import left
from tests.unit.gcs.plane import NS, output

if TYPE_CHECKING:
    from tests.unit.gcs.cast import Process
    from tests.unit.gcs.plane import Plane

ONE, OTHER = b"JOB1plan-1", b"JOB1plan-2"


def test_it_is_there_until_its_process_lets_go_of_it(plane: Plane, driver: Process) -> None:
    for plan in (OTHER, ONE):
        assert plane.call("plan_add", driver.id, plan, b"about", b"record") == 1
    assert plane.call("plan_add", driver.id, ONE, b"more", b"another") == 0
    assert plane.call("plan_list") == [driver.id, ONE, b"more", driver.id, OTHER, b"about"]
    assert plane.call("owner_record", ONE) == b"another"
    assert plane.call("plan_forget", driver.id, ONE) == 0
    assert plane.call("owner_record", ONE) is None
    assert plane.call("plan_list") == [driver.id, OTHER, b"about"]
    assert plane.call("plan_forget", driver.id, ONE, OTHER) == 0
    assert left(plane) == {}


def test_a_burial_lets_go_of_it_before_it_lets_go_of_a_result(
    plane: Plane, driver: Process
) -> None:
    """Or, between two slices, somebody would find the plan there and hold what is gone."""
    tasks = driver.submit(3)
    plane.call("plan_add", driver.id, ONE, b"about", b"record")
    plane.call("plan_add", b"JOB1others", OTHER, b"about", b"record")
    assert plane.call("process_bury", driver.id, 1, 1) == 2
    assert plane.call("owner_record", ONE) is None
    assert plane.table(keys.REFS).keys() == {output(tasks[0])}
    assert plane.call("plan_list") == [b"JOB1others", OTHER, b"about"]


def test_it_ends_with_its_job_and_keeps_no_job(plane: Plane, driver: Process) -> None:
    plane.call("plan_add", driver.id, ONE, b"about", b"record")
    assert plane.call("job_close", 60) > 0
    assert plane.call("plan_add", driver.id, OTHER, b"about", b"record") == 0
    assert plane.call("plan_list") == []
    assert [name for name in plane.world() if b"plan" in name or b"record" in name] == []
    assert keys.PLANS.name(NS) not in plane.world()
