"""Why an object is not there yet, in sentences, asked of the control plane.

The rule: a task that waits is no answer.  Its inputs are followed, from each task to the first
thing that it lacks, until one is found that does not wait for another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom.core.cluster import nodes
from hyperloom.ids import OBJECT_BYTES, cut, short, task_of
from hyperloom.resources import ResourceSet, of_node, of_symbols
from hyperloom.specs import decode_template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hyperloom.core.session import Session

_NAMED = 3  # inputs that a waiting task's line names
_STEPS = 200  # from a waiting task to what it waits for; each costs a call
_TOLD = 3  # of a long way, this many tasks at either end


class Stand(NamedTuple):
    """Where a task stands, as ``task_where`` tells it."""

    state: str
    detail: str
    name: str  # empty if the task is over or unknown
    lacks: list[bytes]


def where(session: Session, tasks: Sequence[bytes], lacks: int = 0) -> list[Stand]:
    """Where each task stands, with the first `lacks` inputs that it waits for."""
    answers = session.outbox.call("task_where", lacks, *tasks)
    stands = []
    for at in range(0, len(answers), 4):
        state, detail, body, missing = answers[at : at + 4]
        name = decode_template(body).name if body else ""
        inputs = cut(missing, OBJECT_BYTES)
        stands.append(Stand(state.decode(), detail.decode(), name, inputs))
    return stands


def explain(session: Session, oids: Sequence[bytes]) -> list[str]:
    """Lines about each object; indented below it, what its task waits for."""
    ways = [[oid] for oid in oids]
    stands: dict[bytes, Stand] = {}
    seen = set(oids)
    growing = ways
    for _ in range(_STEPS):
        if not growing:
            break
        last = [way[-1] for way in growing]
        tasks = [task_of(oid) for oid in last]  # type: ignore[arg-type]
        stands.update(zip(last, where(session, tasks, _NAMED), strict=True))
        growing = [way for way in growing if _grows(way, stands[way[-1]].lacks, seen)]
    return [line for way in ways for line in _lines(session, way, stands)]


def _grows(way: list[bytes], lacks: Sequence[bytes], seen: set[bytes]) -> bool:
    """Whether the way leads on, to what it or another has not come by yet."""
    if not lacks or lacks[0] in seen:
        return False
    seen.add(lacks[0])
    way.append(lacks[0])
    return True


def _lines(session: Session, way: Sequence[bytes], stands: Mapping[bytes, Stand]) -> list[str]:
    known = [oid for oid in way if oid in stands]  # the last is not, after too many steps
    hidden = len(known) - 2 * _TOLD
    if hidden > 0:
        known = [*known[:_TOLD], *known[-_TOLD:]]
    lines = [_line(session, oid, stands[oid]) for oid in known]
    if hidden > 0:
        lines.insert(_TOLD, f"… ({hidden} more, each of which waits for the next)")
    return [f"{'  ' * depth}{line}" for depth, line in enumerate(lines)]


def _line(session: Session, oid: bytes, stand: Stand) -> str:
    says = _SENTENCES[stand.state](session, stand)
    return f"ObjectRef({short(oid)}) of task {stand.name or '?'} {says}"


def _waits(_: Session, stand: Stand) -> str:
    named = ", ".join([f"ObjectRef({short(oid)})" for oid in stand.lacks])
    more = int(stand.detail) - len(stand.lacks)
    rest = f" and {more} more" if named and more > 0 else ""
    return f"waits for {stand.detail} of its inputs{named and ': '}{named}{rest}"


def _ready(session: Session, stand: Stand) -> str:
    priority, _, shape = stand.detail.partition("|")
    asked = ResourceSet.parse(shape)
    first = f" at priority {priority}" if priority != "0" else ""
    says = f"is ready{first} and waits for a node with {asked.describe()} free"
    alive = [node for node in nodes(session) if node["alive"]]
    offers = [_all_of(node) for node in alive]
    if any(asked.fits_in(offer) for offer in offers):
        return says
    least = min((asked.missing_from(offer) for offer in offers), key=_kinds, default=asked)
    return f"{says}; no node has that much in all: {least.describe()} missing"


def _all_of(node: dict[str, Any]) -> ResourceSet:
    return ResourceSet.of(node["resources"]) + of_node(node["node"]) + of_symbols(node["symbols"])


def _held(_: Session, stand: Stand) -> str:
    return f"was taken by node {stand.detail[:8]}, which runs it or soon will"


def _over(_: Session, __: Stand) -> str:
    return "is over; its result is on its way"


def _unknown(_: Session, __: Stand) -> str:
    return "is not known to the control plane"


def _kinds(amounts: ResourceSet) -> int:
    return len(amounts.items())


_SENTENCES: dict[str, Callable[[Session, Stand], str]] = {
    "WAITING": _waits,
    "READY": _ready,
    "HELD": _held,
    "OVER": _over,
    "UNKNOWN": _unknown,
}
