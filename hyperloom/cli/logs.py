"""``loom logs``: what workers printed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from hyperloom.cli import looking

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.logs import Whose

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
    """Show what workers printed: those of a task, a job or a node, or all.

    Of a task: the workers that ran its attempts, with what they printed before and after.
    """
    from hyperloom.watch import logs  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        whose = logs.Whose(cluster, cluster.find(id_) if id_ else None)
        files = _files(cluster, whose)
        if as_json:
            told = [logs.read(cluster, node, name, -_TAIL_BYTES) for node, name in files]
            looking.say_json(told)
            return 0
        if not files and not follow:
            click.echo("nothing was printed" + (", or its log is gone" if id_ else ""))
        ends = {file: _show(cluster, file, tail) for file in files}
        while follow:
            time.sleep(_FOLLOW_S)
            for file in _files(cluster, whose):
                ends[file] = _show_more(cluster, file, ends.get(file, 0))
    return 0


def _files(cluster: Cluster, whose: Whose) -> list[tuple[str, str]]:
    from hyperloom.watch import logs  # noqa: PLC0415

    return [(file["node"], file["name"]) for file in logs.files(cluster, whose)]


def _show(cluster: Cluster, file: tuple[str, str], tail: int) -> int:
    from hyperloom.watch import logs  # noqa: PLC0415

    part = logs.read(cluster, *file, -_TAIL_BYTES if tail else 0)
    lines = part["text"].splitlines()
    _print(file, lines[-tail:] if tail else lines)
    return int(part["next"])


def _show_more(cluster: Cluster, file: tuple[str, str], start: int) -> int:
    from hyperloom.watch import logs  # noqa: PLC0415

    part = logs.read(cluster, *file, start)
    _print(file, part["text"].splitlines())
    return int(part["next"])


def _print(file: tuple[str, str], lines: list[str]) -> None:
    node, name = file
    pid = name.removeprefix("worker-").partition(".")[0]
    for line in lines:
        click.echo(f"[{pid} {node[:8]}] {line}")
