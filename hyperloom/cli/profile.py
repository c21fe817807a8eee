"""``loom profile``: where the time of running tasks goes."""

from __future__ import annotations

import json
from pathlib import Path

import click

from hyperloom.cli import looking, words


@click.command(name="profile")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--seconds", default=5.0, show_default=True, help="Look for so long.")
@click.option(
    "-o", "--output", default="profile.speedscope.json", show_default=True, metavar="FILE",
    help="Where to write it.",
)  # fmt: skip
@looking.looks
def command(  # noqa: PLR0913 - the options of the command
    *, id_: str | None, seconds: float, output: str, as_json: bool, session: str, address: str
) -> int:
    """Look at the stacks of workers a hundred times a second, and write a profile of them.

    All workers, or those of a task, actor, plan, job or node.  Open the file in https://www.speedscope.app.
    Workers look at themselves: that costs them about a hundredth of their time.
    """
    from hyperloom.watch import stacks  # noqa: PLC0415

    if not 0 < seconds <= _LONGEST_S:
        raise click.UsageError(f"--seconds {seconds:g} cannot be; from above 0 to {_LONGEST_S}")
    with looking.cluster_at(address, session) as cluster:
        told = stacks.profile(cluster, cluster.find(id_) if id_ else None, seconds)
    if as_json:
        click.echo(json.dumps(told))
        return 0
    Path(output).write_text(json.dumps(told))
    number = len(told["profiles"])
    click.echo(
        f"{words.count(number, 'worker')} over {seconds:g} s in {output}; open it in "
        "https://www.speedscope.app"
    )
    return 0


_LONGEST_S = 600
