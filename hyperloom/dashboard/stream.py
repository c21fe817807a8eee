"""The task stream: bars of tasks by worker; of many, the busy share of each moment.  Pure."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BARS_MOST = 4000  # more are not told apart by eye, and slow a browser down


class Bar(NamedTuple):
    """One attempt of a task."""

    began: float
    seconds: float
    lane: str  # node and process
    name: str
    task: str
    ended: str  # "done", "failed" or "retried"


def view(bars: Sequence[Bar], start: float, end: float, width: int) -> dict[str, Any]:
    """What lies between two moments, for a picture of so many pixels.

    `bars` are in the order of their ends.  With more than `BARS_MOST` of them in sight a lane has
    `bins` instead: for each, the busy share, the name that took most of it, and failures.
    """
    first = bisect_left(bars, start, key=lambda bar: bar.began + bar.seconds)
    seen = [bar for bar in bars[first:] if bar.began < end]
    lanes = sorted({bar.lane for bar in seen})
    names = sorted({bar.name for bar in seen})
    answer: dict[str, Any] = {
        "start": start, "end": end, "lanes": lanes, "names": names, "count": len(seen)
    }  # fmt: skip
    if len(seen) <= BARS_MOST:
        at = {lane: number for number, lane in enumerate(lanes)}
        of = {name: number for number, name in enumerate(names)}
        answer["bars"] = [
            [
                at[b.lane],
                of[b.name],
                round(b.began - start, 6),
                round(b.seconds, 6),
                b.ended,
                b.task,
            ]
            for b in seen
        ]
    else:
        answer["bins"] = _binned(seen, start, end, max(1, min(width, 2000)), lanes, names)
    return answer


def _binned(  # noqa: PLR0913, PLR0917 - what `view` has
    bars: Iterable[Bar],
    start: float,
    end: float,
    number: int,
    lanes: list[str],
    names: list[str],
) -> list[list[list[Any]]]:
    """For each lane: [bin, busy share, number of the name, failed] where anything was done."""
    step = (end - start) / number
    at = {lane: n for n, lane in enumerate(lanes)}
    of = {name: n for n, name in enumerate(names)}
    busy: list[dict[int, dict[int, float]]] = [{} for _ in lanes]
    failed: list[dict[int, int]] = [{} for _ in lanes]
    for bar in bars:
        lane = at[bar.lane]
        stop = bar.began + bar.seconds
        low = max(0, int((bar.began - start) / step))
        high = min(number - 1, int((stop - start) / step))
        for n in range(low, high + 1):
            part = min(stop, start + (n + 1) * step) - max(bar.began, start + n * step)
            by_name = busy[lane].setdefault(n, {})
            by_name[of[bar.name]] = by_name.get(of[bar.name], 0.0) + max(part, 0.0)
        if bar.ended == "failed" and high >= 0:
            failed[lane][high] = failed[lane].get(high, 0) + 1
    return [
        [
            [n, round(min(1.0, sum(by_name.values()) / step), 3),
             max(by_name, key=by_name.__getitem__), failed[lane].get(n, 0)]
            for n, by_name in sorted(busy[lane].items())
        ]
        for lane in range(len(lanes))
    ]  # fmt: skip
