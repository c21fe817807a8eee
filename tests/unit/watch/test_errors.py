"""Failures that are the same, together."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

from hyperloom import events
from hyperloom.events import Ended, error_of
from hyperloom.gcs import codes
from hyperloom.watch import errors
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.errors import Groups, Key
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.events import Error


def attempt(number: int, error: Error, ended: Ended = Ended.FAILED) -> events.Attempt:
    task = number.to_bytes(16, "big")
    return events.Attempt(task, bytes(8), 1, ended, number, 0.5, 0, bytes(8), 7, error, [])


def test_one_class_at_one_place_is_one_group_whatever_it_says() -> None:
    groups = Groups()
    for number in range(30):
        groups.add("f", attempt(number, events.Error("app", f"Bad: no {number}", "a.py:1 in f")))
    groups.add("f", attempt(30, events.Error("app", "Bad: no", "a.py:9 in f"), Ended.RETRIED))
    groups.add("g", attempt(31, events.Error("crash", "the worker died: exit code 3")))
    first, second, third = groups.rows()
    assert (first["kind"], first["place"], first["count"]) == ("Bad", "a.py:1 in f", 30)
    assert (first["text"], first["first"], first["last"]) == ("Bad: no 29", 0.5, 29.5)
    assert len(first["tasks"]) == 20
    assert first["tasks"][0]["id"].endswith("1d"), "the latest first"
    assert (second["place"], second["retried"]) == ("a.py:9 in f", 1)
    assert (third["kind"], third["name"]) == ("crash", "g")


def test_a_group_has_the_latest_traceback_that_was_told() -> None:
    groups = Groups()
    for number, told in enumerate(("", "first", "", "second", "")):
        groups.add("f", attempt(number, events.Error("app", "Bad", "a.py:1 in f", told)))
    (group,) = groups.rows()
    assert (group["traceback"], group["traceback_of"]) == ("second", f"{3:032x}")
    assert groups.traceback(Key("f", "Bad", "a.py:1 in f")) == (f"{3:032x}", "second")
    assert groups.traceback(Key("g", "Bad", "a.py:1 in f")) == ("", "")


def test_a_task_shows_its_traceback_or_that_of_one_that_failed_at_the_same_place() -> None:
    """Its own, if that was told; one of another place is none of its."""

    def error(place: str, told: str = "") -> events.Error:
        return events.Error("app", "Bad: x", place, told)

    tasks = [
        error("a.py:1 in f", "first"), error("a.py:1 in f"), error("a.py:1 in f", "third"),
        error("b.py:9 in g"), error(""),
    ]  # fmt: skip
    rows = b"".join(
        events.ROW.pack(n.to_bytes(16, "big"), bytes(8), 1, Ended.FAILED, n, 0.5, 0)
        for n in range(5)
    )
    run = events.run_of(7, rows, dict(enumerate(tasks)))
    told = Event(9.0, codes.RAN, events.told(bytes(8), [events.encode(run)]))
    cluster = Told([told])
    shown = [errors.traceback_of(cluster, n.to_bytes(16, "big")) for n in range(6)]
    first, third = ("first", f"{0:032x}"), ("third", f"{2:032x}")
    assert shown == [first, third, third, ("", ""), ("", ""), ("", "")]


class Told(Cluster):
    """What was recorded of a job: these events."""

    def __init__(self, told: list[Event]) -> None:
        super().__init__(None)
        self._told = told

    def events(self, job: bytes) -> Iterator[Event]:
        del job
        yield from self._told


def test_groups_are_bounded_and_what_is_left_out_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(errors, "_GROUPS_MOST", 2)
    groups = Groups()
    for number in range(5):
        groups.add(f"f{number}", attempt(number, events.Error("app", "Bad")))
    assert (len(groups.rows()), groups.left_out) == (2, 3)


def _printed(exc: BaseException) -> str:
    return "".join(traceback.format_exception(exc))


def raising() -> str:
    try:
        try:
            int("x")
        except ValueError as error:
            raise KeyError("y") from error
    except KeyError as error:
        return _printed(error)


def test_the_place_is_where_it_was_raised() -> None:
    error = error_of("app", "KeyError: 'y'", raising())
    assert error.place.startswith(__file__)
    assert error.place.endswith(" in raising")
    group = _printed(ExceptionGroup("several", [ValueError("x")]))
    assert error_of("app", "several", group).place == ""


@pytest.mark.parametrize("printed", ["", "no traceback", 'File "', 'File "x", line y'])
def test_what_has_no_place_has_none(printed: str) -> None:
    assert error_of("crash", "died", printed).place == ""


def test_a_long_path_keeps_its_end() -> None:
    place = events.place_in(f'  File "/{"a" * 500}/end.py", line 12, in f')
    assert len(place) <= 200
    assert place.endswith("a/end.py:12 in f")
