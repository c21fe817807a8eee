"""``loom submit``: hand a program to the node that runs here, and go home."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hyperloom.cli import looking
from hyperloom.cli.main import NOTHING_RUNS

if TYPE_CHECKING:
    from hyperloom.node.submissions import Submission

_LOOK_S = 0.1
_COLUMNS = {"id": "id", "state": "state", "exit": "exit_code", "submitted": "at",
            "ended": "ended", "command": "program"}  # fmt: skip


@click.command(name="submit", context_settings={"ignore_unknown_options": True})
@click.option("--dir", "directory", default=".", help="The working directory; it is copied.")
@click.option("--env", "-e", "env", multiple=True, metavar="NAME=VALUE", help="For the program.")
@click.option("--wait", is_flag=True, help="Show its output; its exit code is this one's.")
@click.option("--list", "listing", is_flag=True, help="Show what was submitted.")
@click.option("--logs", default=None, metavar="ID", help="Show what one printed.")
@click.option("-f", "--follow", is_flag=True, help="With --logs: go on until it ends.")
@click.option("--stop", "stopped", default=None, metavar="ID", help="End one.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.argument("command_", metavar="-- COMMAND...", nargs=-1, type=click.UNPROCESSED)
def command(  # noqa: PLR0913 - the options of the command, each with its exit code
    *,
    directory: str,
    env: tuple[str, ...],
    wait: bool,
    listing: bool,
    logs: str | None,
    follow: bool,
    stopped: str | None,
    as_json: bool,
    command_: tuple[str, ...],
) -> int:
    """Run a program on this machine's node, in a copy of the working directory.

    \b
    loom submit -- python train.py --epochs 3
    loom submit --logs last -f

    It goes on when the terminal is closed, and ends with the node (loom stop).  The directory is
    copied without .git, virtual environments and caches, up to 100 MiB.  ID may be last.
    """  # noqa: D301 - click's mark must be the character itself
    from hyperloom.config import Config  # noqa: PLC0415
    from hyperloom.node import folder, submissions  # noqa: PLC0415

    session = folder.current_session(Config.load())
    if session is None:
        click.echo("loom: no node of yours runs here; start one: loom start --head", err=True)
        return NOTHING_RUNS
    if listing:
        _list(submissions.of(session), as_json=as_json)
        return 0
    if logs is not None:
        return _show(session, submissions.find(session, logs), follow=follow)
    if stopped is not None:
        submissions.stop(submissions.find(session, stopped))
        return 0
    if not command_:
        raise click.UsageError("there is no command; write loom submit -- python script.py")
    if not Path(directory).is_dir():
        raise click.UsageError(f"there is no directory {directory!r}")
    new = submissions.submit(session, command_, Path(directory).resolve(), _parsed(env))
    if as_json:
        looking.say_json(new.shown())
    elif not wait:
        click.echo(f"submitted {new.id}; see its output: loom submit --logs {new.id} -f")
    return _show(session, new, follow=True) if wait else 0


def _parsed(env: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in env]
    for text, (name, sign, _) in zip(env, pairs, strict=True):
        if not (name and sign):
            raise click.UsageError(f"--env {text!r} is no variable; write NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _list(known: list[Submission], *, as_json: bool) -> None:
    if as_json:
        looking.say_json([each.shown() for each in known])
    elif not known:
        click.echo("nothing was submitted")
    else:
        rows = [
            {**each.shown(), "at": each.submitted, "program": " ".join(each.command)}
            for each in known
        ]
        looking.show_table(rows, _COLUMNS)


def _show(session: Path, known: Submission, *, follow: bool) -> int:
    """Its output; with `follow` until it ends: then its exit code."""
    from hyperloom.node import submissions  # noqa: PLC0415

    at = 0
    while True:
        known = submissions.find(session, known.id)
        over = known.state != "RUNNING"  # asked before its last words are read
        if known.output.exists():
            with known.output.open("rb") as file:
                file.seek(at)
                text = file.read()
            at += len(text)
            click.echo(text, nl=False)
        if over or not follow:
            code = known.exit_code or 0
            return (128 - code if code < 0 else code) if follow else 0
        time.sleep(_LOOK_S)
