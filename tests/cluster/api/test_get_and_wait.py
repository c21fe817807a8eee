"""`get`, `put`, `wait`, `as_completed`: what they take, give and refuse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.core import current

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def same(value: Any) -> Any:
    return value


@loom.task
def fails(text: str = "on purpose") -> None:
    raise ValueError(text)


def test_get_of_several_keeps_order_and_duplicates() -> None:
    refs = [same.remote(i) for i in range(5)]
    assert loom.get(refs) == [0, 1, 2, 3, 4]
    assert loom.get(tuple(refs)) == [0, 1, 2, 3, 4]
    assert loom.get([refs[1], refs[0], refs[1]]) == [1, 0, 1]
    assert loom.get([]) == []
    assert loom.get(()) == []


def test_get_may_be_repeated() -> None:
    ref = same.remote([1])
    assert loom.get(ref) == loom.get(ref) == [1]


def test_get_of_ten_thousand() -> None:
    assert loom.get(same.map(range(10_000))) == list(range(10_000))


@pytest.mark.parametrize(
    "wrong", [3, "abc", b"abc", None, {1: 2}, {1}, iter([])], ids=lambda wrong: type(wrong).__name__
)
def test_get_of_anything_else_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match="get\\(\\) takes an ObjectRef or a sequence of them"):
        loom.get(wrong)


def test_get_of_a_list_with_something_else_names_it() -> None:
    with pytest.raises(TypeError, match="'x' is of type str, not an ObjectRef"):
        loom.get([loom.put(1), "x"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="not 3, which is of type int"):
        loom.get(3)  # type: ignore[call-overload]


def test_get_of_a_task_that_was_not_called_says_so() -> None:
    with pytest.raises(TypeError, match=r"\.remote"):
        loom.get(same)  # type: ignore[call-overload]


@pytest.mark.parametrize("wrong", ["5", -1, True, float("nan")], ids=repr)
def test_a_timeout_is_a_number_of_seconds(wrong: Any) -> None:
    ref = same.remote(1)
    for call in (
        lambda: loom.get(ref, timeout=wrong),
        lambda: loom.wait([ref], timeout=wrong),
        lambda: loom.as_completed([ref], timeout=wrong),
    ):
        with pytest.raises((TypeError, ValueError), match=r"timeout=.* seconds"):
            call()
    loom.get(ref)


def test_put_of_a_ref_is_refused() -> None:
    ref = loom.put(1)
    with pytest.raises(TypeError, match="is a reference already"):
        loom.put(ref)


def test_the_first_failure_of_several_is_raised() -> None:
    with pytest.raises(ValueError, match="on purpose"):
        loom.get([same.remote(1), fails.remote(), same.remote(2)])


def test_wait_gives_ready_and_not_ready_in_their_order() -> None:
    refs = [same.remote(i) for i in range(4)]
    loom.get(refs)
    assert loom.wait(refs) == ([refs[0]], refs[1:])
    assert loom.wait(refs, num_returns=3) == (refs[:3], refs[3:])
    assert loom.wait(refs[::-1], num_returns=4) == (refs[::-1], [])
    assert loom.wait(tuple(refs), num_returns=4, timeout=0) == (refs, [])
    assert loom.wait([]) == ([], [])


def test_wait_counts_failures_as_ready() -> None:
    ref = fails.remote()
    assert loom.wait([ref], timeout=20) == ([ref], [])


def test_wait_refuses_what_it_cannot_mean() -> None:
    ref, other = loom.put(1), loom.put(2)
    with pytest.raises(ValueError, match="twice"):
        loom.wait([ref, other, ref])
    for number in (0, -1, 3):
        with pytest.raises(ValueError, match=f"num_returns={number}"):
            loom.wait([ref, other], num_returns=number)
    for number in (1.5, "1", True, None):
        with pytest.raises(TypeError, match="num_returns"):
            loom.wait([ref, other], num_returns=number)  # type: ignore[arg-type]
    for wrong in (ref, 5, "ab", {ref}, {ref: 1}):
        with pytest.raises(TypeError, match=r"wait\(\) takes a list"):
            loom.wait(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not an ObjectRef"):
        loom.wait([ref, 7])  # type: ignore[list-item]


def test_as_completed_gives_each_ref_once() -> None:
    refs = [same.remote(i) for i in range(10)]
    assert sorted(loom.get(ref) for ref in loom.as_completed(refs)) == list(range(10))
    assert list(loom.as_completed([])) == []
    assert list(loom.as_completed([refs[0], refs[0]])) == [refs[0]]


def test_as_completed_looks_once_at_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a loop over a million results would be one over half of a million times a million."""
    session = current.session()
    looks: list[int] = []
    register = session.register

    def registered(waiter: Any, oids: Any) -> None:
        looks.append(len(oids))
        register(waiter, oids)

    monkeypatch.setattr(session, "register", registered)
    refs = [same.remote(i) for i in range(50)]
    assert sum(1 for _ in loom.as_completed(refs)) == 50
    assert looks == [50]


