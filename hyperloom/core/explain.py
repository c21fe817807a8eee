"""Why an object is not there yet, in a sentence, asked of the control plane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.core.cluster import nodes
from hyperloom.ids import short, task_of
from hyperloom.resources import ResourceSet
from hyperloom.specs import decode_template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.core.session import Session


def explain(session: Session, oids: Sequence[bytes]) -> list[str]:
    """A line for each object."""
    if not oids:
        return []
    tasks = [task_of(oid) for oid in oids]  # type: ignore[arg-type]
    answers = session.outbox.call("task_where", *tasks)
    lines = []
    for at, oid in enumerate(oids):
        state, detail, body = answers[3 * at : 3 * at + 3]
        name = decode_template(body).name if body else "?"
        says = _SENTENCES[state.decode()]
        lines.append(f"ObjectRef({short(oid)}) of task {name} {says(session, detail.decode())}")
    return lines


def _waits(_: Session, lacking: str) -> str:
    return f"waits for {lacking} of its inputs"


def _ready(session: Session, queue: str) -> str:
    priority, _, shape = queue.partition("|")
    asked = ResourceSet.parse(shape)
    first = f" at priority {priority}" if priority != "0" else ""
    says = f"is ready{first} and waits for a node with {asked.describe()} free"
    offers = [ResourceSet.of(node["resources"]) for node in nodes(session) if node["alive"]]
    if any(asked.fits_in(offer) for offer in offers):
        return says
    least = min((asked.missing_from(offer) for offer in offers), key=_kinds, default=asked)
    return f"{says}; no node has that much in all: {least.describe()} missing"


def _held(_: Session, node: str) -> str:
    return f"was taken by node {node[:8]}, which runs it or soon will"


def _over(_: Session, __: str) -> str:
    return "is over; its result is on its way"


def _unknown(_: Session, __: str) -> str:
    return "is not known to the control plane"


def _kinds(amounts: ResourceSet) -> int:
    return len(amounts.items())


_SENTENCES: dict[str, Callable[[Session, str], str]] = {
    "WAITING": _waits,
    "READY": _ready,
    "HELD": _held,
    "OVER": _over,
    "UNKNOWN": _unknown,
}
