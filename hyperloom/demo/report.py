"""What the demo shows: bars while it runs, tables afterwards.

The rule: bars are for terminals.  In a file or a pipe there are the results and nothing else;
colours follow the terminal and NO_COLOR (rich sees to both).
"""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    from hyperloom.demo.pipeline import Counted, Index, Ranked, Totals
    from hyperloom.demo.postings import Entries

_BAR_CELLS = 7
_PLACE_CELLS = 25


def console() -> Console:
    """Standard output, as rich sees it."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal without our signs gets a "?"
    return Console(highlight=False)


class Bars:
    """Bars for the stages of the pipeline; a `Watcher`."""

    def __init__(self, out: Console, files: int, partitions: int, *, show: bool) -> None:
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=32),
            TextColumn(
                "{task.completed:>{task.fields[digits]},} of {task.total:,} {task.fields[unit]}"
            ),
            console=out,
            disable=not (show and out.is_terminal),
        )
        digits = len(f"{files:,}")
        self._read, self._count, self._merge = (
            self._progress.add_task(stage, total=total, unit=unit, digits=digits)
            for stage, total, unit in (
                ("read", files, "files"),
                ("count", files, "files"),
                ("merge", partitions, "partitions"),
            )
        )
        self._tokens = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def submitted(self, files: int) -> None:
        """See `Watcher`."""
        self._progress.advance(self._read, files)

    def counted(self, batch: Counted) -> None:
        """See `Watcher`."""
        self._tokens += batch.tokens
        self._progress.update(
            self._count, advance=batch.files, unit=f"files: {self._tokens:,} tokens"
        )

    def merged(self, partition: Totals) -> None:
        """See `Watcher`."""
        del partition
        self._progress.advance(self._merge)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long it took, here and there."""

    loom_s: float
    cpus: float
    plain_s: float | None = None


def show_start(out: Console, files: int) -> None:
    """What is to be done."""
    out.print(f"\n[bold]HyperLoom[/bold] builds an inverted index of {files:,} Python files")


def show_node(out: Console, cpus: float, ready_s: float) -> None:
    """Where it runs."""
    out.print(f"[dim]a node with {cpus:g} CPUs was ready in {ready_s:.2f} s[/dim]\n")


def show_answer(
    out: Console, index: Index, places: Sequence[str], sample: Mapping[bytes, Entries]
) -> None:
    """The sums, the top tokens, and some answers of the index; `places` names the files."""
    totals = index.totals
    sums = Table.grid(padding=(0, 1))
    for style, justify in (("bold", "right"), ("", "left"), ("bold", "right"), ("", "left")):
        sums.add_column(style=style, justify=justify)  # type: ignore[arg-type]
    sums.add_row(f"{len(places):,}", "files", f"{index.size_bytes / 1e6:,.1f}", "MB of text")
    sums.add_row(f"{totals.tokens:,}", "tokens   ", f"{totals.distinct:,}", "distinct tokens")
    sums.add_row(f"{totals.postings:,}", "postings", f"{index.texts}", "texts in shared memory")
    side_by_side = Table.grid(padding=(0, 3))
    side_by_side.add_row(_top_table(totals.top), _index_table(places, sample))
    out.print(_indented(sums))
    out.print(_indented(side_by_side))


def _indented(table: Table) -> Padding:
    return Padding(table, (1, 0, 0, 2), expand=False)


def _top_table(top: Ranked) -> Table:
    table = _table("[bold]top tokens[/bold]", "times", "")
    most = top[0][0] if top else 1
    for times, token in top:
        bar = "━" * max(1, round(_BAR_CELLS * times / most))
        table.add_row(token.decode(), f"{times:,}", Text(bar, style="blue"))
    return table


def _index_table(places: Sequence[str], sample: Mapping[bytes, Entries]) -> Table:
    table = _table("[bold]index[/bold]", "files", "most often in", "times")
    for token, entries in sample.items():
        document, times = max(entries, key=lambda entry: entry[1])
        place = _end(places[document])
        table.add_row(token.decode(), f"{len(entries):,}", place, f"{times:,}")
    return table


def _table(*columns: str) -> Table:
    """The first column names, the second counts."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for number, name in enumerate(columns):
        style = "cyan" if number == 0 else ""
        justify = "right" if number in {1, 3} else "left"
        table.add_column(name, style=style, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    return table


def _end(path: str) -> str:
    """A path's last parts, as many as there is room for."""
    if len(path) <= _PLACE_CELLS:
        return path
    return f"…/{path[2 - _PLACE_CELLS :].partition('/')[2] or path.rpartition('/')[2]}"


def waiting(out: Console, text: str, *, show: bool) -> AbstractContextManager[object]:
    """Something that moves, on a terminal."""
    return out.status(f"[dim]{text}[/dim]") if show else nullcontext()


def show_speed(out: Console, index: Index, timing: Timing) -> None:
    """Both times, one above the other."""
    megabytes = index.size_bytes / 1e6
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("")
    for name in ("time", "MB/s", "tasks", "tasks/s"):
        table.add_column(name, justify="right")
    table.add_row(
        f"HyperLoom on {timing.cpus:g} CPUs",
        f"[bold]{timing.loom_s:.2f} s[/bold]",
        f"{megabytes / timing.loom_s:.1f}",
        f"{index.tasks}",
        f"{index.tasks / timing.loom_s:.0f}",
    )
    if timing.plain_s is not None:
        table.add_row(
            "one plain process",
            f"[bold]{timing.plain_s:.2f} s[/bold]",
            f"{megabytes / timing.plain_s:.1f}",
        )
    out.print(_indented(table))
    out.print()


def show_verdict(out: Console, index: Index, timing: Timing, wrong: Sequence[str]) -> None:
    """One line, or what is wrong."""
    totals = index.totals
    if wrong:
        out.print("[bold red]not the same as a plain count:[/bold red]")
        for line in wrong:
            out.print(f"  {line}", markup=False)
    elif timing.plain_s is None:
        out.print(f"[bold]done[/bold], not checked: {totals.distinct:,} tokens in the index")
    else:
        out.print(
            f"[bold green]identical[/bold green]: {totals.distinct:,} counters, "
            f"{totals.postings:,} postings; {timing.plain_s / timing.loom_s:.2f} times as fast"
        )
