"""``loom top``: how far, how fast, what failed, and what nodes have; live."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from hyperloom.cli import looking, words

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster

_LINES = 20  # functions that are shown


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

    told = overall.look(cluster)
    with Live(_shown(told, {}), screen=True, auto_refresh=False) as screen:
        while True:
            before = {_key(row): row for row in told["names"]}
            began = time.monotonic()
            time.sleep(every)
            told = overall.look(cluster)
            spent = time.monotonic() - began
            rates = {
                _key(row): (_over(row) - _over(before.get(_key(row), {}))) / spent
                for row in told["names"]
            }
            screen.update(_shown(told, rates), refresh=True)


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
    head = Text(
        f"{words.count(len(jobs), 'job')}: {figures['waiting']:,} waiting, {figures['ready']:,} "
        f"ready, {figures['held']:,} on nodes;  {sum(rates.values()):,.0f} items/s;  "
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
        rate = rates.get(_key(row), 0.0)
        in_items = " items" if row["chunk"] > 1 else ""
        left = looking.seconds(row["items_left"] / rate) if rate and row["left"] else ""
        table.add_row(
            Text(row["name"]),
            *[Text(f"{number:,}", style=_style(what, number)) for what, number in
              zip(ends, _ends(row), strict=False)],
            f"{row['items']:,}{in_items}",
            ProgressBar(total=max(1, row["items"]), completed=_over(row), width=30),
            f"{rate:,.0f}/s" if rates else "", left,
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
