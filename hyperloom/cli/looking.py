"""What the commands that only look have in common: where they look, and how they show it."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from hyperloom import errors
from hyperloom.cli.fitting import fitting
from hyperloom.cli.main import NOTHING_RUNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hyperloom.watch.cluster import Cluster

F = TypeVar("F", bound="Callable[..., Any]")

# What a column of a table shows, and how: see `cell`.
Columns = dict[str, str]


def looks(command: F) -> F:
    """The options of a command that looks at a cluster."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Everything, for programs."),
        click.option(
            "--session", default="", metavar="NAME", help="Another session of this machine."
        ),
        click.option("--address", default="", help="Another control plane than this machine's."),
    ):
        command = option(command)
    return command


class NothingRuns(click.ClickException):
    """There is nothing to look at, or only what was recorded."""

    exit_code = NOTHING_RUNS
    hint = "loom start --head"


@contextmanager
def cluster_at(address: str, session: str) -> Iterator[Cluster]:
    """The cluster that is looked at.

    Raises:
        NothingRuns: there is nothing to look at; or only a history, and that is not enough.
    """
    looked_at = cluster(address, session)
    try:
        yield looked_at
    except errors.NotConnected as error:
        if looked_at.live is None:
            raise NothingRuns(str(error)) from error
        raise
    finally:
        looked_at.close()


def cluster(address: str, session: str) -> Cluster:
    """The same, to be closed.

    Raises:
        errors.NotConnected: there is no such session, or nobody answers at the address.
        NothingRuns: there is nothing to look at.
    """
    from hyperloom.config import Config  # noqa: PLC0415
    from hyperloom.node import found  # noqa: PLC0415
    from hyperloom.watch.cluster import Cluster  # noqa: PLC0415
    from hyperloom.watch.history import FILE, History  # noqa: PLC0415
    from hyperloom.watch.live import Live  # noqa: PLC0415
    from hyperloom.watch.retold import Retold  # noqa: PLC0415

    sight = found.find(Config.load(), address, session)
    file = sight.history / FILE if sight.history else None
    history = History(file) if file is not None and file.exists() else None
    if sight.address is None and history is None:
        raise NothingRuns(
            "no node of yours runs here, and nothing was recorded. Start one: loom start --head"
        )
    live = Live(sight.address) if sight.address else None
    return Cluster(live, history or (Retold(live) if live else None))


def say_json(value: object) -> None:
    """For programs."""
    click.echo(json.dumps(value, indent=2))


class Output:
    """The file that a command writes: with ``--json`` only if it was named."""

    def __init__(self, name: str | None, usual: str, *, as_json: bool) -> None:
        """It is looked at now, before the work is done.

        Raises:
            click.ClickException: it cannot be written.
        """
        self.wanted = name is not None or not as_json
        self.name = name or usual
        self._as_json = as_json
        folder = Path(self.name).absolute().parent
        if self.wanted and not folder.is_dir():
            self._refuse(f"there is no folder {folder}")

    def write(self, text: str, says: str, **about: object) -> None:
        """Write it, and say so: a line for people, or for programs `path`, `bytes` and `about`.

        Raises:
            click.ClickException: it cannot be written.
        """
        body = text.encode()
        try:
            Path(self.name).write_bytes(body)
        except OSError as error:
            self._refuse(error.strerror or str(error))
        if self._as_json:
            say_json({"path": str(Path(self.name).absolute()), "bytes": len(body), **about})
        else:
            click.echo(says)

    def _refuse(self, why: str) -> NoReturn:
        raise click.ClickException(
            f"{self.name} cannot be written: {why}. Make room or the folder for it, or name "
            "another file with -o; what runs is not touched"
        )


def console() -> Any:  # noqa: ANN401 - rich's Console
    """It heeds NO_COLOR and pipes itself."""
    from rich.console import Console  # noqa: PLC0415

    narrow = None if sys.stdout.isatty() else 200
    return Console(highlight=False, soft_wrap=True, width=narrow)