def test_who_leaves_as_completed_waits_for_nothing_any_more() -> None:
    refs = [same.remote(i) for i in range(50)]
    for _ in loom.as_completed(refs):
        break
    loom.wait(refs, num_returns=50)
    assert not current.session().has_waiters


def test_as_completed_gives_failures_too() -> None:
    refs = [fails.remote(), same.remote(1)]
    assert set(loom.as_completed(refs)) == set(refs)


def test_as_completed_refuses_at_once() -> None:
    with pytest.raises(TypeError, match="not an ObjectRef"):
        loom.as_completed([1])  # type: ignore[list-item]
    with pytest.raises(TypeError, match=r"as_completed\(\) takes"):
        loom.as_completed(loom.put(1))  # type: ignore[arg-type]


def test_a_ref_is_neither_true_nor_a_sequence() -> None:
    ref = loom.put([1, 2])
    with pytest.raises(TypeError, match=r"loom\.get\(ref\)"):
        bool(ref)
    with pytest.raises(TypeError, match=r"loom\.get\(ref\)"):
        list(ref)  # type: ignore[call-overload]


def test_refs_are_equal_by_object_and_say_who_they_are() -> None:
    ref = loom.put(1)
    (again,) = loom.get(same.remote([ref]))
    assert again == ref
    assert hash(again) == hash(ref)
    assert ref != loom.put(1)
    assert ref != 1
    assert len(ref.hex()) == 40
    assert bytes.fromhex(ref.hex()) == ref.binary()
    assert repr(ref).startswith("ObjectRef(")
    assert str(ref) == repr(ref)
    assert ref.task_id() != loom.put(1).task_id()


def test_a_chain_of_a_hundred_tasks() -> None:
    @loom.task
    def plus_one(x: int) -> int:
        return x + 1

    ref = plus_one.remote(0)
    for _ in range(99):
        ref = plus_one.remote(ref)
    assert loom.get(ref) == 100


@pytest.mark.parametrize("size", [10, 300_000])
@pytest.mark.parametrize("caller", ["driver", "task"])
def test_results_are_the_same_whoever_calls_and_wherever_arguments_lie(
    caller: str, size: int
) -> None:
    @loom.task
    def length(data: bytes) -> int:
        return len(data)

    @loom.task
    def calls(data: bytes, ref: list[Any]) -> list[int]:
        mine = loom.put(data)
        return loom.get([length.remote(data), length.remote(mine), length.remote(ref[0])])

    data = b"x" * size
    ref = loom.put(data)
    if caller == "task":
        assert loom.get(calls.remote(data, [ref])) == [size] * 3
    else:
        assert loom.get([length.remote(data), length.remote(ref)]) == [size] * 2


