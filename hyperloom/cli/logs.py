"""``loom logs``: what workers printed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from hyperloom.cli import looking

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster

_FOLLOW_S = 0.3  # between two looks
_TAIL_BYTES = 64_000


@click.command(name="logs")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on as more is printed; Ctrl-C ends it.")
@click.option("--tail", default=200, show_default=True, help="Lines of each worker; 0: all.")
@looking.looks
def command(  # noqa: PLR0913 - the options of the command
    *, id_: str | None, follow: bool, tail: int, as_json: bool, session: str, address: str
) -> int:
    """Show what workers printed: those of a task, an actor, a plan, a job or a node, or all.

    Of a task: its own lines, of all its attempts; also those of programs that it started, from
    its own first line on.  Of an actor: all that its process printed.
    """
    from hyperloom.watch import logs  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        whose = logs.Whose(cluster, cluster.find(id_) if id_ else None)
        files = logs.files(cluster, whose)
        if as_json:
            told = [
                logs.read(cluster, each["node"], each["name"], -_TAIL_BYTES, whose.task)
                for each in files
            ]
            looking.say_json(told)
            return 0
        if not files and not follow:
            click.echo("nothing was printed" + (", or its log is gone" if id_ else ""))
        shown = _Shown(cluster, whose.task)
        for file in files:
            shown.end_of(file, tail)
        if whose.task and files and shown.nothing and not follow:
            node = files[0]["node"][:8]
            click.echo(f"it printed nothing itself, or that is gone; loom logs {node} has all")
        while follow:
            time.sleep(_FOLLOW_S)
            for file in logs.files(cluster, whose):
                shown.more_of(file)
        shown.unended()
    return 0


class _Shown:
    """What was shown of each file, up to where.

    A file is known by its number: its name is another's when it is full.  (A number may be given
    again when a file is gone; such a file is shorter than what was read.)  A line that has no end
    yet is shown when nothing was added to it between two looks.
    """

    def __init__(self, cluster: Cluster, task: str = "") -> None:
        self._cluster = cluster
        self._task = task
        self.nothing = True  # was shown so far
        self._ends: dict[tuple[str, int], int] = {}
        self._begun: dict[tuple[str, int], tuple[dict[str, Any], str]] = {}

    def end_of(self, file: dict[str, Any], tail: int) -> None:
        """The last lines of a file, or (0) all of it."""
        if not tail:
            self.more_of(file)
            return
        part = self._read(file, -_TAIL_BYTES)
        if part is not None:
            self._show(file, part, tail)

    def more_of(self, file: dict[str, Any]) -> None:
        """What was added to a file since the last time."""
        key = file["node"], file["file"]
        if file["bytes"] == self._ends.get(key):
            self._show_begun(key)
            return
        part = self._read(file, self._ends.get(key, 0))
        while part is not None:
            before = self._ends.get(key)
            self._show(file, part)
            if part["next"] in {before, part["size"]}:
                return
            part = self._read(file, part["next"])

    def unended(self) -> None:
        """Nothing is added any more."""
        for key in list(self._begun):
            self._show_begun(key)

    def _read(self, file: dict[str, Any], start: int) -> dict[str, Any] | None:
        """None: it is called otherwise by now, and is read so the next time."""
        from hyperloom.watch import logs  # noqa: PLC0415

        part = logs.read(self._cluster, file["node"], file["name"], start, self._task)
        return part if part["file"] == file["file"] else None

    def _show(self, file: dict[str, Any], part: dict[str, Any], tail: int = 0) -> None:
        key = file["node"], file["file"]
        self._ends[key] = part["next"]
        self.nothing = self.nothing and not part["text"]
        _, begun = self._begun.pop(key, (file, ""))
        *lines, rest = (begun + part["text"]).split("\n")
        _print(file, lines[-tail:])
        if rest:
            self._begun[key] = file, rest

    def _show_begun(self, key: tuple[str, int]) -> None:
        if key in self._begun:
            file, line = self._begun.pop(key)
            _print(file, [line])


def _print(file: dict[str, Any], lines: list[str]) -> None:
    for line in lines:
        click.echo(f"[{file['pid']} {file['node'][:8]}] {line}")
