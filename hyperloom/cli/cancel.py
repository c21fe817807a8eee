"""``loom cancel``: tasks, or all tasks of a plan or a job, are not wanted any more."""

from __future__ import annotations

import click

from hyperloom import errors
from hyperloom.cli import looking, words


@click.command(name="cancel")
@click.argument("id_", metavar="ID")
@click.option("--force", is_flag=True, help="Kill the worker of a task that runs, at once.")
@looking.looks
def command(*, id_: str, force: bool, as_json: bool, session: str, address: str) -> int:
    """Cancel a task (or the task that makes an object), or all of a plan or job that are not over.

    Who gets their results sees TaskCancelled.  The program of a plan or job goes on.  An
    actor is no task: loom kill ends one.
    """
    from hyperloom.gcs import cancelling  # noqa: PLC0415
    from hyperloom.watch import actors, plans  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        found = cluster.find(id_)
        live = cluster.control_plane
        if found.kind == "node":
            raise errors.NotFound(f"{id_!r} is a node; loom stop ends nodes of this machine")
        if found.kind == "group":
            raise errors.NotFound(
                f"{id_!r} is a placement group; nothing was cancelled. Its program removes it "
                "(loom.remove_placement_group), and then what waits for it fails"
            )
        if actors.class_of(cluster, found) is not None:
            raise errors.NotFound(f"{id_!r} is an actor, and was not ended; loom kill {id_} does")
        if found.kind == "job":
            told = cancelling.cancel_all(live.wire, found.id, force=force)
        elif found.kind == "plan":
            mine = plans.belonging_to(cluster, found.id)
            told = cancelling.cancel_all(live.wire, found.job, force=force, belongs=mine)
        else:
            told = cancelling.cancel(live.wire, found.job, [found.id[:16]], force=force)
    if as_json:
        looking.say_json(told)
    else:
        click.echo(
            f"{words.count(told['cancelled'], 'task')} cancelled, {told['running']:,} told to "
            f"stop, {told['finished']:,} over already"
        )
    return 0
