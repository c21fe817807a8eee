"""``loom kill``: an actor shall end, whoever made it."""

from __future__ import annotations

import click

from hyperloom import errors
from hyperloom.cli import looking


@click.command(name="kill")
@click.argument("id_", metavar="ACTOR")
@looking.looks
def command(*, id_: str, as_json: bool, session: str, address: str) -> int:
    """End an actor for good, a detached one, too: at once, whatever it does.

    ACTOR is its id, or the name that it was given: loom ls actors shows both.  Calls that it has
    not answered fail with ActorDied, and its name is free.
    """
    from hyperloom import ids  # noqa: PLC0415
    from hyperloom.gcs import cancelling  # noqa: PLC0415
    from hyperloom.watch import actors  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        found = cluster.find(id_)
        name = actors.class_of(cluster, found)
        if name is None:
            raise errors.NotFound(
                f"{id_!r} is no actor that lives: loom ls actors shows those that do. Nothing was "
                "ended"
            )
        wire, actor = cluster.control_plane.wire, found.id[: ids.TASK_BYTES]
        killed = cancelling.kill_actor(wire, found.job, actor, name)
    if as_json:
        looking.say_json({"killed": killed})
    else:
        click.echo(f"actor {name} ({ids.short(actor)}) was killed")
    return 0
