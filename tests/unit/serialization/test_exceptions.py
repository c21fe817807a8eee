"""A task's exception arrives as its own class, whatever its author did to it."""

from __future__ import annotations

import dataclasses
import pickle
import threading

import pytest

from hyperloom import errors, failures
from hyperloom.errors import TaskError
from hyperloom.failures import Attempt
from hyperloom.serialization import (
    ERROR,
    Packed,
    failure_inline,
    failure_record,
    from_inline,
    is_failure,
    pack,
    to_exception,
    to_inline,
)

from .failing import NeedsArguments, fail

WHO = Attempt(b"t" * 16, "train", 2, b"n" * 8, 42)


class Slotted(Exception):
    __slots__ = ("detail",)


class OwnReduce(Exception):
    def __init__(self, one, two):
        super().__init__("both")
        self.both = (one, two)

    def __reduce__(self):
        return OwnReduce, self.both


class Relocked(Exception):
    """Knows better than anybody how to be sent."""

    def __init__(self, name):
        super().__init__(name)
        self.lock = threading.Lock()

    def __reduce__(self):
        return Relocked, self.args


class BrokenReduce(ValueError):
    def __reduce__(self):
        raise RuntimeError("no reduce today")


class BrokenText(Exception):
    def __str__(self):
        raise RuntimeError("no text today")

    __repr__ = __str__


class Locked(Exception):
    def __init__(self, text):
        super().__init__(text, threading.Lock())
        self.lock = threading.Lock()
        self.fine = 3


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    code: int


class OwnNames(Exception):
    """Has attributes of the same names as ours."""

    path = "/etc/passwd"

    def __init__(self):
        super().__init__("theirs")
        self.node = "a node of a graph"


class NoChildren(Exception):
    def __init_subclass__(cls):
        raise TypeError("final")


class OwnNew(Exception):
    def __new__(cls, needed):
        made = super().__new__(cls, needed)
        made.needed = needed
        return made


class OwnGroup(ExceptionGroup):
    def derive(self, excs):
        return OwnGroup(self.message, excs)


@pytest.mark.parametrize(
    ("exc", "attributes"),
    [
        (ValueError("bad input"), {}),
        (KeyError("k"), {}),
        (NeedsArguments(3, reason="because"), {"code": 3, "reason": "because"}),
        (OwnReduce(1, 2), {"both": (1, 2)}),
        (OwnNew(5), {"needed": 5}),
        (BrokenReduce("x"), {}),
        (Frozen(7), {"code": 7}),
        (FileNotFoundError(2, "no such file", "/x"), {"errno": 2, "filename": "/x"}),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), {"object": b"\xff", "reason": "bad"}),
        (ImportError("no x", name="x", path="/p"), {"name": "x", "path": "/p"}),
        (pytest.importorskip("numpy").exceptions.AxisError(3, 2), {"axis": 3, "ndim": 2}),
        (errors.GetTimeout("waited 1 s"), {}),
        (TimeoutError("late"), {}),
        (
            ExceptionGroup("many", [ValueError(1), NeedsArguments(2, reason="r")]),
            {"message": "many"},
        ),
        (OwnGroup("own", [KeyError(1)]), {"message": "own"}),
    ],
    ids=lambda part: type(part).__name__,
)
def test_it_is_both_a_task_error_and_of_the_user_s_class(exc, attributes):
    text, args = str(exc), exc.args
    error, _ = fail(exc)

    assert isinstance(error, TaskError)
    assert isinstance(error, type(exc))
    assert type(error.__cause__) is type(exc)
    assert type(error).__name__ == f"TaskError[{type(exc).__qualname__}]"
    assert str(error).splitlines()[0] == text
    assert str(error).splitlines()[-1] == (
        "  in task train (000000-7), attempt 2, node 6e6f6465, pid 42"
    )
    for one in (error, error.__cause__, pickle.loads(pickle.dumps(error))):
        assert {name: getattr(one, name) for name in attributes} == attributes
        if not isinstance(exc, ExceptionGroup):
            assert one.args == args


def test_slots_are_kept():
    exc = Slotted("s")
    exc.detail = 4
    assert fail(exc)[0].detail == 4


def test_a_user_s_attribute_wins_over_ours_which_stays_in_details():
    error, _ = fail(OwnNames())
    assert (error.path, error.node) == ("/etc/passwd", "a node of a graph")
    assert (error.details.path, error.details.node) == (("train",), b"node0001")
    assert error.task_name == "train"


def test_what_cannot_be_pickled_is_replaced_by_its_text():
    error, _ = fail(Locked("stuck"))
    assert isinstance(error, Locked)
    assert error.fine == 3
    assert "lock left behind by its task" in error.lock
    assert error.args[0] == "stuck"


def test_a_class_that_says_how_to_send_it_is_sent_so():
    error, _ = fail(Relocked("r"))
    assert isinstance(error, Relocked)
    with error.lock:
        pass