def test_many_threads_use_one_session() -> None:
    def work(number: int) -> int:
        refs = [same.remote(number * 100 + i) for i in range(50)]
        ready, rest = loom.wait(refs, num_returns=25)
        assert len(ready) == 25
        assert len(rest) == 25
        return sum(loom.get(refs)) + loom.get(same.remote(loom.put(number)))

    with ThreadPoolExecutor(8) as pool:
        sums = list(pool.map(work, range(16)))
    assert sums == [sum(range(n * 100, n * 100 + 50)) + n for n in range(16)]


def test_threads_wait_for_the_same_ref() -> None:
    ref = same.remote(5)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: loom.get(ref), range(30))) == [5] * 30


def test_the_context_says_where_code_runs() -> None:
    @loom.task(name="who", num_cpus=0.5)
    def context() -> Any:
        here = loom.context()
        return (
            here.job_id,
            here.task_id,
            here.task_name,
            here.attempt,
            here.fence,
            (here.assigned_resources),
        )

    mine = loom.context()
    assert (mine.task_id, mine.task_name, mine.attempt, mine.fence) == (None, None, None, None)
    assert mine.assigned_resources == {}
    assert not mine.is_cancelled()
    ref = context.remote()
    job, task, name, attempt, fence, resources = loom.get(ref)
    assert job == mine.job_id
    assert (task, job) == (ref.task_id(), ref.job_id())
    assert (name, attempt, fence) == ("who", 1, (task, 1))
    assert resources == {"CPU": 0.5}


def test_a_context_can_be_returned_and_printed() -> None:
    @loom.task
    def context() -> Any:
        return loom.context()

    there = loom.get(context.remote())
    assert there.task_name.endswith("context")
    assert there.node_id == loom.context().node_id
    assert "task_name" in repr(there)


def test_the_cluster_says_what_it_has() -> None:
    (node,) = loom.nodes()
    assert node["alive"]
    assert node["node"] == loom.context().node_id
    total = loom.cluster_resources()
    assert (total["CPU"], total["GPU"], total["paint"]) == (2, 1, 5)
    assert total["memory"] > 0
    assert set(loom.available_resources()) <= set(total)


def test_nested_refs_arrive_as_refs_and_work() -> None:
    @loom.task
    def opens(boxed: Any) -> Any:
        (ref,) = boxed["deep"]
        assert isinstance(ref, loom.ObjectRef)
        return loom.get(ref), ref

    ref = loom.put("inside")
    value, back = loom.get(opens.remote({"deep": [ref]}))
    assert value == "inside"
    assert back == ref
    assert loom.get(back) == "inside"


def test_a_ref_in_a_closure_works_where_the_closure_goes() -> None:
    ref = loom.put("captured")

    def reads() -> str:
        return loom.get(ref)

    @loom.task
    def calls(function: Any) -> Any:
        return function()

    assert loom.get(loom.put(reads))() == "captured"
    assert loom.get(calls.remote(reads)) == "captured"


def test_a_task_may_return_refs_of_its_own() -> None:
    @loom.task
    def makes() -> Any:
        return [same.remote(1), loom.put(2)], {"k": loom.put([loom.put(3)])}

    refs, deep = loom.get(makes.remote())
    assert loom.get(refs) == [1, 2]
    assert loom.get(loom.get(deep["k"])) == [3]


def test_an_object_with_ten_thousand_refs() -> None:
    refs = [loom.put(i) for i in range(10_000)]
    box = loom.put(refs)
    del refs
    assert loom.get(loom.get(box)[9_999]) == 9_999

    @loom.task
    def total(boxed: Any) -> int:
        return sum(loom.get(boxed))

    assert loom.get(total.remote(box)) == sum(range(10_000))


def test_failed_arguments_fail_the_task_with_the_first_cause() -> None:
    @loom.task
    def needs(value: Any) -> Any:
        return value

    last = needs.remote(needs.remote(fails.remote("the root")))
    with pytest.raises(ValueError, match="the root") as info:
        loom.get(last)
    assert isinstance(info.value, errors.TaskError)
    assert [name.rpartition(".")[2] for name in info.value.path] == ["fails", "needs", "needs"]
    with pytest.raises(ValueError, match="the root"):
        loom.get(needs.remote(last))
