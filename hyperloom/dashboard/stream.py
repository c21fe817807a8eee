"""The task stream: bars of tasks by worker; of many, the busy share of each moment.  Pure.

What an answer holds is bounded by what can be seen, not by how many tasks there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hyperloom.dashboard.bars import ENDED, FAILED

if TYPE_CHECKING:
    from hyperloom.dashboard.bars import Bars

    Column = np.ndarray[Any, Any]

BARS_MOST = 4000  # more are not told apart by eye, and slow a browser down
LANES_MOST = 200
_BINS_MOST = 60_000  # of all lanes together
_PARTS_MOST = 3_000_000  # of bars, cut into bins


def view(bars: Bars, start: float, end: float, width: int) -> dict[str, Any]:
    """What lies between two moments, for a picture of so many pixels.

    With more than `BARS_MOST` of them in sight a lane has `bins` instead: for each, the busy
    share, the name that took most of it, and failures.
    """
    all_of = bars.columns()
    inside = (all_of["began"] + all_of["seconds"] >= start) & (all_of["began"] < end)
    number = np.flatnonzero(inside)
    seen = {name: column[number] for name, column in all_of.items()}
    lanes, seen["lane"], hidden = _titled(bars.lanes, seen["lane"])
    names, seen["name"], _ = _titled(bars.names, seen["name"])
    answer: dict[str, Any] = {
        "start": start, "end": end, "lanes": lanes[:LANES_MOST], "names": names,
        "count": len(number), "hidden_lanes": hidden,
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
    most = max(50, _BINS_MOST // max(1, len(answer["lanes"])))
    bins = max(1, min(width, 2000, most))
    return answer | _binned(seen, start, end, bins, len(answer["lanes"]))


def _titled(titles: list[str], column: Column) -> tuple[list[str], Column, int]:
    """Those titles that occur, in order; the column by their places; lanes that are too many."""
    used = np.unique(column)
    ordered = sorted(used.tolist(), key=titles.__getitem__)
    places = np.zeros(len(titles), "i8")
    places[ordered] = np.arange(len(ordered))
    return [titles[at] for at in ordered], places[column], max(0, len(ordered) - LANES_MOST)


def _binned(
    seen: dict[str, Column], start: float, end: float, number: int, lanes: int
) -> dict[str, Any]:
    """For each lane: [bin, busy share, number of the name, failed] where anything was done."""
    began, stop = seen["began"], seen["began"] + seen["seconds"]
    while True:
        step = (end - start) / number
        low = np.clip(((began - start) / step).astype("i8"), 0, number - 1)
        high = np.clip(((stop - start) / step).astype("i8"), 0, number - 1)
        parts = high - low + 1
        if parts.sum() <= _PARTS_MOST or number == 1:
            break
        number = max(1, number // 2)
    # Each bar once for each bin that it touches.
    of = np.repeat(np.arange(len(parts)), parts)
    nth = np.arange(len(of)) - np.repeat(np.cumsum(parts) - parts, parts)
    cell = low[of] + nth
    edge = start + cell * step
    busy = np.minimum(stop[of], edge + step) - np.maximum(began[of], edge)
    place = seen["lane"][of] * number + cell
    names = int(seen["name"].max(initial=0)) + 1
    keys, found = np.unique(place * names + seen["name"][of], return_inverse=True)
    total = np.bincount(found, np.maximum(busy, 0.0))
    bad = seen["ended"] == FAILED
    failed = np.bincount(
        (seen["lane"] * number + high)[bad], minlength=lanes * number
    )  # at the moment in which it failed
    return {"bins": _rows(keys, total, failed, (names, number, lanes), step), "number": number}


def _rows(
    keys: Column, total: Column, failed: Column, sizes: tuple[int, int, int], step: float
) -> list[list[list[Any]]]:
    """The bins of each lane; `keys` are lane, bin and name in one number, in order."""
    names, number, lanes = sizes
    rows: list[list[list[Any]]] = [[] for _ in range(lanes)]
    last, most = -1, 0.0
    for key, seconds in zip(keys.tolist(), total.tolist(), strict=True):
        place, name = divmod(key, names)
        lane, cell = divmod(place, number)
        share = seconds / step
        if place != last:
            rows[lane].append([cell, share, name, int(failed[place])])
            last, most = place, share
            continue
        row = rows[lane][-1]
        row[1] += share
        if share > most:
            row[2], most = name, share
    for lane_rows in rows:
        for row in lane_rows:
            row[1] = round(min(1.0, row[1]), 3)
    return rows
