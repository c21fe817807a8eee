"""``loom logs``: what workers printed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from hyperloom import errors
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
    """Show what workers printed: those of a task, a job or a node, or all.

    Of a task: the workers that ran its attempts, with what they printed before and after.
    """
    with looking.cluster_at(address, session) as cluster:
        wanted = _workers(cluster, id_)
        files = list(_files(cluster, wanted))
        if as_json:
            looking.say_json([_read(cluster, node, name, -_TAIL_BYTES) for node, name in files])
            return 0
        if not files and not follow:
            click.echo("nothing was printed" + (", or its log is gone" if id_ else ""))
        ends = {file: _show(cluster, file, tail) for file in files}
        while follow:
            time.sleep(_FOLLOW_S)
            for file in _files(cluster, wanted):
                ends[file] = _show_more(cluster, file, ends.get(file, 0))
    return 0


Wanted = tuple[set[tuple[str, int]] | None, str | None]  # workers by node and pid; a node


def _workers(cluster: Cluster, id_: str | None) -> Wanted:
    from hyperloom import events  # noqa: PLC0415
    from hyperloom.gcs import codes  # noqa: PLC0415
    from hyperloom.watch.tasks import running  # noqa: PLC0415

    if id_ is None:
        return None, None
    found = cluster.find(id_)
    if found.kind == "node":
        return None, found.id.hex()
    of_task = found.kind in {"task", "object"}
    workers: set[tuple[str, int]] = set()
    for event in cluster.events(found.job):
        if event.kind == codes.RAN and (not of_task or found.id[:16] in event.payload):
            workers |= {
                (ran.node.hex(), ran.pid)
                for ran in events.attempts(event.payload)
                if not of_task or ran.task == found.id[:16]
            }
    for task, work in running(cluster).items():
        if task.startswith(found.id[:16].hex() if of_task else found.id.hex()):
            workers.add((work["node"], work["pid"]))
    if not workers:
        raise errors.NotFound(f"{id_} has not run yet, as far as is known; loom why {id_}")
    return workers, None


def _files(cluster: Cluster, wanted: Wanted) -> list[tuple[str, str]]:
    workers, only = wanted
    found = []
    for node, files in cluster.control_plane.answers("logs").items():
        for file in files:
            pid = int(file["name"].removeprefix("worker-").partition(".")[0])
            if (only in {None, node}) and (workers is None or (node, pid) in workers):
                found.append((node, file["name"]))
    return found


def _read(cluster: Cluster, node: str, name: str, start: int) -> dict[str, Any]:
    told = cluster.control_plane.answers_of([bytes.fromhex(node)], "log", name, start)
    part = told.get(node) or {"name": name, "text": "", "next": max(0, start)}
    return {"node": node, **part}


def _show(cluster: Cluster, file: tuple[str, str], tail: int) -> int:
    part = _read(cluster, *file, -_TAIL_BYTES if tail else 0)
    lines = part["text"].splitlines()
    _print(file, lines[-tail:] if tail else lines)
    return int(part["next"])


def _show_more(cluster: Cluster, file: tuple[str, str], start: int) -> int:
    part = _read(cluster, *file, start)
    _print(file, part["text"].splitlines())
    return int(part["next"])


def _print(file: tuple[str, str], lines: list[str]) -> None:
    node, name = file
    pid = name.removeprefix("worker-").partition(".")[0]
    for line in lines:
        click.echo(f"[{pid} {node[:8]}] {line}")
