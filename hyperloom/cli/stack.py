"""``loom stack``: what the threads of workers do now."""

from __future__ import annotations

import click

from hyperloom.cli import looking


@click.command(name="stack")
@click.argument("id_", metavar="[ID]", required=False)
@click.option("--native", is_flag=True, help="With native frames: by py-spy on the nodes.")
@looking.looks
def command(*, id_: str | None, native: bool, as_json: bool, session: str, address: str) -> int:
    """Show the Python stacks of workers: all, or those of a task, actor, plan, job, node.

    Asked of the workers themselves, so no rights are needed and nothing is stopped.  A worker that
    is in native code without giving up the GIL cannot answer; with --native py-spy looks at it from
    outside, if it is installed on the worker's node and its user may (root, or ptrace allowed).
    """
    from hyperloom.watch import stacks  # noqa: PLC0415

    with looking.cluster_at(address, session) as cluster:
        told = stacks.stacks(cluster, cluster.find(id_) if id_ else None, native=native)
    if as_json:
        looking.say_json(told)
        return 0
    say = looking.console().print
    for worker in told:
        does = worker["task"] or worker["state"]
        say(f"[bold]worker {worker['pid']}[/] on node {worker['node'][:8]}: ", end="")
        say(does, markup=False)
        silent = "  it does not answer: native code? Try loom stack --native"
        say(worker["told"] if worker["told"] is not None else silent, markup=False)
    if not told:
        say("no worker is there")
    return 0
