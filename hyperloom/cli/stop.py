"""``loom stop``: end nodes that ``loom start`` made."""

from __future__ import annotations

import click


@click.command(name="stop")
@click.option("--all", "everything", is_flag=True, help="End all nodes of yours on this machine.")
@click.option("--force", is_flag=True, help="Kill them: running tasks are not waited for.")
def command(*, everything: bool, force: bool) -> int:
    """End the node that `loom start` made last, and its control plane if it is a head.

    Waits for the end; nothing is left but logs, and the data of a head started with --dir.
    Tasks that programs on this machine submitted end with it.  Nodes of other users and
    embedded ones are never touched.
    """
    from hyperloom.config import Config  # noqa: PLC0415
    from hyperloom.node import folder, head  # noqa: PLC0415

    config = Config.load()
    running = [session for session in folder.started_sessions(config) if folder.runs(session)]
    current = folder.current_session(config)
    chosen = running if everything else [session for session in running if session == current]
    for session in chosen:
        head.stop(session, force=force)
        click.echo(f"Stopped {session.name}; its logs are in {session}")
    if not chosen:
        click.echo("No node of yours runs here.")
    left = len(running) - len(chosen)
    if left:
        click.echo(f"{left} more of yours still run here; end them with loom stop --all")
    return 0
