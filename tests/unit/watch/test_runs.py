"""Runs of attempts that are looked through by column, and what tells of a task's inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import events
from hyperloom.events import Ended, Run
from hyperloom.gcs import codes
from hyperloom.watch import inputs
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

NODE = b"n" * 8
ONE, OTHER = b"template", b"another."
JOB = b"JOB1"


def task(number: int) -> bytes:
    return JOB + number.to_bytes(12, "big")


def run(numbers: range, templates: bytes = ONE, **more: Any) -> Run:
    tasks = b"".join(task(n) for n in numbers)
    none = bytes(8 * len(numbers))
    return Run(1, 0.0, tasks, templates, none, none[::2], [0] * len(numbers), **more)


def test_templates_of_some() -> None:
    wanted = {task(3), task(50)}
    assert run(range(10)).templates_of(wanted) == {task(3): ONE}
    mixed = run(range(2, 5), ONE + OTHER + ONE)
    assert mixed.templates_of(wanted) == {task(3): OTHER}
    assert run(range(10, 20)).templates_of(wanted) == {}


def test_ends_of_some() -> None:
    ended = bytes([Ended.DONE, Ended.FAILED, Ended.RETRIED])
    assert list(run(range(3), ended=ended).ends_of({task(1), task(9)})) == [(task(1), 1)]
    assert list(run(range(3)).ends_of({task(0), task(2)})) == [(task(0), 0), (task(2), 0)]
    assert list(run(range(3)).ends_of({task(7)})) == []


class Told:
    """A cluster that is over, of which events tell; counts who reads them."""

    live = None

    def __init__(self, *runs: Run) -> None:
        payload = events.encode((NODE, list(runs)))
        self.all = [Event(1.0, codes.OPENED, b"{}"), Event(2.0, codes.RAN, payload)]
        self.walks = 0

    def events(self, job: bytes) -> Iterator[Event]:
        assert job == JOB
        self.walks += 1
        return iter(self.all)


def test_inputs_of_a_task_that_is_over_come_with_how_they_ended() -> None:
    takes = run(range(20, 21), inputs={0: b"".join(map(task, (1, 2, 3, 99)))})
    ended = bytes([Ended.DONE, Ended.FAILED, Ended.RETRIED, Ended.DONE])
    again = run(range(3, 4), attempts=b"\2\0")
    told: Any = Told(run(range(4), ended=ended), again, takes)
    about = inputs.of_task(told, task(20), None)
    states = [(each["task"], each["state"]) for each in about["inputs"]]
    assert states == [
        (task(1).hex(), "FAILED"), (task(2).hex(), "PRESENT"), (task(3).hex(), "PRESENT"),
        (task(99).hex(), ""),
    ]  # fmt: skip
    assert (told.walks, about["inputs_cut"]) == (1, False)
    assert inputs.of_task(told, task(77), None) == {"inputs": None, "inputs_cut": False}
