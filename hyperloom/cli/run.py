"""``loom run``: a script, or one function of it, on the node that runs here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from hyperloom.cli.main import NOTHING_RUNS


@click.command(
    name="run", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.option("--address", default="auto", help="Another control plane than this machine's node's.")
@click.argument("script")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(*, address: str, script: str, arguments: tuple[str, ...]) -> int:
    """Run a Python script connected to the node that runs here; its exit code is this one's.

    \b
    loom run script.py --its --own arguments
    loom run script.py::function --argument value

    A function is called with the arguments given by name, as numbers where they look like it; a
    task is run on the cluster.  What it returns is printed.
    """  # noqa: D301 - click's mark must be the character itself
    from hyperloom.config import Config  # noqa: PLC0415
    from hyperloom.node import folder  # noqa: PLC0415

    path, _, function = script.partition("::")
    if not Path(path).is_file():
        raise click.UsageError(f"there is no script {path!r}")
    if address == "auto" and folder.current_session(Config.load()) is None:
        click.echo(
            "loom: error: no node of yours runs here; start one with loom start --head, or run "
            f"the script with a node of its own: python {path}",
            err=True,
        )
        return NOTHING_RUNS
    command = [sys.executable, path]
    if function:
        command = [sys.executable, "-m", "hyperloom.cli.function", path, function]
    os.environ["LOOM_ADDRESS"] = address
    return _become([*command, *arguments])


def _become(command: list[str]) -> NoReturn:
    """Run in our place: its signals, terminal and exit code are then its own."""
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - no shell is what we want
