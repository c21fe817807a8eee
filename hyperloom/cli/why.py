"""``loom why``: why a task, or a whole job, is not over, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from hyperloom import errors
from hyperloom.cli import looking

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster, Found

_SHOWN = 3  # of a long way, this many tasks at either end
_KINDS = 12  # of a job's tasks


@click.command(name="why")
@click.argument("id_", metavar="[ID]", required=False)
@looking.looks
def command(*, id_: str | None, as_json: bool, session: str, address: str) -> int:
    """Say why a task is not running or not over: what it waits for, down to the cause.

    ID is a task, an actor or an object (then: the task that makes it), or last: the task that was
    submitted last; or a job (the last one, if no ID is given): what its tasks that are left wait
    for, those alike together; or a plan (loom ls plans): what is left of it, and why the first
    result that is not there is not; or a placement group: whether it has its place, and if not,
    why; or a node: whether it takes tasks, and what it has.
    """
    with looking.cluster_at(address, session) as cluster:
        found = cluster.find(cluster.job().hex() if id_ is None else id_)
        lines = _lines(cluster, found)
        if lines[0]["why"] == "unknown":
            raise errors.NotFound(f"{lines[0]['short']} {lines[0]['says']}: {lines[0]['advice']}")
        orphan = cluster.orphan(found.job) if found.kind in {"task", "object", "plan"} else ""
    if as_json:
        looking.say_json(lines)
    elif found.kind == "job":
        _show_kinds(lines)
    else:
        _show(lines)
        if orphan:
            click.echo(f"Of its job {found.job.hex()}: {orphan}")
    return 0


def _lines(cluster: Cluster, found: Found) -> list[dict[str, Any]]:
    from hyperloom import ids  # noqa: PLC0415
    from hyperloom.watch import groups, left, reasons, why_plan  # noqa: PLC0415

    match found.kind:
        case "group":
            return [groups.explain(cluster, found.id.hex())]
        case "plan":
            return why_plan.explain(cluster, found.id)
        case "job":
            return left.of_job(cluster, found.id)
        case "node":
            return left.of_node(cluster, found.id.hex())
        case _:
            return reasons.explain(cluster, found.id[: ids.TASK_BYTES])


def _show_kinds(lines: list[dict[str, Any]]) -> None:
    say = looking.console().print
    head, *kinds = lines
    say(_sentence(head), markup=False)
    advised: set[str] = set()
    for line in kinds[:_KINDS]:
        who = f"{line['short']} {line['name']}"
        if line["tasks"] > 1:
            who = f"{line['tasks']:,} x {line['name']}, such as {line['short']}:"
        say(f"  {who} {line['says']}", markup=False)
        if line["advice"] and line["advice"] not in advised:
            say(f"    To do: {line['advice']}", markup=False)
        advised.add(line["advice"])
    if len(kinds) > _KINDS:
        say(f"  … ({len(kinds) - _KINDS} more kinds; --json has them)")
    if head["advice"]:
        say(f"To do: {head['advice']}", markup=False)


def _sentence(line: dict[str, Any]) -> str:
    """A plan may have no label, and so no name."""
    return " ".join(filter(None, (line["short"], line["name"], line["says"])))


def _show(lines: list[dict[str, Any]]) -> None:
    say = looking.console().print
    hidden = len(lines) - 2 * _SHOWN
    for number, line in enumerate(lines):
        depth = "  " * min(number, 2 * _SHOWN)
        if hidden > 0 and _SHOWN <= number < _SHOWN + hidden:
            if number == _SHOWN:
                say(f"{depth}… ({hidden} more, each of which waits for the next)")
            continue
        say(f"{depth}{_sentence(line)}", markup=False)
    if lines[-1]["advice"]:
        say(f"To do: {lines[-1]['advice']}", markup=False)
