"""Attempts as columns: a million of them in some forty megabytes."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

_TASK = 16  # bytes of an id
ENDED = ("done", "failed", "retried")
DONE, FAILED, RETRIED = range(3)


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
        self._lane.append(self._lanes.setdefault(bar.lane, len(self._lanes)))
        self._name.append(self._names.setdefault(bar.name, len(self._names)))
        self._ended.append(bar.ended)
        self._tasks += bar.task

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

    def columns(self) -> dict[str, np.ndarray[Any, Any]]:
        """All of them as they are now; nothing may be added while anybody has these."""
        kinds = {"began": "f8", "seconds": "f4", "lane": "u4", "name": "u4", "ended": "u1"}
        return {
            name: np.frombuffer(getattr(self, f"_{name}"), kind) for name, kind in kinds.items()
        }

    def task(self, number: int) -> str:
        """The id of the task of one."""
        return self._tasks[number * _TASK : (number + 1) * _TASK].hex()
