"""kill -9 of a driver or a worker at each word that it says to the control plane.

A task is tried again, and comes out as it should; a driver's job ends, and nothing of it stays.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.gcs import keys
from tests.cluster.api.holdings import nothing_is_held, stored_bytes
from tests.cluster.node import operations
from tests.cluster.node.operations import DEEDS, PATIENCE_S, arms, does
from tests.home import Home
from tests.sampled import one_in
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def _points(role: str, transitions: Any) -> list[str]:
    return [f"{role}.{when}.{each}" for each in transitions for when in ("before", "after")]


_HERE = [each for each in DEEDS if each != "actor_cede"]
IN_A_TASK = ["worker.waiting", *_points("worker", _HERE)]
OF_A_TASK = _points("worker", ("process_join", "ref_contain", "stream_open", "task_yield"))
OF_A_DRIVER = ["driver.waiting", *_points("driver", _HERE)]
OF_AN_ACTOR = ["worker.constructed"]
OF_TWO_JOBS = [*_points("driver", ("actor_cede",)), *_points("worker", ("actor_cede",))]

POINTS = [*IN_A_TASK, *OF_A_TASK, *OF_A_DRIVER, *OF_AN_ACTOR, *OF_TWO_JOBS]


@pytest.fixture(scope="module")
def head() -> Iterator[Home]:
    """A head for all tests of the module; this process is a driver."""
    home = Home(variables={"LOOM_LEASE_S": "3", "LOOM_BEAT_S": "0.5"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOM_RUNTIME_DIR", str(home.runtime))
        home.start_head("--num-cpus", "4")
        loom.init()
        yield home
        loom.shutdown()
        home.close()


@pytest.fixture(autouse=True)
def _test_leaves_nothing(head: Home) -> Iterator[None]:
    assert head.sessions()
    yield
    operations.clear()
    nothing_is_held(20)
    wait_until(lambda: _other_jobs() == [], 20, what="other jobs have ended")
    wait_until(lambda: stored_bytes() == 0, 20, what="nothing is stored")
    wait_until(lambda: not current.session().outbox.call("group_list", namespace=keys.CLUSTER), 20)


def _other_jobs() -> list[bytes]:
    session = current.session()
    jobs = session.outbox.call("job_list", namespace=keys.CLUSTER)[::2]
    return [job for job in jobs if job != session.job]


@pytest.fixture
def mark(tmp_path: Path) -> str:
    """There when the deed was tried once."""
    return str(tmp_path / "mark")


@pytest.mark.parametrize("point", one_in(5, IN_A_TASK))
def test_a_task_whose_worker_dies_at_a_word_is_done(point: str, mark: str) -> None:
    assert loom.get(does.remote(mark, point), timeout=PATIENCE_S), "it died"


@loom.task(max_retries=3, max_calls=1)
def gives(mark: str, point: str) -> Any:
    died = arms(mark, point)
    return died, loom.put(3)


@loom.task(max_retries=3, num_returns="streaming", stream_ahead=2)
def yields(mark: str, point: str, at: int) -> Any:
    died = arms(mark, point, at)
    return (*range(5), died)


@pytest.mark.parametrize("point", one_in(5, OF_A_TASK))
def test_a_task_whose_worker_dies_as_it_tells_of_itself_is_done(point: str, mark: str) -> None:
    if point.endswith(("stream_open", "task_yield")):
        stream = yields.remote(mark, point, 2 if point.endswith("yield") else 1)
        assert [loom.get(ref, timeout=PATIENCE_S) for ref in stream] == [0, 1, 2, 3, 4, True]
        assert loom.get(stream.completed(), timeout=PATIENCE_S) == 6
    else:
        died, ref = loom.get(gives.remote(mark, point), timeout=PATIENCE_S)
        assert (died, loom.get(ref, timeout=PATIENCE_S)) == (True, 3)


@loom.task(max_retries=3, max_calls=1)
def detaches_many(mark: str, point: str) -> tuple[bool, str]:
    """Says them in several words: those who take, before those who make."""
    node: Any = 0
    for _ in range(1500):
        node = operations.one.bind(node)
    died = arms(mark, point)
    plan = loom.Plan([node]).submit(detach=True)
    return died, plan.id


@pytest.mark.parametrize("when", ["before", "after"])
def test_of_a_detached_plan_that_was_half_said_nothing_stays(when: str, mark: str) -> None:
    """Its worker is killed in the middle, and tried again: that attempt's plan alone is there."""
    died, plan = loom.get(
        detaches_many.remote(mark, f"worker.{when}.task_plan"), timeout=PATIENCE_S
    )
    assert died
    wait_until(lambda: _owners() == [plan], 20, what="the other one is buried")
    handle = loom.attach(plan)
    assert handle.fetch(PATIENCE_S) == [1500]
    handle.release()


def _owners() -> list[str]:
    return [each.hex() for each in current.session().outbox.call("owner_list")[::2]]


@loom.actor(max_restarts=3, num_cpus=0)
class Born:
    """Knows whether it died at its birth."""

    def __init__(self, mark: str, point: str) -> None:
        self._died = arms(mark, point)

    def died(self) -> bool:
        return self._died


@pytest.mark.parametrize("point", OF_AN_ACTOR)
def test_an_actor_that_dies_at_its_birth_is_born_again(point: str, mark: str) -> None:
    assert loom.get(Born.remote(mark, point).died.remote(), timeout=PATIENCE_S)


@pytest.mark.parametrize("point", one_in(5, OF_A_DRIVER))
def test_nothing_of_a_driver_that_dies_at_a_word_stays(head: Home, point: str, mark: str) -> None:
    _dies(head, point, mark)


@pytest.mark.parametrize("point", OF_TWO_JOBS)
def test_a_name_that_is_claimed_anew_is_nobodys_but_the_living_ones(
    head: Home, point: str, mark: str
) -> None:
    operations.claims_anew()
    if point.startswith("driver."):
        _dies(head, point, mark)
    else:
        assert _played(head, point, mark) == (0, "done\n")
    operations.claims_anew()


def _dies(head: Home, point: str, mark: str) -> None:
    assert _played(head, point, mark) == (-signal.SIGKILL, "")


def _played(head: Home, point: str, mark: str) -> tuple[int, str]:
    program = head.python("-m", operations.__name__, point, mark)
    out, err = program.communicate(timeout=PATIENCE_S)
    assert not err or program.returncode == 0, err
    return program.returncode, out
