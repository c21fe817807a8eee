"""``loom profile``: where the time of running tasks goes."""

from __future__ import annotations

import json

import click

from hyperloom.cli import looking, words


@click.command(name="profile")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--seconds", default=5.0, show_default=True, help="Look for so long.")
@click.option(
    "-o", "--output", metavar="FILE",
    help="Where to write it.  [default: profile.speedscope.json; with --json only if named]",
)  # fmt: skip
@looking.looks
def command(  # noqa: PLR0913 - the options of the command
    *,
    id_: str | None,
    seconds: float,
    output: str | None,
    as_json: bool,
    session: str,
    address: str,
) -> int:
    """Look at the stacks of workers a hundred times a second, and write a profile of them.

    All workers, or those of a task, actor, plan, job or node.  Open the file in https://www.speedscope.app.
    Workers look at themselves: that costs them about a hundredth of their time.
    """
    from hyperloom.watch import stacks  # noqa: PLC0415

    if not 0 < seconds <= _LONGEST_S:
        raise click.UsageError(f"--seconds {seconds:g} cannot be; from above 0 to {_LONGEST_S}")
    file = looking.Output(output, "profile.speedscope.json", as_json=as_json)
    with looking.cluster_at(address, session) as cluster:
        told = stacks.profile(cluster, cluster.find(id_) if id_ else None, seconds)
    if not file.wanted:
        click.echo(json.dumps(told))
        return 0
    number = len(told["profiles"])
    file.write(
        json.dumps(told),
        f"{words.count(number, 'worker')} over {seconds:g} s in {file.name}; open it in "
        "https://www.speedscope.app",
        workers=number, seconds=seconds,
    )  # fmt: skip
    return 0


_LONGEST_S = 600
