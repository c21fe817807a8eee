"""A task's exception arrives as its own class, whatever its author did to it."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
import threading
import traceback

import pytest

from hyperloom import errors, failures
from hyperloom.errors import TaskError, Undeserializable
from hyperloom.failures import Attempt
from hyperloom.serialization import (
    ERROR,
    Packed,
    failure_from_exception,
    failure_inline,
    failure_record,
    from_inline,
    is_failure,
    pack,
    to_exception,
    to_inline,
    unpack,
)

WHERE = {"task_id": bytes(15) + b"\7", "attempt": 2, "node": b"node0001", "pid": 42}
WHO = Attempt(b"t" * 16, "train", 2, b"n" * 8, 42)


def fail(exc, name="train"):
    """What `get` raises for a task that raises `exc`, and the record in between."""
    try:
        raise exc  # noqa: TRY301
    except BaseException as raised:  # noqa: BLE001
        record = failure_from_exception(raised, name=name, **WHERE)
    return to_exception(record), record


class NeedsArguments(Exception):
    def __init__(self, code, *, reason):
        super().__init__(f"code {code}: {reason}")
        self.code = code
        self.reason = reason


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


def explode(depth):
    if depth:
        return explode(depth - 1)
    return {}["missing"]


def test_the_traceback_reads_as_if_it_had_happened_here():
    def work():
        try:
            explode(2)
        except KeyError as error:
            raise NeedsArguments(1, reason="r") from error

    try:
        work()
    except NeedsArguments as raised:
        local = "".join(traceback.format_exception(raised, chain=True))
        record = failure_from_exception(raised, name="train", **WHERE)
    error = to_exception(record)

    def lines(text):  # without the underlines, which point into expressions
        return [line for line in text.splitlines() if line.strip(" ^~")]

    assert lines("".join(traceback.format_exception(error.__cause__))) == lines(local)
    assert lines(failures.decode(record).traceback) == lines(local)
    whole = "".join(traceback.format_exception(error))
    assert whole.endswith(
        "hyperloom.errors.TaskError[NeedsArguments]: code 1: r\n"
        "  in task train (000000-7), attempt 2, node 6e6f6465, pid 42\n"
    )


def test_frames_of_the_framework_are_cut():
    try:
        unpack(99, b"", [])  # ours below a user's frame
    except Undeserializable as raised:
        error = to_exception(failure_from_exception(raised, name="t", **WHERE))
    files = [frame.filename for frame in traceback.extract_tb(error.__cause__.__traceback__)]
    assert files == [__file__]


def test_a_runaway_recursion_keeps_its_two_ends():
    with pytest.raises(RecursionError) as caught:
        explode(10**6)
    record = failure_from_exception(caught.value, name="t", **WHERE)
    error = to_exception(record)
    assert isinstance(error, RecursionError)
    assert len(traceback.extract_tb(error.__cause__.__traceback__)) == 60
    assert len(record) < 50_000


def test_lines_of_a_file_that_is_not_here_are_shown(tmp_path):
    path = tmp_path / "far.py"
    path.write_text("def far():\n    1 / 0  # far away\n")
    space = {}
    exec(compile(path.read_text(), str(path), "exec"), space)
    try:
        space["far"]()
    except ZeroDivisionError as raised:
        record = failure_from_exception(raised, name="t", **WHERE)
    path.unlink()
    traceback.linecache.clearcache()
    shown = "".join(traceback.format_exception(to_exception(record)))
    assert "    1 / 0  # far away\n" in shown


def test_circular_causes_end():
    one, two = ValueError(1), ValueError(2)
    one.__cause__, two.__cause__ = two, one
    error, _ = fail(one)
    assert repr(error.__cause__.__cause__) == "ValueError(2)"


def test_a_failure_passed_on_by_a_task_keeps_its_root_cause():
    error, _ = fail(NeedsArguments(1, reason="r"), name="load")
    again, record = fail(error, name="train")
    assert isinstance(again, NeedsArguments)
    assert again.path == ("load", "train")
    assert again.task_name == "load"
    record = failures.extend_path(record, "merge")
    assert str(to_exception(record)).endswith("which these waited for: load -> train -> merge")


def test_a_failure_caught_and_told_otherwise_keeps_the_first_as_its_cause():
    exc = None
    sizes = []
    for level in range(12):
        error = ValueError(f"level {level}")
        error.__cause__ = exc
        exc, record = fail(error, name=f"task{level}")
        sizes.append(len(record))
    # Each level adds itself; it does not double what it caught.
    assert sizes[11] - sizes[10] < 2 * (sizes[2] - sizes[1])
    inner = exc.__cause__.__cause__
    assert isinstance(inner, TaskError)
    assert (str(inner).splitlines()[0], inner.task_name) == ("level 10", "task10")


def test_a_class_the_reader_lacks_arrives_as_its_text_with_its_frames(tmp_path):
    script = tmp_path / "script.py"
    (tmp_path / "only_there.py").write_text("class Odd(Exception):\n    pass\n")
    script.write_text(
        "import sys\n"
        "from only_there import Odd\n"
        "from hyperloom.serialization import failure_from_exception\n"
        "def work():\n"
        "    raise Odd('strange')\n"
        "try:\n"
        "    work()\n"
        "except Odd as e:\n"
        f"    record = failure_from_exception(e, name='train', **{WHERE!r})\n"
        "sys.stdout.buffer.write(record)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, check=True)
    error = to_exception(done.stdout)

    assert type(error) is TaskError
    assert str(error).startswith("only_there.Odd: strange\n")
    assert isinstance(error.cause, Undeserializable)
    assert error.cause.text == "only_there.Odd: strange"
    assert "No module named 'only_there'" in str(error.cause)
    assert [frame.name for frame in traceback.extract_tb(error.cause.__traceback__)][-1] == "work"
    assert "raise Odd('strange')" in error.remote_traceback


def test_an_exception_of_main_arrives_by_code(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from hyperloom.serialization import failure_from_exception\n"
        "class Mine(Exception):\n"
        "    def advice(self):\n"
        "        return 'do ' + self.args[0]\n"
        f"record = failure_from_exception(Mine('this'), name='train', **{WHERE!r})\n"
        "sys.stdout.buffer.write(record)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, check=True)
    assert to_exception(done.stdout).advice() == "do this"


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
