"""Figures for people and for programs: a table, a JSON file, a page of the documentation."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchmarks.harness import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benchmarks.machine import Machine

_WIDTH = 130  # when it goes into a file
_MARKS = {True: "[green]pass[/]", False: "[red]FAIL[/]", None: ""}


def show(figures: Sequence[Figure], console: Console | None = None) -> None:
    """Print the table."""
    table = Table(show_edge=False, header_style="bold")
    table.add_column("row")
    table.add_column("what")
    for name in ("figure", "beside", "ratio", "promised"):
        table.add_column(name, justify="right")
    table.add_column("")
    table.add_column("strangers", justify="right")  # the share of the CPUs that others used
    before = ""
    for figure in figures:
        row = figure.row if figure.row != before else ""
        before = figure.row
        others = "" if figure.strangers is None else f"{figure.strangers:.0%}"
        table.add_row(row, figure.what, *_columns(figure), _MARKS[figure.passed], others)
    console = console or Console()
    if not console.is_terminal:
        console.width = _WIDTH
    console.print(table)


def _columns(figure: Figure) -> tuple[str, str, str, str]:
    beside = [f"{name} {number(value)}" for name, value in figure.others.items()]
    ratio = f"{figure.measured:.2f}" if figure.against else ""
    return f"{number(figure.value)} {figure.unit}", "\n".join(beside), ratio, promise(figure)


def promise(figure: Figure) -> str:
    """What was promised, in short."""
    if figure.target is None:
        return ""
    sign = "≤" if figure.at_most else "≥"
    return f"{sign} {figure.target:g}" + (f" x {figure.against}" if figure.against else "")


def number(value: float) -> str:
    """Three digits that mean something."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def save(path: Path, machine: Machine, scale: str, figures: Iterable[Figure]) -> None:
    """Write all that is known about a run."""
    rows: list[dict[str, Any]] = [{**asdict(figure), "passed": figure.passed} for figure in figures]
    whole = {"machine": asdict(machine), "scale": scale, "figures": rows}
    path.write_text(json.dumps(whole, indent=1) + "\n")


def load(path: Path) -> tuple[dict[str, Any], list[Figure]]:
    """The machine (and scale) and the figures of a saved run."""
    whole = json.loads(path.read_text())
    for row in whole["figures"]:
        del row["passed"]
    return {**whole["machine"], "scale": whole["scale"]}, [
        Figure(**row) for row in whole["figures"]
    ]
