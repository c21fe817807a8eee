"""``loom submit``: hand a program to a node that runs here or elsewhere, and go home."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyperloom.cli import looking, words

if TYPE_CHECKING:
    from hyperloom.node.handing import Desk

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
@click.option(
    "--address", default="", help="Of the cluster's control plane, if it is not this machine's."
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.argument("command_", metavar="-- COMMAND...", nargs=-1, type=click.UNPROCESSED)
def command(**options: Any) -> int:  # noqa: ANN401 - click's options
    """Run a program on a node of the cluster, in a copy of the working directory.

    \b
    loom submit -- python train.py --epochs 3
    loom submit --logs last -f
    loom submit --address redis://head:6390 -- python train.py

    It runs on this machine's node, or with --address (or LOOM_ADDRESS) on the head of the cluster
    there, which is given the directory through the control plane.  It goes on when the terminal
    is closed, and ends with the node (loom stop).  The directory is copied without .git, virtual
    environments and caches, up to 100 MiB.  ID may be last.
    """  # noqa: D301 - click's mark must be the character itself
    from hyperloom.config import Config  # noqa: PLC0415
    from hyperloom.node.handing import Handing  # noqa: PLC0415

    if not any(options[name] for name in ("listing", "logs", "stopped")):
        options["env"] = _checked(options)
    handing = Handing(Config.load(), options["address"])
    if not handing:
        raise looking.NothingRuns(
            "no node of yours runs here; start one: loom start --head, or name the cluster that "
            "the program is for: --address or LOOM_ADDRESS"
        )
    with handing as desk:
        return _done(desk, options)


def _checked(options: dict[str, Any]) -> dict[str, str]:
    """The variables for the program, if it can be submitted at all."""
    if not options["command_"]:
        raise click.UsageError("there is no command; write loom submit -- python script.py")
    if not Path(options["directory"]).is_dir():
        raise click.UsageError(f"there is no directory {options['directory']!r}")
    pairs = [text.partition("=") for text in options["env"]]
    for text, (name, sign, _) in zip(options["env"], pairs, strict=True):
        if not (name and sign):
            raise click.UsageError(f"--env {text!r} is no variable; write NAME=VALUE")
    return {name: value for name, _, value in pairs}


def _done(desk: Desk, options: dict[str, Any]) -> int:
    if options["listing"]:
        _list(desk.all(), as_json=options["as_json"])
        return 0
    if options["logs"] is not None:
        known = desk.find(options["logs"])
        return _show(desk, known["id"], follow=options["follow"], as_json=options["as_json"])
    if options["stopped"] is not None:
        return _stop(desk, options["stopped"], as_json=options["as_json"])
    return _submit(desk, options)


def _stop(desk: Desk, named: str, *, as_json: bool) -> int:
    before = desk.find(named)
    desk.stop(before["id"])
    known = desk.find(before["id"])
    if as_json:
        looking.say_json(known)
    elif before["state"] == "RUNNING":
        click.echo(f"{known['id']} was ended")
    else:
        click.echo(f"{known['id']} was over already: {before['state']}")
    return 0


def _submit(desk: Desk, options: dict[str, Any]) -> int:
    directory = Path(options["directory"]).resolve()
    new, left = desk.submit(options["command_"], directory, options["env"])
    if left:
        click.echo(
            f"loom: left out, since they mean nothing there: {', '.join(left)} (sockets, pipes; "
            "on another machine also links that lead out of the directory)",
            err=True,
        )
    if options["wait"]:
        return _show(desk, new["id"], follow=True, as_json=options["as_json"])
    if options["as_json"]:
        looking.say_json(new)
    else:
        click.echo(f"submitted {new['id']}; see its output: loom submit --logs {new['id']} -f")
    return 0


def _list(known: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        looking.say_json(known)
    elif not known:
        click.echo("nothing was submitted")
    else:
        rows = [
            {**each, "at": each["submitted"], "program": " ".join(each["command"])}
            for each in known
        ]
        looking.show_table(rows, _COLUMNS)


def _show(desk: Desk, named: str, *, follow: bool, as_json: bool) -> int:
    """Its output; with `follow` until it ends: then its exit code."""
    at, texts = 0, list[bytes]()
    while True:
        known, text, following = desk.read(named, at)
        if gone := following - len(text) - at:
            click.echo(
                f"loom: {words.size(gone)} that it printed are gone (LOOM_LOG_BYTES)", err=True
            )
        at = following
        if as_json:
            texts.append(text)
        else:
            click.echo(text, nl=False)
        if text:
            continue  # there may be more
        if known["state"] != "RUNNING" or not follow:
            if as_json:
                looking.say_json({**known, "text": b"".join(texts).decode(errors="replace")})
            code = known["exit_code"] or 0
            return (128 - code if code < 0 else code) if follow else 0
        time.sleep(desk.look_s)
