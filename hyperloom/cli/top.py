"""``loom top``: how far, how fast, what failed, and what nodes have; live."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import click

from hyperloom.cli import looking, words

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster

WINDOW_S = 30.0  # over which a rate is told
_LINES = 20  # functions that are shown
_SLOW = 10  # items a second


@click.command(name="top")
@click.option("--every", default=1.0, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Look once; so it is done where there is no terminal.")
@looking.looks
def command(*, every: float, once: bool, as_json: bool, session: str, address: str) -> int:
    """Show how far the functions of open jobs are, their rates, and the nodes; until Ctrl-C."""
    from hyperloom.watch import overall  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        if as_json:
            looking.say_json(overall.look(cluster))
        elif once or not sys.stdout.isatty():
            looking.console().print(_shown(overall.look(cluster), {}))
        else:
            _live(cluster, max(0.1, every))
    return 0


def _live(cluster: Cluster, every: float) -> None:
    from rich.live import Live  # noqa: PLC0415

    from hyperloom.watch import overall  # noqa: PLC0415

    rates = Rates()
    with Live(screen=True, auto_refresh=False) as screen:
        while True:
            told = overall.look(cluster)
            of = rates.of(time.monotonic(), told["names"])
            screen.update(_shown(told, of), refresh=True)
            time.sleep(every)


class Rates:
    """Items a second of each function, of the last `WINDOW_S`: also of those that are slow."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, dict[tuple[str, str], int]]] = deque()

    def of(self, now: float, rows: list[dict[str, Any]]) -> dict[tuple[str, str], float]:
        """Those of functions that were seen before."""
        over = {_key(row): _over(row) for row in rows}
        while len(self._looks) > 1 and now - self._looks[0][0] > WINDOW_S:
            self._looks.popleft()
        rates: dict[tuple[str, str], float] = {}
        for at, before in reversed(self._looks):
            rates |= {key: (over[key] - before[key]) / (now - at) for key in over.keys() & before}
        self._looks.append((now, over))
        return {key: rates[key] for key in over if key in rates}


def shown_rate(rate: float) -> str:
    """Of what is slow a tenth is worth to be told."""
    return f"{rate:.1f}/s" if 0 < rate < _SLOW else f"{rate:,.0f}/s"


def _key(row: dict[str, Any]) -> tuple[str, str]:
    return row["job"], row["name"]


def _over(row: dict[str, Any]) -> int:
    """Items: of a map there may be several in a task; else each task is one."""
    return int(row.get("items_over", 0))


def _shown(told: dict[str, Any], rates: dict[tuple[str, str], float]) -> Any:  # noqa: ANN401
    from rich.console import Group  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    jobs, server = told["jobs"], told["server"]
    figures = {name: sum(job[name] for job in jobs) for name in ("waiting", "ready", "held")}
    rate = f"{shown_rate(sum(rates.values())).replace('/', ' items/')};  " if rates else ""
    head = Text(
        f"{words.count(len(jobs), 'job')}: {figures['waiting']:,} waiting, {figures['ready']:,} "
        f"ready, {figures['held']:,} on nodes;  {rate}"
        f"server {words.size(server['memory_bytes'])}"
    )
    return Group(head, Text(), _names(told["names"], rates), Text(), _nodes(told["nodes"]))


def _names(rows: list[dict[str, Any]], rates: dict[tuple[str, str], float]) -> Any:  # noqa: ANN401
    from rich.progress_bar import ProgressBar  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    some = any(row["cancelled"] for row in rows)
    ends = ("done", "failed", "cancelled") if some else ("done", "failed")
    for title in ("function", *ends, "of", "", "rate", "left"):
        table.add_column(title, justify="right" if title in {*ends, "of"} else "left")
    for row in sorted(rows, key=lambda row: -row["left"])[:_LINES]:
        rate = rates.get(_key(row))
        in_items = " items" if row["chunk"] > 1 else ""
        left = looking.seconds(row["items_left"] / rate) if rate and row["left"] else ""
        table.add_row(
            Text(row["name"]),
            *[Text(f"{number:,}", style=_style(what, number)) for what, number in
              zip(ends, _ends(row), strict=False)],
            f"{row['items']:,}{in_items}",
            ProgressBar(total=max(1, row["items"]), completed=_over(row), width=30),
            "" if rate is None else shown_rate(rate), left,
        )  # fmt: skip
    return table


def _ends(row: dict[str, Any]) -> tuple[int, int, int]:
    """Items that are done, failed, and were cancelled."""
    failed, cancelled = row["items_failed"], row["items_cancelled"]
    return row["items_over"] - failed - cancelled, failed, cancelled


def _style(what: str, number: int) -> str:
    """Nobody is to look into what was cancelled."""
    if what == "done":
        return ""
    return "red" if what == "failed" and number else "dim"


def _nodes(rows: list[dict[str, Any]]) -> Any:  # noqa: ANN401 - rich's Table
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("node", "host", "state", "free", "workers", "store"):
        table.add_column(title)
    for row in rows:
        table.add_row(
            row["node"][:8], row["host"], row["state"], row["free_text"], f"{row['workers']}",
            f"{words.size(row['used'])} of {words.size(row['bytes'])}",
        )  # fmt: skip
    return table
