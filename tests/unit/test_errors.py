"""Every error survives the way to another process, and Lua's replies find their class."""

from __future__ import annotations

import pickle

import pytest

import hyperloom
from hyperloom import errors
from hyperloom.errors import LoomError, TaskError
from hyperloom.failure_details import FailureDetails
from hyperloom.gcs.replies import NotNow, from_reply


def tree(cls=LoomError):
    yield cls
    for child in cls.__subclasses__():
        if child.__module__ == errors.__name__ and not child.__name__.startswith("TaskError["):
            yield from tree(child)


TREE = sorted(set(tree()), key=lambda cls: cls.__name__)


@pytest.mark.parametrize("cls", TREE)
def test_it_survives_pickling_with_all_it_carries(cls):
    error = cls("what happened")
    error.extra = {"more": [1]}
    error.add_note("a note")
    error.__cause__ = ValueError("why")

    back = pickle.loads(pickle.dumps(error))

    assert type(back) is cls
    assert str(back) == str(error)
    assert back.args == error.args
    assert back.extra == {"more": [1]}
    assert back.__notes__ == ["a note"]
    assert repr(back.__cause__) == "ValueError('why')"


@pytest.mark.parametrize("cls", TREE)
def test_its_docstring_says_what_to_do(cls):
    assert cls.__doc__
    assert cls.__module__ == "hyperloom.errors"


@pytest.mark.parametrize("cls", [cls for cls in TREE if issubclass(cls, TaskError)])
def test_a_task_error_keeps_its_details(cls):
    details = FailureDetails(bytes(15) + b"\7", "train", 2, b"node0001", 42, ("train", "merge"))
    error = cls("it broke", details=details, cause=KeyError("k"))

    for one in (error, pickle.loads(pickle.dumps(error))):
        assert one.details == details
        assert (one.task_name, one.attempt, one.pid) == ("train", 2, 42)
        assert one.path == ("train", "merge")
        assert repr(one.cause) == repr(one.__cause__) == "KeyError('k')"
        assert str(one).splitlines() == [
            "it broke",
            "  in task train (000000-7), attempt 2, node 6e6f6465, pid 42",
            "  which these waited for: train -> merge",
        ]


@pytest.mark.parametrize(
    ("role", "name", "line"),
    [
        ("", "train", "  in task train, attempt 1"),
        ("call", "Model.fit", "  in call Model.fit, attempt 1"),
        ("actor", "Model", "  in actor Model, attempt 1"),
    ],
)
def test_the_header_says_what_it_was_that_failed(role: str, name: str, line: str):
    details = FailureDetails(task_name=name, attempt=1, role=role)
    assert str(TaskError("it broke", details=details)).splitlines()[1] == line


def test_the_remote_traceback_is_shown_when_no_cause_shows_it():
    details = FailureDetails(remote_traceback="Traceback: far away")
    assert "far away" in str(TaskError("it broke", details=details))
    assert "far away" not in str(TaskError("it broke", details=details, cause=KeyError()))


def test_timeouts_are_python_s_too():
    assert issubclass(errors.GetTimeout, TimeoutError)
    assert issubclass(errors.TaskTimeout, TimeoutError)
    assert issubclass(errors.NotSerializable, TypeError)


@pytest.mark.parametrize(
    ("reply", "cls", "text"),
    [
        ("LOOM_STALE task t is at attempt 2, not 1", errors.Stale, "task t is at attempt 2, not 1"),
        ("LOOM_NOT_FOUND no task t", errors.NotFound, "no task t"),
        ("LOOM_EXISTS t", errors.Exists, "t"),
        ("LOOM_ILLEGAL t", errors.IllegalTransition, "t"),
        ("LOOM_BACKPRESSURE full", errors.Backpressure, "full"),
        ("OOM command not allowed", errors.Backpressure, None),
        ("LOOM_NEVER_HEARD of", errors.LibraryBug, None),
        ("NOPERM not you", errors.ServerRefused, "NOPERM not you"),
        ("MISCONF the disk is full", NotNow, None),
        (
            "LOOM_STALE x script: f, on @user_function:2.",  # raised, not returned: not an answer
            errors.LibraryBug,
            None,
        ),
    ],
)
def test_a_reply_becomes_the_error_of_its_code(reply, cls, text):
    error = from_reply(reply)
    assert type(error) is cls
    assert text is None or str(error) == text


def test_who_looks_for_an_error_in_the_package_is_told_where_it_is() -> None:
    with pytest.raises(AttributeError, match=r"it is hyperloom\.errors\.TaskCancelled$"):
        _ = hyperloom.TaskCancelled
    with pytest.raises(AttributeError, match=r"no attribute 'TaskGone'$"):
        _ = hyperloom.TaskGone
