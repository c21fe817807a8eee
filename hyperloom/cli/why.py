"""``loom why``: why a task is not running, or not over, and what to do about it."""

from __future__ import annotations

from typing import Any

import click

from hyperloom import errors
from hyperloom.cli import looking

_SHOWN = 3  # of a long way, this many tasks at either end


@click.command(name="why")
@click.argument("id_", metavar="ID")
@looking.looks
def command(*, id_: str, as_json: bool, session: str, address: str) -> int:
    """Say why a task is not running or not over: what it waits for, down to the cause.

    ID is a task or an object (then: the task that makes it), or last: the task that was submitted
    last; or a plan (loom ls plans): what is left of it, and why the first result that is not
    there is not; or a placement group: whether it has its place, and if not, why.
    """
    from hyperloom import ids  # noqa: PLC0415
    from hyperloom.watch import groups, plans, reasons  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        found = cluster.find(id_)
        if found.kind == "group":
            lines = [groups.explain(cluster, found.id.hex())]
        elif found.kind == "plan":
            lines = plans.explain(cluster, found.id)
        elif found.kind in {"task", "object"}:
            lines = reasons.explain(cluster, found.id[: ids.TASK_BYTES])
        else:
            raise errors.NotFound(
                f"{id_!r} is a {found.kind}; why is asked of tasks, objects, plans and "
                "placement groups"
            )
    if as_json:
        looking.say_json(lines)
    else:
        _show(lines)
    return 0


def _show(lines: list[dict[str, Any]]) -> None:
    say = looking.console().print
    hidden = len(lines) - 2 * _SHOWN
    for number, line in enumerate(lines):
        depth = "  " * min(number, 2 * _SHOWN)
        if hidden > 0 and _SHOWN <= number < _SHOWN + hidden:
            if number == _SHOWN:
                say(f"{depth}… ({hidden} more, each of which waits for the next)")
            continue
        say(f"{depth}{line['short']} {line['name']} {line['says']}", markup=False)
    if lines[-1]["advice"]:
        say(f"To do: {lines[-1]['advice']}", markup=False)
