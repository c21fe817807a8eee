"""What keeps an object alive, and that nothing does when nothing should.

That a job holds nothing in the end is checked after every test of this folder; here it is checked
in between, and for what only a node has: shared memory.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom.core import current
from tests.cluster.api.holdings import STORE, holdings, stored_bytes
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("cluster")

MEGABYTE = 1 << 20


@loom.task
def same(value: Any) -> Any:
    return value


@loom.task
def length(data: Any) -> int:
    return len(data)


def objects() -> int:
    """How many objects the control plane knows."""
    return len(holdings().get("object", ())) // 2


def nothing_is_held() -> None:
    wait_until(lambda: not holdings(), 10, what="nothing is held")


def test_a_dropped_ref_frees_its_object() -> None:
    ref = loom.put("value")
    assert objects() == 1
    copy = ref
    del ref
    gc.collect()
    assert objects() == 1
    del copy
    nothing_is_held()


def test_an_object_lives_while_a_queued_task_needs_it(gate: Callable[[str], Gate]) -> None:
    go_on = gate("go_on")

    @loom.task
    def waits(_data: Any) -> None:
        go_on.pass_through()

    data = loom.put(np.ones(MEGABYTE))
    first = [waits.remote(None) for _ in range(2)]
    second = [length.remote(data) for _ in range(3)]
    del data
    wait_until(lambda: objects() == 1)
    go_on.open()
    assert loom.get(second) == [MEGABYTE] * 3
    loom.get(first)
    del first, second
    nothing_is_held()


def test_a_ref_inside_an_object_lives_as_long_as_that() -> None:
    inner = loom.put("inner")
    outer = loom.put([{"deep": inner}])
    del inner
    assert objects() == 2
    value = loom.get(outer)
    del outer
    assert loom.get(value[0]["deep"]) == "inner"
    del value
    nothing_is_held()


def test_refs_nest_to_any_depth() -> None:
    ref: Any = loom.put("core")
    for _ in range(50):
        ref = loom.put([ref])
    assert objects() == 51
    for _ in range(50):
        (ref,) = loom.get(ref)
    assert loom.get(ref) == "core"
    wait_until(lambda: objects() == 1)
    del ref
    nothing_is_held()


def test_a_ref_travels_through_tasks_and_stays_alive() -> None:
    @loom.task
    def passes_on(boxed: Any, depth: int) -> Any:
        if depth == 0:
            return boxed
        return loom.get(passes_on.remote(boxed, depth - 1))

    box = [loom.put("traveller")]
    back = passes_on.remote(box, 4)
    del box
    (ref,) = loom.get(back)
    del back
    assert loom.get(ref) == "traveller"
    wait_until(lambda: objects() == 1)


def test_what_a_task_made_and_returned_outlives_its_worker() -> None:
    @loom.task(max_calls=1)
    def makes() -> Any:
        return os.getpid(), [loom.put("made there"), same.remote("and there")]

    pid, refs = loom.get(makes.remote())
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), what="the worker has left")  # noqa: PTH110
    assert loom.get(refs) == ["made there", "and there"]


def test_children_finish_after_their_worker_has_left() -> None:
    @loom.task
    def child(x: int) -> int:
        return x * 2

    @loom.task(max_calls=1)
    def parent(n: int) -> Any:
        return [child.remote(i) for i in range(n)]

    batches = [parent.remote(5) for _ in range(4)]
    assert [loom.get(refs) for refs in loom.get(batches)] == [[0, 2, 4, 6, 8]] * 4


def test_a_workers_refs_go_with_it(gate: Callable[[str], Gate]) -> None:
    has_it = gate("has_it")

    @loom.task(max_retries=0)
    def keeps(boxed: Any) -> None:
        globals()["kept"] = boxed
        loom.get(boxed[0])
        has_it.note(str(os.getpid()))

    ref = loom.put("kept")
    loom.get(keeps.remote([ref]))
    del ref
    gc.collect()
    assert objects() == 1  # the worker holds it in a global
    os.kill(int(has_it.notes()[0]), signal.SIGKILL)
    nothing_is_held()


def test_who_waits_for_what_a_dead_worker_lent_it_gets_it(gate: Callable[[str], Gate]) -> None:
    """1. A worker submits a task and lends its ref to another.  2. That one waits for the value.
    3. The lender is killed.  4. The value comes."""
    waits, go_on, got = gate("waits"), gate("go_on"), gate("got")

    @loom.task(num_cpus=0.5)
    def late() -> str:
        go_on.pass_through()
        return "came"

    @loom.task(num_cpus=0.5)
    def borrows(boxed: Any) -> None:
        waits.open()
        got.note(loom.get(boxed[0], timeout=30))

    @loom.task(num_cpus=0.5, max_retries=0)
    def lends() -> None:
        lent = borrows.remote([late.remote()])
        wait_until(lambda: waits.is_open)
        os.kill(os.getpid(), signal.SIGKILL)
        del lent

    with pytest.raises(loom.errors.WorkerCrashed):
        loom.get(lends.remote(), timeout=30)
    go_on.open()
    wait_until(got.notes)
    assert got.notes() == ["came"]


def test_a_captured_ref_lives_with_its_function_and_no_longer() -> None:
    # That nothing is left when this function ends is what the fixture checks.
    ref = loom.put("captured")

    @loom.task
    def reads(_x: int = 0) -> Any:
        return loom.get(ref)

    assert loom.get(reads.remote()) == "captured"
    assert loom.get(reads.remote(1)) == "captured"
    assert loom.get(reads.map(range(3))) == ["captured"] * 3
    last = reads.remote(1)
    assert loom.get(last) == "captured"


def test_a_ref_captured_by_a_task_within_a_task_works() -> None:
    ref = loom.put("deep")

    @loom.task
    def inner() -> Any:
        return loom.get(ref)

    @loom.task
    def outer() -> Any:
        return loom.get(inner.remote())

    assert loom.get(outer.remote()) == "deep"


@pytest.mark.keeps_refs
def test_a_ref_that_user_code_pickled_is_kept_for_the_session() -> None:
    ref = loom.put("pickled by hand")
    name = ref.binary()
    data = pickle.dumps(ref)
    del ref
    gc.collect()
    assert name.hex() in holdings()["object"]
    assert loom.get(pickle.loads(data)) == "pickled by hand"


def test_a_result_that_nobody_wants_is_not_kept() -> None:
    for _ in range(20):
        same.remote("unwanted")
    nothing_is_held()


def test_a_failed_task_lets_go_of_its_arguments() -> None:
    @loom.task
    def fails(_boxed: Any) -> None:
        raise ValueError("no")

    ref = loom.put("argument")
    with pytest.raises(ValueError, match="no"):
        loom.get(fails.remote([ref]))
    del ref
    gc.collect()
    nothing_is_held()


def test_an_array_outlives_its_ref_while_somebody_looks_at_it() -> None:
    array = loom.get(loom.put(np.arange(MEGABYTE)))
    wait_until(lambda: holdings().keys() == {STORE}, what="only its bytes are left")
    for _ in range(5):  # somebody else may use the room
        loom.get(loom.put(np.zeros(MEGABYTE)))
    assert int(array[-1]) == MEGABYTE - 1


def test_small_results_do_not_touch_shared_memory() -> None:
    refs = same.map([b"x" * 1000] * 50)
    loom.get(refs)
    assert objects() == 50
    assert stored_bytes() == 0


def test_what_a_dead_worker_had_put_is_gone_with_its_task() -> None:
    @loom.task(max_retries=0)
    def puts_and_dies() -> Any:
        kept = [loom.put(np.zeros(MEGABYTE)), same.remote(1)]
        loom.get(kept[1])
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(loom.errors.WorkerCrashed):
        loom.get(puts_and_dies.remote())
    nothing_is_held()


def test_ten_thousand_refs_in_one_object_are_all_let_go() -> None:
    box = loom.put([loom.put(i) for i in range(10_000)])
    assert objects() == 10_001
    opened = loom.get(box)
    del box
    assert loom.get(opened[5_000]) == 5_000
    del opened
    nothing_is_held()


def test_the_session_forgets_with_the_control_plane() -> None:
    session = current.current()
    nothing_is_held()
    before = len(session.values)
    loom.get([same.remote(loom.put(i)) for i in range(500)])
    gc.collect()
    session.settle()
    assert len(session.values) == before
    assert session.was_put == set()
    assert not session.streams
