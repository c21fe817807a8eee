"""``loom memory``: which objects are kept, who made them, who holds them, and where they lie."""

from __future__ import annotations

from typing import Any

import click

from hyperloom.cli import looking, words

_CREATED = {
    "creator": "name", "job": "job", "objects": "count", "size": "bytes", "in stores": "used",
    "failures": "failed",
}  # fmt: skip
_LARGEST = {"object": "short", "creator": "name", "size": "bytes", "where": "where",
            "held by": "pinned"}  # fmt: skip
_LARGEST_MOST = 10
_MAKERS = 5  # that are named of some small values
_HELD = {"holder": "short", "is": "is", "job": "job", "node": "node", "objects": "count",
         "size": "bytes"}  # fmt: skip


@click.command(name="memory")
@click.option("--job", default=None, help="Of this job; default: all that are open.")
@looking.looks
def command(*, job: str | None, as_json: bool, session: str, address: str) -> int:
    """Show what is kept in memory: by the function that made it, and by who holds it.

    An object is kept as long as a process, a task that is to take it, or another object holds it.
    A ref that your program still has in a variable is the usual reason.  Of the largest objects
    it is said who: programs with refs, tasks that take them, objects around them, and processes
    that have their bytes mapped.  loom show OBJECT tells of any other.
    """
    from hyperloom.watch import objects  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        jobs = [cluster.job(job)] if job else list(cluster.control_plane.jobs())
        told = objects.memory(cluster, jobs, _LARGEST_MOST)
    if as_json:
        looking.say_json(told)
        return 0
    _show(told)
    return 0


def _show(told: dict[str, Any]) -> None:
    for store in told["stores"]:
        used, most = words.size(store["used"]), words.size(store["capacity"])
        spilled = f", {words.size(store['spilled'])} spilled to disk" if store["spilled"] else ""
        click.echo(f"node {store['node'][:8]} on {store['host']}: {used} of {most} used{spilled}")
    if not told["created"]:
        click.echo("no objects are kept")
        return
    click.echo()
    looking.show_table([{**row, "used": row["in_store"]} for row in told["created"]], _CREATED)
    for row in told["created"]:
        if row.get("some_by"):
            click.echo(_who_made(row))
    click.echo()
    looking.show_table(told["held"], _HELD)
    click.echo()
    looking.show_table(told["largest"], _LARGEST)


def _who_made(row: dict[str, Any]) -> str:
    """Of some small values, which were looked at."""
    made = list(row["some_by"].items())
    more = f", {len(made) - _MAKERS} others the rest" if len(made) > _MAKERS else ""
    by = ", ".join(f"{name} made {number:,}" for name, number in made[:_MAKERS]) + more
    return (
        f"{row['name']}: of {sum(row['some_by'].values()):,} looked at {by}; loom ls objects "
        f"--job {row['job']} --filter name={made[0][0]} lists all of one"
    )
