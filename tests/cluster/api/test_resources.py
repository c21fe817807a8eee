"""Resources are counted exactly, given back, and asked for in vain with an explanation."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster.api.gate import Gate

pytestmark = pytest.mark.usefixtures("cluster")


@loom.task
def same(value: Any = None) -> Any:
    return value


def all_is_free() -> None:
    total = loom.cluster_resources()
    wait_until(lambda: loom.available_resources() == total, 15, what="all is given back")


def test_thousands_of_tasks_with_fractions_give_all_back() -> None:
    shapes: list[dict[str, Any]] = [
        {"num_cpus": 0.1},
        {"num_cpus": 0.0001},
        {"num_cpus": 0.3333},
        {"num_gpus": 0.25, "num_cpus": 0},
        {"num_cpus": 0.5, "resources": {"paint": 0.7}},
        {"num_cpus": 0},
    ]

    @loom.task
    def given(value: int) -> int:  # not of this module, which each worker would have to import
        return value

    functions = [given.options(**shape) for shape in shapes]
    refs = [function.remote(i) for i in range(500) for function in functions]
    assert loom.get(refs) == [i for i in range(500) for _ in functions]
    all_is_free()


def test_no_more_run_at_once_than_fit(gate: Callable[[str], Gate]) -> None:
    inside, highest = gate("inside"), gate("highest")

    @loom.task(num_cpus=0, resources={"paint": 2})
    def paints(number: int) -> None:
        mine = inside.path.with_suffix(f".{number}")
        mine.touch()
        highest.note(str(len(list(mine.parent.glob("inside.*")))))
        mine.unlink()

    loom.get([paints.remote(i) for i in range(30)])
    assert max(map(int, highest.notes())) <= 2


@pytest.mark.keeps_refs  # see below
def test_an_infeasible_task_says_what_it_lacks_when_asked() -> None:
    ref = same.options(num_cpus=100, resources={"unobtainium": 1}).remote()
    with pytest.raises(errors.GetTimeout, match=r"same.*waits for") as info:
        loom.get(ref, timeout=0.2)
    assert "100 CPU" in str(info.value)
    assert "unobtainium" in str(info.value)
    loom.cancel(ref)
    with pytest.raises(errors.TaskCancelled, match=r"^same was cancelled.*\n  in task same \("):
        loom.get(ref, timeout=20)


def test_a_timeout_explains_what_each_object_waits_for(gate: Callable[[str], Gate]) -> None:
    go_on = gate("go_on")

    @loom.task(num_cpus=1)
    def holds() -> None:
        go_on.pass_through()

    @loom.task
    def needs(_: Any) -> None: ...

    running = [holds.remote() for _ in range(2)]
    queued, waiting = same.remote(), needs.remote(running[0])
    inner = needs.remote(running[1])
    outer = needs.remote(inner)
    try:
        with pytest.raises(errors.GetTimeout) as info:
            loom.get([*running, queued, waiting], timeout=0.5)
        with pytest.raises(errors.GetTimeout) as followed:
            loom.get(outer, timeout=0)
    finally:
        go_on.open()
    text = str(info.value)
    assert "4 of 4 objects are not ready" in text
    assert "Nothing is lost" in text
    assert f"{running[0]!r} of task" in text
    assert f"{waiting!r} of task" in text
    assert f"waits for 1 of its inputs: {running[0]!r}\n" in text
    loom.get([*running, queued, waiting])
    name = "test_a_timeout_explains_what_each_object_waits_for.<locals>."
    node = loom.nodes()[0]["node"][:8]
    held = f"was taken by node {node}, which runs it, fetches its inputs, or will have room for it"
    assert str(followed.value).splitlines()[1:-1] == [
        f"  {outer!r} of task {name}needs waits for 1 of its inputs: {inner!r}",
        f"    {inner!r} of task {name}needs waits for 1 of its inputs: {running[1]!r}",
        f"      {running[1]!r} of task {name}holds {held}",
    ]
    loom.get(outer)


def test_a_timeout_follows_a_long_chain_to_its_end(gate: Callable[[str], Gate]) -> None:
    go_on = gate("go_on")

    @loom.task
    def slow() -> int:
        go_on.pass_through()
        return 1

    chain = [slow.remote()]
    for _ in range(20):
        chain.append(same.remote(chain[-1]))
    try:
        with pytest.raises(errors.GetTimeout) as info:
            loom.get(chain[-2:], timeout=0)
    finally:
        go_on.open()
    lines = str(info.value).splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == [
        *map(repr, chain[-2:-5:-1]), "…", *map(repr, chain[2::-1]), repr(chain[-1]),
    ]  # fmt: skip
    assert "(14 more, each of which waits for the next)" in lines[4]
    assert loom.get(chain[-1]) == 1


@pytest.mark.keeps_refs  # names of cancelled tasks stay in a queue that no node ever serves
def test_a_timeout_of_many_names_some_and_counts_the_rest() -> None:
    refs = same.options(num_cpus=50).map(range(25))
    with pytest.raises(errors.GetTimeout, match=r"and 15 more") as info:
        loom.get(refs, timeout=0)
    assert "50 CPU free; no node has that much in all: 48 CPU missing" in str(info.value)
    for ref in refs:
        loom.cancel(ref)


def test_higher_priority_goes_first(gate: Callable[[str], Gate]) -> None:
    go_on, order = gate("go_on"), gate("order")

    @loom.task(num_cpus=2)
    def blocks() -> None:
        go_on.pass_through()

    @loom.task(num_cpus=2)
    def ran(name: str) -> None:
        order.note(name)

    first = blocks.remote()
    wait_until(lambda: loom.wait([first], timeout=0)[1])
    refs = [ran.options(priority=priority).remote(str(priority)) for priority in (0, -5, 3, 10, 3)]
    with pytest.raises(errors.GetTimeout):  # all are in their queues, and the node is full
        loom.get(refs, timeout=0.2)
    go_on.open()
    loom.get([first, *refs])
    assert order.notes() == ["10", "3", "3", "0", "-5"]


def test_a_worker_ends_after_max_calls() -> None:
    @loom.task(max_calls=2)
    def pid() -> int:
        return os.getpid()

    pids = [loom.get(pid.remote()) for _ in range(6)]
    assert max(pids.count(each) for each in pids) == 2


def test_gpus_are_told_apart() -> None:
    @loom.task(num_gpus=1)
    def which() -> Any:
        return loom.context().gpu_ids, os.environ["CUDA_VISIBLE_DEVICES"]

    assert loom.get(which.remote()) == ((0,), "0")


def test_affinity_to_this_node_is_kept() -> None:
    here = loom.NodeAffinity(loom.context().node_id)

    @loom.task(scheduling=here)
    def where() -> str:
        return loom.context().node_id

    assert loom.get(where.remote()) == here.node_id
    for scheduling in ("spread", "pack", "default", loom.NodeAffinity(here.node_id.upper())):
        assert loom.get(where.options(scheduling=scheduling).remote()) == here.node_id
    wish = loom.NodeAffinity("12" * 8, soft=True)
    assert loom.get(where.options(scheduling=wish).remote()) == here.node_id


@pytest.mark.keeps_refs
def test_affinity_to_a_node_that_is_not_there_waits_and_says_so() -> None:
    ref = same.options(scheduling=loom.NodeAffinity("12" * 8)).remote()
    with pytest.raises(errors.GetTimeout) as info:
        loom.get(ref, timeout=0.2)
    assert "no node has that much in all: node 1212121212121212 missing" in str(info.value)
    loom.cancel(ref)
    with pytest.raises(errors.TaskCancelled):
        loom.get(ref, timeout=20)


def test_being_a_node_is_not_shown_among_its_resources() -> None:
    @loom.task(scheduling=loom.NodeAffinity(loom.context().node_id))
    def assigned() -> dict[str, float]:
        return loom.context().assigned_resources

    names = ["CPU", "GPU", "memory", "paint"]
    assert sorted(loom.cluster_resources()) == sorted(loom.available_resources()) == names
    assert [sorted(node["resources"]) for node in loom.nodes()] == [names]
    assert loom.get(assigned.remote()) == {"CPU": 1}
