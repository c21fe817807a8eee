"""Attempts as columns: a million of them in some forty megabytes."""

from __future__ import annotations

from array import array
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hyperloom.events import Ended, Error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hyperloom.events import Run

    Column = np.ndarray[Any, Any]
    Rows = np.ndarray[Any, Any]

_TASK = 16  # bytes of an id
ENDED = ("done", "failed", "retried", "cancelled")
DONE, FAILED, RETRIED, CANCELLED = range(4)
_UNWANTED = len(Ended)  # how an attempt ended that failed since its task was cancelled
_SHOWN_AS = np.zeros(len(Ended) + 1, "u1")
_SHOWN_AS[[Ended.DONE, Ended.FAILED, Ended.RETRIED]] = DONE, FAILED, RETRIED
_SHOWN_AS[Ended.PASSED_ON] = FAILED
_SHOWN_AS[_UNWANTED] = CANCELLED

_KINDS = {"began": "f8", "seconds": "f4", "lane": "u4", "name": "u4", "ended": "u1"}
# What is shown of an attempt.
ROW = np.dtype([
    ("task", "V16"), ("template", "S8"), ("ended", "u1"), ("begun", "<f8"), ("seconds", "<f4"),
])  # fmt: skip


def rows_of(runs: Sequence[Run]) -> Rows:
    """The attempts of these, one after the other."""
    numbers = [len(run) for run in runs]
    rows = np.empty(sum(numbers), ROW)
    rows["task"] = _joined([run.tasks for run in runs], ROW["task"])
    rows["template"] = _joined([run.each_template() for run in runs], ROW["template"])
    rows["ended"] = _joined([run.each_ended() for run in runs], ROW["ended"])
    rows["begun"] = _joined([run.began for run in runs], ROW["begun"])
    rows["begun"] += np.repeat([run.epoch for run in runs], numbers)
    rows["seconds"] = _joined([run.seconds for run in runs], ROW["seconds"])
    for first, run in zip(accumulate(numbers, initial=0), runs, strict=False):
        for at, error in run.errors.items():
            if Error(*error).is_cancelled and rows["ended"][first + at] == Ended.FAILED:
                rows["ended"][first + at] = _UNWANTED
    return rows


def _joined(parts: list[bytes], kind: np.dtype[Any]) -> Column:
    return np.frombuffer(b"".join(parts), kind)


class Bar(NamedTuple):
    """One attempt of a task."""

    began: float
    seconds: float
    lane: str  # node and process
    name: str
    task: bytes
    ended: int  # index into `ENDED`


class Bars:
    """The latest, in the order in which they were told; `dropped` are not kept any more."""

    def __init__(self, most: int, bars: Iterable[Bar] = ()) -> None:
        self._most = most
        self._began, self._seconds = array("d"), array("f")
        self._lane, self._name, self._ended = array("I"), array("I"), array("B")
        self._tasks = bytearray()
        self._lanes: dict[str, int] = {}
        self._names: dict[str, int] = {}
        self.dropped = 0
        for bar in bars:
            self.add(bar)

    def __len__(self) -> int:
        return len(self._began)

    def add(self, bar: Bar) -> None:
        """One more."""
        self._began.append(bar.began)
        self._seconds.append(bar.seconds)
        self._lane.append(self.lane(bar.lane))
        self._name.append(self.name(bar.name))
        self._ended.append(bar.ended)
        self._tasks += bar.task

    def add_rows(self, rows: Rows, lanes: Column, names: Column) -> None:
        """Many more, as events have them; with the numbers of their lanes and names."""
        columns = {
            "began": rows["begun"], "seconds": rows["seconds"], "lane": lanes, "name": names,
            "ended": _SHOWN_AS[rows["ended"]],
        }  # fmt: skip
        for name, column in columns.items():
            getattr(self, f"_{name}").frombytes(column.astype(_KINDS[name]).tobytes())
        self._tasks += rows["task"].tobytes()

    def lane(self, title: str) -> int:
        """The number of a lane."""
        return self._lanes.setdefault(title, len(self._lanes))

    def name(self, name: str) -> int:
        """The number of a name."""
        return self._names.setdefault(name, len(self._names))

    def trim(self) -> None:
        """Drop the oldest, many at a time, when there are too many."""
        more = len(self) - self._most
        if more <= 0:
            return
        more += self._most // 10
        for column in (self._began, self._seconds, self._lane, self._name, self._ended):
            del column[:more]
        del self._tasks[: more * _TASK]
        self.dropped += more

    @property
    def lanes(self) -> list[str]:
        """Titles of lanes by number."""
        return list(self._lanes)

    @property
    def names(self) -> list[str]:
        """Names of functions by number."""
        return list(self._names)

    def columns(self) -> dict[str, Column]:
        """All of them as they are now; nothing may be added while anybody has these."""
        return {
            name: np.frombuffer(getattr(self, f"_{name}"), kind) for name, kind in _KINDS.items()
        }

    def task(self, number: int) -> str:
        """The id of the task of one."""
        return self._tasks[number * _TASK : (number + 1) * _TASK].hex()