def test_what_is_too_large_is_left_behind():
    exc = ValueError("large")
    exc.data = bytes(10**7)
    error, record = fail(exc)
    assert isinstance(error, ValueError)
    assert "bytes left behind" in error.data
    assert len(record) < 50_000


def test_a_tree_of_large_exceptions_is_bounded():
    parts = []
    for _ in range(100):
        part = ValueError("x" * 100_000)
        parts.append(part)
    _, record = fail(ExceptionGroup("many", parts))
    assert len(record) < 4 * 2**20


def test_a_broken_str_does_not_hide_the_failure():
    error, record = fail(BrokenText())
    assert isinstance(error, BrokenText)
    assert str(error).startswith("<BrokenText whose str() raised RuntimeError>")
    assert "exception str() failed" in failures.decode(record).traceback


@pytest.mark.parametrize(
    "exc",
    [
        KeyboardInterrupt("ctrl-c"),
        SystemExit(3),
        GeneratorExit(),
        StopIteration(5),
        StopAsyncIteration(),
        NoChildren("final"),
        BaseExceptionGroup("base", [KeyboardInterrupt()]),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_what_would_steer_the_reader_arrives_as_the_cause_only(exc):
    error, _ = fail(exc)
    assert type(error) is TaskError
    assert type(error.cause) is type(exc)
    assert str(error).startswith(f"{failures.decode(fail(exc)[1]).text}\n")


def test_special_fields_of_builtins_are_kept():
    assert fail(SystemExit(3))[0].cause.code == 3
    assert fail(StopIteration(5))[0].cause.value == 5


def test_groups_can_be_taken_apart_with_except_star():
    error, _ = fail(ExceptionGroup("many", [ValueError(1), NeedsArguments(2, reason="r")]))
    seen = []
    try:
        raise error
    except* NeedsArguments as group:
        seen += [one.code for one in group.exceptions]
    except* ValueError as group:
        seen += [one.args for one in group.exceptions]
    assert sorted(seen, key=str) == [(1,), 2]


@pytest.mark.parametrize(
    ("record", "cls", "attributes"),
    [
        (
            failures.crashed(WHO, exit_code=-9, stderr=["last words"]),
            errors.WorkerCrashed,
            {"exit_code": None, "signal": "SIGKILL", "stderr": ("last words",)},
        ),
        (failures.crashed(WHO, exit_code=3), errors.WorkerCrashed, {"exit_code": 3}),
        (failures.poisoned(WHO, deaths=2, exit_code=1), errors.TaskPoisoned, {"exit_code": 1}),
        (
            failures.out_of_memory(WHO, used_bytes=1, node_used_bytes=2, node_total_bytes=3),
            errors.OutOfMemory,
            {},
        ),
        (failures.cancelled(WHO), errors.TaskCancelled, {}),
        (failures.timed_out(WHO, limit_s=2), errors.TaskTimeout, {"limit_s": 2}),
        (failures.node_lost(WHO), errors.NodeLost, {}),
        (failures.object_lost(WHO, oid="o", reason="r"), errors.ObjectLost, {}),
        (
            failures.infeasible(WHO, asked="1 GPU", missing=["1 GPU"]),
            errors.Infeasible,
            {"missing": ("1 GPU",)},
        ),
    ],
)
def test_each_record_of_a_raylet_becomes_its_class(record, cls, attributes):
    error = to_exception(record)
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert type(one) is cls
        assert {name: getattr(one, name) for name in attributes} == attributes
        assert str(one).startswith(failures.decode(record).text)
        assert (one.task_name, one.attempt, one.pid, one.cause) == ("train", 2, 42, None)


def test_a_failure_is_told_from_a_value_that_is_an_exception():
    record = failures.cancelled(WHO)
    data = failure_inline(record)
    assert data == to_inline(Packed(ERROR, record, [], []))
    assert is_failure(data)
    assert is_failure(memoryview(data))
    assert failure_record(memoryview(data)) == record
    assert isinstance(from_inline(data), errors.TaskCancelled)

    value = to_inline(pack(ValueError("a result")))
    assert not is_failure(value)
    assert repr(from_inline(value)) == "ValueError('a result')"


@pytest.mark.parametrize("cls", [errors.ObjectLost, errors.TaskTimeout, errors.NodeLost])
def test_what_we_raise_in_a_task_ourselves_keeps_its_class(cls):
    error, record = fail(cls("it is gone"))
    assert type(error) is cls
    assert str(error).splitlines()[0] == "it is gone"
    assert error.task_name == "train"
    assert type(error.cause) is cls
    assert "raise exc" in failures.decode(record).traceback
    again, _ = fail(error, name="merge")
    assert type(again) is cls
    assert again.path == ("train", "merge")


def test_one_without_a_text_is_named_instead():
    error, _ = fail(KeyError())
    assert str(error).startswith("KeyError without a message\n  in task train")
