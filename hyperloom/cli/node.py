"""``loom node``: one node of the cluster, wherever it is."""

from __future__ import annotations

import click

from hyperloom import errors
from hyperloom.cli import looking
from hyperloom.cli.words import Number

_DIGITS = 4  # of an id, at least


@click.group(name="node")
def command() -> None:
    """Do something with one node of the cluster."""


@command.command(name="drain")
@click.argument("id_", metavar="ID")
@click.option(
    "--timeout", type=Number(), help="Seconds for what runs; then it runs again elsewhere."
)
@click.option(
    "--force",
    is_flag=True,
    help="Even if jobs end by it, or objects that only it has are lost.",
)
@looking.looks
def drain(  # noqa: PLR0913 - one for each option
    *, id_: str, timeout: float | None, force: bool, as_json: bool, session: str, address: str
) -> int:
    """Take a node out of the cluster without losing anything, and wait until it has left.

    It takes no new work, finishes what runs, hands back what it has not begun, has other nodes take
    the objects that only it has, and lets its actors start again elsewhere, which uses up none
    of their restarts.
    """
    from hyperloom.node import draining  # noqa: PLC0415

    _check(id_)
    with looking.cluster_at(address, session) as cluster:
        found = cluster.find(id_)
        if found.kind != "node":
            raise errors.NotFound(f"{id_!r} is a {found.kind}, no node; see loom ls nodes")
        told = (lambda _: None) if as_json else click.echo
        wire = cluster.control_plane.wire
        draining.drain(wire, found.id, timeout, force=force, told=told)
    if as_json:
        looking.say_json({"node": found.id.hex(), "left": True})
    else:
        click.echo(f"node {found.id.hex()[:8]} has left")
    return 0


def _check(id_: str) -> None:
    """It takes a node away from everybody, so what could be a slip of the finger is refused.

    Raises:
        errors.NotFound: it is not the beginning of a node's id, or too little of it.
    """
    if set(id_.lower()) - set("0123456789abcdef"):
        raise errors.NotFound(
            f"{id_!r} is no node's id, which has hexadecimal digits only; nothing was drained: "
            "see loom ls nodes"
        )
    if len(id_) < _DIGITS:
        raise errors.NotFound(
            f"{id_!r} is too little of a node's id to take that node away; nothing was drained: "
            f"give its first {_DIGITS} digits at least, as loom ls nodes shows them"
        )
