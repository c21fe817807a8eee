"""What the control plane knows of the cluster's nodes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs import keys, members
from hyperloom.nearest import did_you_mean
from hyperloom.resources import ResourceSet
from hyperloom.symbols.names import RESERVED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.session import Session


def nodes(session: Session) -> list[dict[str, Any]]:
    """See `hyperloom.nodes`."""
    reply = session.outbox.call("node_list", namespace=keys.CLUSTER)
    result = list(members.of(reply))
    for fields in result:
        fields["symbols"] = ResourceSet(fields.get("resources", {})).symbols()
        for name in ("resources", "free"):
            fields[name] = ResourceSet(fields.get(name, {})).as_dict()
        fields["free"] = dict.fromkeys(fields["resources"], 0.0) | fields["free"]
    return result


def total(session: Session, what: str) -> dict[str, float]:
    """The sum of `what` over the nodes that are alive."""
    sums: dict[str, float] = {}
    for node in nodes(session):
        if node["alive"]:
            for name, amount in node[what].items():
                sums[name] = round(sums.get(name, 0) + amount, 4)
    return sums


def table(rows: list[dict[str, Any]]) -> str:
    """The nodes as a table for a notebook."""
    heads = ("node", "host", "state", "free", "memory free", "object store free")
    lines = [
        (
            node["node"][:8],
            str(node.get("host", "")),
            "alive" if node["alive"] else "lost",
            ", ".join(
                f"{node['free'].get(name, 0):g} of {amount:g} {name}"
                for name, amount in node["resources"].items()
                if name != "memory"
            ),
            _bytes(node["free"].get("memory", 0), node["resources"].get("memory", 0)),
            _bytes(node["store"]["capacity"] - node["store"]["used"], node["store"]["capacity"])
            if "store" in node
            else "",
        )
        for node in rows
    ]  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in line)}</tr>" for line in lines
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _bytes(free: float, capacity: float) -> str:
    return f"{free / 2**30:.1f} of {capacity / 2**30:.1f} GiB"


def refuse_unless_known(session: Session, symbols: Sequence[str], name: str) -> None:
    """See to it that tasks which need these symbols have somewhere to run.

    Raises:
        UnknownSymbol: no node that is alive has all of them.
    """
    if not symbols:
        return
    alive = [node["symbols"] for node in nodes(session) if node["alive"]]
    if any(set(symbols).issubset(there) for there in alive):
        return
    known = sorted({symbol for there in alive for symbol in there})
    lacking = [symbol for symbol in symbols if symbol not in known]
    if not lacking:
        raise errors.UnknownSymbol(
            f"{name} needs {', '.join(symbols)} on one node, and no node has all of them. Nothing "
            "was submitted"
        )
    meant = did_you_mean(lacking[0], known)
    there = f"There are: {', '.join(known)}. " if known else ""
    if lacking[0].startswith(RESERVED):
        raise errors.UnknownSymbol(
            f"{lacking[0]!r} is a name of HyperLoom itself: what comes with it is called by "
            "hyperloom.tasks, such as tasks.merge(…). Nothing was submitted"
        )
    raise errors.UnknownSymbol(
        f"no node has {lacking[0]!r}, which {name} needs.{meant} {there}Nothing was submitted. "
        "Install the package that has it on a node and start that node again"
    )
