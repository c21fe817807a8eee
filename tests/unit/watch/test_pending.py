"""The curve of what is pending: each task once, whoever said it and however it ended."""

from __future__ import annotations

from hyperloom import events
from hyperloom.events import Ended, Ran, run_of
from hyperloom.gcs import codes
from hyperloom.watch.pending import curve
from hyperloom.watch.story import Event

KIND = b"somekind"


def task(number: int) -> bytes:
    return b"JOB1driver" + number.to_bytes(6, "big")


def said(at: float, first: int, last: int) -> Event:
    return Event(at, codes.SUBMITTED, task(first) + task(last))


def ran(*ends: tuple[int, float, Ended]) -> Event:
    """Of these numbers, each half a second long, and its end."""
    rows = b"".join(
        events.ROW.pack(task(number), KIND, 1, ended, at - 0.5, 0.5, 9)
        for number, at, ended in ends
    )
    return Event(99.0, codes.RAN, events.encode(Ran(b"node-one", [run_of(7, rows, {})])))


def test_what_two_calls_said_in_turns_is_counted_once() -> None:
    """Three parts of a plan of 679 tasks, as the control plane told of them."""
    told = [said(0.0, 1, 679), said(0.1, 179, 320), said(0.2, 322, 678)]
    assert curve(told, 0.0, 10.0, 5) == [679] * 5


def test_ranges_that_follow_each_other_or_leave_room_between_add_up() -> None:
    told = [said(0, 1, 2), said(2, 3, 4), said(4, 7, 8), said(6, 4, 7), said(8, 1, 9)]
    assert curve(told, 0.0, 10.0, 5) == [2, 4, 6, 8, 9]


def test_numbers_of_two_processes_are_two_tasks() -> None:
    other = Event(0.0, codes.SUBMITTED, 2 * (b"JOB1worker" + bytes(5) + b"\1"))
    assert curve([said(0.0, 1, 1), other], 0.0, 1.0, 1) == [2]


def test_a_task_is_over_once_however_it_ends() -> None:
    """Number 1 is tried again, 2 fails with its input, 3 is cancelled twice, 4 named another."""
    cancelled = Event(5.0, codes.CANCELLED, task(3) + KIND)
    told = [
        said(0.0, 1, 4),
        ran((1, 1.0, Ended.RETRIED), (2, 3.0, Ended.PASSED_ON), (4, 3.0, Ended.REDIRECTED)),
        cancelled,
        cancelled,
        ran((1, 7.0, Ended.DONE), (5, 9.0, Ended.DONE)),
    ]
    assert curve(told, 0.0, 10.0, 10) == [4, 4, 4, 4, 3, 3, 2, 2, 1, 1]
