"""The task stream: bars of tasks by worker; of many, the busy share of each moment.  Pure.

What an answer holds is bounded by what can be seen, not by how many tasks there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hyperloom.dashboard.bars import ENDED, FAILED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.dashboard.bars import Bars

    Column = np.ndarray[Any, Any]

BARS_MOST = 4000  # more are not told apart by eye, and slow a browser down
LANES_MOST = 200
_BINS_MOST = 60_000  # of all lanes together
_BINS_LEAST = 50
_CELLS_MOST = 1_000_000  # bins of all lanes and names together
_AT_ONCE = 100_000  # bars


class Running(NamedTuple):
    """What a worker has begun and not ended: no event tells of it yet."""

    lane: str
    name: str
    began: float
    seconds: float  # so far
    task: str


def view(
    bars: Bars, start: float, end: float, width: int, running: Sequence[Running] = ()
) -> dict[str, Any]:
    """What lies between two moments, for a picture of so many pixels; and what is `running`.

    With more than `BARS_MOST` of them in sight a lane has `bins` instead: for each, the busy
    share, the name that took most of it, and failures.
    """
    all_of = bars.columns()
    inside = (all_of["began"] + all_of["seconds"] >= start) & (all_of["began"] < end)
    number = np.flatnonzero(inside)
    seen = {name: column[number] for name, column in all_of.items()}
    running = [r for r in running if r.began < end and r.began + r.seconds >= start]
    lanes, seen["lane"], hidden = _titled(bars.lanes, seen["lane"], {r.lane for r in running})
    names, seen["name"], _ = _titled(bars.names, seen["name"], {r.name for r in running})
    answer: dict[str, Any] = {
        "start": start, "end": end, "lanes": lanes[:LANES_MOST], "names": names,
        "count": len(number), "hidden_lanes": hidden,
        "running": [
            [lanes.index(r.lane), names.index(r.name), round(r.began - start, 6), r.seconds, r.task]
            for r in running if r.lane in lanes[:LANES_MOST]
        ],
    }  # fmt: skip
    if hidden:
        shown = seen["lane"] < LANES_MOST
        number, seen = number[shown], {name: column[shown] for name, column in seen.items()}
    if len(number) <= BARS_MOST:
        answer["bars"] = [
            [lane, name, round(began - start, 6), round(seconds, 6), ENDED[ended], bars.task(at)]
            for at, lane, name, began, seconds, ended in zip(
                number.tolist(),
                *(seen[of].tolist() for of in ("lane", "name", "began", "seconds", "ended")),
                strict=True,
            )
        ]
        return answer
    sizes = len(answer["lanes"]), len(names), _bins(len(answer["lanes"]), len(names), width)
    return answer | {"bins": _binned(seen, start, end, sizes), "number": sizes[2]}


def _bins(lanes: int, names: int, width: int) -> int:
    """Into how many parts the time is cut: as fine as can be seen, at a cost that is bounded."""
    most = min(_BINS_MOST // lanes, _CELLS_MOST // (lanes * names))
    return max(1, min(width, 2000, max(_BINS_LEAST, most)))


def _titled(titles: list[str], column: Column, more: set[str]) -> tuple[list[str], Column, int]:
    """Those titles that occur, and more; the column by their places; lanes that are too many."""
    used = np.unique(column).tolist()
    ordered = sorted({titles[at] for at in used} | more)
    place = {title: at for at, title in enumerate(ordered)}
    places = np.zeros(len(titles), "i8")
    places[used] = [place[titles[at]] for at in used]
    return ordered, places[column], max(0, len(ordered) - LANES_MOST)


def _binned(
    seen: dict[str, Column], start: float, end: float, sizes: tuple[int, int, int]
) -> list[list[list[Any]]]:
    """For each lane: [bin, busy share, number of the name, failed] where anything was done."""
    lanes, names, number = sizes
    step = (end - start) / number
    rows = number + 1  # a bar that goes on to the end has its next bin there
    busy = np.zeros(lanes * names * rows)
    whole = np.zeros(lanes * names * rows)
    failed = np.zeros(lanes * number)
    for at in range(0, len(seen["began"]), _AT_ONCE):
        part = {name: column[at : at + _AT_ONCE] for name, column in seen.items()}
        began, stop = part["began"] - start, part["began"] - start + part["seconds"]
        low = np.clip((began / step).astype("i8"), 0, number - 1)
        high = np.clip((stop / step).astype("i8"), 0, number - 1)
        row = (part["lane"] * names + part["name"]) * rows
        # What a bar takes of its first bin, of its last, and that it fills those between.
        more = high > low
        first = np.minimum(stop, (low + 1) * step) - np.maximum(began, low * step)
        last = np.where(more, np.minimum(stop - high * step, step), 0.0)
        _add(busy, row + low, first)
        _add(busy, row + high, last)
        _add(whole, row + low + 1, more)
        _add(whole, row + high, -more.astype("f8"))
        _add(failed, part["lane"] * number + high, part["ended"] == FAILED)
    busy += np.cumsum(whole.reshape(-1, rows), axis=1).ravel() * step
    shares = busy.reshape(lanes, names, rows)[:, :, :number] / step
    return _rows(shares, failed.reshape(lanes, number))


def _add(total: Column, places: Column, amounts: Column) -> None:
    """To each place its amounts; a place may come several times."""
    total += np.bincount(places, amounts, minlength=len(total))


def _rows(shares: Column, failed: Column) -> list[list[list[Any]]]:
    """`shares` by lane, name and bin; of each bin the name that has most of it."""
    total = np.minimum(shares.sum(axis=1), 1.0).round(3)
    most = shares.argmax(axis=1)
    rows: list[list[list[Any]]] = [[] for _ in range(len(total))]
    lanes, cells = np.nonzero((total > 0) | (failed > 0))
    columns = (cells, total[lanes, cells], most[lanes, cells], failed[lanes, cells].astype("i8"))
    for lane, *row in zip(lanes.tolist(), *(each.tolist() for each in columns), strict=True):
        rows[lane].append(row)
    return rows
