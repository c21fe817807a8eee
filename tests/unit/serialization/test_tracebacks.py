"""The frames of a failed task read as if it had failed here, through any number of tasks."""

from __future__ import annotations

import subprocess
import sys
import traceback

import pytest

from hyperloom import failures
from hyperloom.errors import TaskError, Undeserializable
from hyperloom.serialization import failure_from_exception, to_exception, unpack

from .failing import WHERE, NeedsArguments, fail


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