def show_table(rows: Sequence[dict[str, Any]], columns: Columns) -> None:
    """Rows for people: `columns` says which are shown, by their titles, where there is room."""
    from rich.cells import cell_len  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    to = console()
    cells = {name: [cell(name, row.get(name)) for row in rows] for name in columns.values()}
    widths = {
        name: max(map(cell_len, (title, *cells[name]))) for title, name in columns.items()
    }  # fmt: skip
    shown = fitting(widths, [name for name in cells if not any(cells[name])], to.width)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, name in columns.items():
        if name in shown:
            table.add_column(
                title, justify="right" if name in _NUMBERS else "left", no_wrap=True,
                width=shown[name],
            )  # fmt: skip
    for row in zip(*[cells[name] for name in shown], strict=True):
        table.add_row(*[Text(text, style=_STYLES.get(text, "")) for text in row])
    to.print(table)
    gone = [title for title, name in columns.items() if name not in shown and any(cells[name])]
    if gone:
        click.echo(f"no room for: {', '.join(gone)}; a wider terminal or --json shows them")


_NUMBERS = {
    "submitted", "done", "failed", "cancelled", "left", "retried", "mean_s", "p99_s", "bytes",
    "seconds",
    "pid", "attempt", "waiting", "ready", "held", "objects", "tasks", "holders", "count", "used",
    "dealt", "answering", "restarts", "results", "left_text", "there_text", "failed_text",
    "cancelled_text",
}  # fmt: skip
_STYLES = {
    "FAILED": "red", "RUNNING": "green", "READY": "yellow", "WAITING": "dim", "DONE": "",
    "CANCELLED": "magenta", "open": "green", "NOT HEARD OF": "red",
    "draining": "yellow",
}  # fmt: skip
_SHORTEST = 8
_ERROR_MOST = 60


def cell(name: str, value: Any) -> str:  # noqa: ANN401, PLR0911 - any plain value
    """A value of a column of this name, for people."""
    if value is None or value == "":
        return ""
    if name in {"bytes", "used"}:
        from hyperloom.cli.words import size  # noqa: PLC0415

        return size(value)
    if name in {"seconds", "mean_s", "p99_s"}:
        return seconds(value)
    if name in {"at", "opened", "ended", "began", "last"}:
        return clock(value)
    if name in {"node", "where"} and isinstance(value, str):
        return value if " " in value else value[:_SHORTEST]
    if name == "error":
        return str(value)[:_ERROR_MOST]
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) and not name.endswith("pid") else str(value)


def seconds(value: float) -> str:
    """A time for people."""
    for unit, scale in (("us", 1e6), ("ms", 1e3), ("s", 1)):
        if value * scale < 1000 and (value * scale >= 1 or unit == "us"):  # noqa: PLR2004
            return f"{value * scale:.3g} {unit}"
    return f"{value:,.0f} s"


def clock(at: float) -> str:
    """When, for people of this place; the day only if it is another one."""
    moment = datetime.fromtimestamp(at).astimezone()
    today = datetime.now().astimezone().date() == moment.date()
    return moment.strftime("%H:%M:%S" if today else "%m-%d %H:%M:%S")


class Condition:
    """Whether a row is wanted: each of `name=value` (equal) and `name~text` (contains) holds."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Read what was written.

        Raises:
            click.UsageError: one of them is no condition.
        """
        self._parts = [_parsed(text) for text in texts]
        self._names = [part for part in self._parts if part[0] == "name"]

    def __call__(self, row: dict[str, Any]) -> bool:
        """Whether this one is."""
        return all(_holds(row, *part) for part in self._parts)

    @property
    def is_of_names(self) -> bool:
        """Nothing else is asked."""
        return len(self._names) == len(self._parts)

    @property
    def is_of_attempts(self) -> bool:
        """No task is wanted that waits: nobody has begun it."""
        return any(name in _OF_ATTEMPTS and value for name, _, value in self._parts)

    def names(self, name: str) -> bool:
        """Whether rows with this name may be wanted."""
        return all(_holds({"name": name}, *part) for part in self._names)


_OF_ATTEMPTS = {"attempt", "node", "pid", "began", "seconds", "bytes", "error"}


def _parsed(text: str) -> tuple[str, str, str]:
    for sign in ("~", "="):
        name, found, value = text.partition(sign)
        if found and name.replace("_", "").isalnum():
            return name, sign, value
    raise click.UsageError(f"{text!r} is no condition; write name=value, or name~text for a part")


def _holds(row: dict[str, Any], name: str, sign: str, value: str) -> bool:
    if name not in row:
        known = ", ".join(row)
        raise click.UsageError(f"there is no column {name!r} here; there is {known}")
    text = "" if row[name] is None else str(row[name])
    return value in text if sign == "~" else value == text
