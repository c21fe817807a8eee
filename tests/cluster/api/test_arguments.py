"""What may be given to a task and come back: by value, by ref, in every position."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import threading
import uuid
from typing import Any, NamedTuple

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import errors

pytestmark = pytest.mark.usefixtures("anywhere")


@loom.task
def same(value: Any) -> Any:
    return value


class Point(NamedTuple):
    x: int
    y: int


@dataclasses.dataclass
class Box:
    inside: Any
    label: str = "box"


class Twisted:
    def __init__(self, n: int) -> None:
        self.n = n

    def __reduce__(self) -> Any:
        return _untwisted, (self.n * 2,)


def _untwisted(doubled: int) -> Twisted:
    return Twisted(doubled // 2)


class Ledger(dict[str, int]):
    pass


PLAIN = [
    None, True, 0, -1, 2**63, -(2**200), 10**400, 0.5, float("inf"), 1 + 2j,
    "", "a", "Grüße, 世界 🎉", "\0", b"", b"\0\xff", b"x" * 5000, bytearray(b"abc"),
    (), (1,), [], [[]], {}, {"a": {"b": [1, (2, {3})]}}, frozenset({1}), {1, 2}, range(5),
    slice(1, 2),
    Ellipsis, NotImplemented, int, ValueError,
    decimal.Decimal("1.10"), dt.date(2026, 2, 28), uuid.UUID(int=7),
    Point(1, 2), Box([1]), collections.OrderedDict(a=1), collections.Counter("aab"), Ledger(a=1),
    collections.defaultdict(list, {1: [2]}), collections.deque([1, 2], maxlen=3),
]  # fmt: skip


def test_a_value_comes_back_equal_however_it_travels() -> None:
    for value in PLAIN:
        ref = loom.put(value)
        results = loom.get([same.remote(value), same.remote(value=value), same.remote(ref), ref])
        assert results == [value] * 4
        assert [type(result) for result in results] == [type(value)] * 4


def test_text_of_every_length_arrives_whole() -> None:
    texts = ["x" * length for length in (1, 2, 50, 1000, 4095, 4097, 32767, 32769, 200_000)]
    assert loom.get(same.map(texts)) == texts
    assert loom.get([same.remote(loom.put(text)) for text in texts]) == texts


def test_numpy_scalars_and_arrays_of_every_dtype_come_back_equal() -> None:
    dtypes = [*"?bBhHiIlLqQefdgFD", "datetime64[s]", "timedelta64[D]", "S5", "U5"]
    arrays = [np.ones(7).astype(dtype) for dtype in dtypes]
    for array, back in zip(arrays, loom.get(same.map(arrays)), strict=True):
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)
    assert loom.get(same.remote(np.float32(1.5))) == np.float32(1.5)
    assert isinstance(loom.get(same.remote(np.float32(1.5))), np.float32)


def test_object_arrays_and_structured_arrays_come_back_equal() -> None:
    objects = np.array([{"a": 1}, None, [1, 2]], dtype=object)
    records = np.array([(1, 2.0), (3, 4.0)], dtype=[("x", "i4"), ("y", "f8")])
    back_objects, back_records = loom.get([same.remote(objects), same.remote(records)])
    assert back_objects.tolist() == objects.tolist()
    assert back_records.dtype == records.dtype
    assert np.array_equal(back_records, records)


def test_a_subclass_of_an_array_stays_one() -> None:
    matrix = np.ma.masked_array([1, 2, 3], mask=[False, True, False])
    back = loom.get(same.remote(matrix))
    assert isinstance(back, np.ma.MaskedArray)
    assert back.tolist() == [1, None, 3]


def test_an_array_of_any_shape_and_order_comes_back_equal() -> None:
    whole = np.arange(120_000.0).reshape(200, 600)
    for array in (whole, whole.T, whole[::2, ::3], np.zeros((0, 3)), np.array(5.0)):
        back = loom.get(same.remote(array))
        assert back.shape == array.shape
        assert np.array_equal(back, array)


@pytest.mark.parametrize("length", [10, 100_000])
def test_an_array_arrives_read_only(length: int) -> None:
    back = loom.get(loom.put(np.zeros(length)))
    with pytest.raises(ValueError, match="read-only"):
        back[0] = 1

    @loom.task
    def writes(array: Any) -> None:
        array[0] = 1

    with pytest.raises(ValueError, match="read-only"):
        loom.get(writes.remote(np.zeros(length)))


def test_what_a_task_does_to_its_argument_stays_there() -> None:
    @loom.task
    def spoils(given: list[int]) -> list[int]:
        given.append(4)
        return given

    mine = [1, 2, 3]
    ref = loom.put(mine)
    assert (
        loom.get([spoils.remote(mine), spoils.remote(ref), spoils.remote(ref)])
        == [[1, 2, 3, 4]] * 3
    )
    mine.append(5)
    assert loom.get(ref) == [1, 2, 3]


def test_two_gets_of_a_list_give_two_lists() -> None:
    ref = loom.put([1])
    first = loom.get(ref)
    first.append(2)
    assert loom.get(ref) == [1]


def test_things_that_contain_themselves_survive() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    box = Box(None)
    box.inside = box
    back_ring, back_box = loom.get([loom.put(ring), same.remote(box)])
    assert back_ring[1] is back_ring
    assert back_box.inside is back_box


def test_functions_lambdas_and_classes_are_values_too() -> None:
    factor = 3

    def times(x: int) -> int:
        return x * factor

    class Local:
        name = "local"

        class Inner:
            depth = 2

    assert loom.get(same.remote(times))(5) == 15
    assert loom.get(same.remote(lambda x: x + factor))(5) == 8
    assert loom.get(same.remote(Local)).Inner.depth == 2
    assert loom.get(same.remote(Local())).name == "local"
    assert loom.get(same.remote(len)) is len
    assert loom.get(same.remote([print, dict, str.join])) == [print, dict, str.join]


def test_a_class_says_itself_how_it_is_pickled() -> None:
    assert loom.get(same.remote(Twisted(5))).n == 5

    class Dynamic:
        def __reduce__(self) -> Any:
            return str, (42,)

    assert loom.get(same.remote(Dynamic())) == "42"


def test_an_exception_may_be_an_ordinary_value() -> None:
    value = loom.get(same.remote(KeyError("k")))
    assert isinstance(value, KeyError)
    assert value.args == ("k",)


def test_the_same_argument_given_twice_arrives_as_one() -> None:
    @loom.task
    def is_one(a: Any, b: Any) -> bool:
        return a is b

    shared = [1]
    ref = loom.put(shared)
    assert loom.get(is_one.remote(shared, shared))
    assert loom.get(is_one.remote(ref, b=ref))


def test_keyword_arguments_defaults_and_their_mixtures() -> None:
    @loom.task
    def told(a: int, /, b: int = 2, *, c: int = 3, **rest: int) -> Any:
        return a, b, c, rest

    one = loom.put(1)
    assert loom.get(told.remote(1)) == (1, 2, 3, {})
    assert loom.get(told.remote(1, 5)) == (1, 5, 3, {})
    assert loom.get(told.remote(1, b=5, c=6)) == (1, 5, 6, {})
    assert loom.get(told.remote(one, one, c=one)) == (1, 1, 1, {})
    assert loom.get(told.remote(0, d=one, a=4)) == (0, 2, 3, {"d": 1, "a": 4})


def test_any_number_of_arguments() -> None:
    @loom.task
    def told(*args: int, **kwargs: int) -> Any:
        return args, kwargs

    one = loom.put(1)
    assert loom.get(told.remote()) == ((), {})
    assert loom.get(told.remote(1, one, 3)) == ((1, 1, 3), {})
    assert loom.get(told.remote(1, x=one)) == ((1,), {"x": 1})

    @loom.task
    def at_least_one(first: int, *rest: int) -> Any:
        return first, rest

    assert loom.get(at_least_one.remote(1)) == (1, ())
    assert loom.get(at_least_one.remote(one, one)) == (1, (1,))


def test_a_call_that_does_not_fit_is_refused_before_anything_is_sent() -> None:
    @loom.task
    def pair(a: int, b: int = 0, *, c: int = 0) -> None: ...

    @loom.task
    def nothing() -> None: ...

    wrong: list[Any] = [
        pair.remote,
        lambda: pair.remote(1, 2, 3),  # type: ignore[call-arg]
        lambda: pair.remote(1, d=3),  # type: ignore[call-arg]
        lambda: pair.remote(1, a=3),  # type: ignore[misc]
        lambda: nothing.remote(1),  # type: ignore[call-arg]
        lambda: nothing.remote(x=1),  # type: ignore[call-arg]
        lambda: nothing.map([1, 2]),
    ]
    for call in wrong:
        with pytest.raises(TypeError, match=r"pair\(a: |nothing\(\)"):
            call()


def test_an_argument_that_cannot_travel_is_named_by_its_path() -> None:
    @loom.task
    def take(first: Any, second: Any = None) -> None: ...

    holder = Box({"lock": threading.Lock()})
    with pytest.raises(errors.NotSerializable, match=r"argument 'first' of .*take") as info:
        take.remote(holder)
    assert "inside['lock']" in str(info.value)
    with pytest.raises(TypeError, match=r"argument 'second' of .*take"):
        take.remote(1, second=[threading.Lock()])
    with pytest.raises(errors.NotSerializable, match=r"\[1\]"):
        loom.put([1, threading.Lock()])


def test_a_captured_thing_that_cannot_travel_is_named_too() -> None:
    lock = threading.Lock()

    @loom.task
    def locked() -> None:
        with lock:
            pass

    with pytest.raises(errors.NotSerializable, match="lock"):
        locked.remote()


def test_a_result_that_cannot_travel_fails_the_task_and_names_the_part() -> None:
    @loom.task
    def bad_result() -> Any:
        return {"fine": 1, "bad": threading.Lock()}

    with pytest.raises(errors.NotSerializable, match=r"result of .*bad_result") as info:
        loom.get(bad_result.remote())
    assert "['bad']" in str(info.value)
    assert isinstance(info.value, errors.TaskError)


def test_what_the_reader_cannot_rebuild_says_so() -> None:
    class Fragile:
        def __reduce__(self) -> Any:
            return _never_rebuilt, ()

    ref = loom.put(Fragile())
    with pytest.raises(errors.Undeserializable, match="RuntimeError: not here"):
        loom.get(ref)
    with pytest.raises(errors.Undeserializable, match="RuntimeError: not here"):
        loom.get(same.remote(ref))


def _never_rebuilt() -> None:
    raise RuntimeError("not here")


def test_a_large_argument_arrives_whole() -> None:
    @loom.task
    def total(array: Any, times: int = 1) -> float:
        return float(array.sum()) * times

    megabyte = np.ones(1 << 17)
    assert loom.get(total.remote(megabyte)) == 1 << 17
    assert loom.get(total.remote(megabyte, times=2)) == 1 << 18
    ref = loom.put(megabyte)
    assert loom.get([total.remote(ref) for _ in range(5)]) == [1 << 17] * 5


def test_large_and_waited_for_arguments_mix() -> None:
    @loom.task
    def joined(a: bytes, b: int, c: list[Any], d: bytes) -> Any:
        return len(a), b, loom.get(c[0]), len(d)

    big = b"x" * 100_000
    assert loom.get(joined.remote(big, same.remote(7), [loom.put(8)], loom.put(big))) == (
        100_000, 7, 8, 100_000,
    )  # fmt: skip


def test_a_repeated_small_argument_is_never_corrupted() -> None:
    payload = {"n": 5, "text": "x" * 100}
    ref = loom.put(payload)
    assert loom.get([same.remote(ref) for _ in range(200)]) == [payload] * 200


def test_ten_thousand_arguments_to_one_task() -> None:
    @loom.task
    def total(*numbers: int) -> int:
        return sum(numbers)

    refs = [loom.put(i) for i in range(10_000)]
    assert loom.get(total.remote(*refs)) == sum(range(10_000))
    assert loom.get(total.remote(*range(10_000))) == sum(range(10_000))
