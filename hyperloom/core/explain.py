"""Why an object is not there yet, in sentences, asked of the control plane.

The rule: a task that waits is no answer.  Its inputs are followed, from each task to the first
thing that it lacks, until one is found that does not wait for another.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import bundles, failures, specs, why
from hyperloom.core.cluster import nodes
from hyperloom.gcs import codes, groups, keys, standing
from hyperloom.ids import TASK_BYTES, TaskID, object_id, short, task_of
from hyperloom.resources import ResourceSet
from hyperloom.specs import CALL_QUEUE, decode_template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hyperloom.core.session import Session

_ANSWER_S = 1.0  # who asks has waited already
_NAMED = 3  # inputs that a waiting task's line names
_STEPS = 200  # from a waiting task to what it waits for; each costs a call
_TOLD = 3  # of a long way, this many tasks at either end


class Stand(NamedTuple):
    """Where a task stands, as ``task_where`` tells it."""

    state: str
    detail: str
    name: str  # its function's; empty if the task is over or unknown
    lacks: list[bytes]
    role: specs.Role = ""
    label: str = ""
    becomes: str = ""  # of one that is ready: FAILED or CANCELLED, as the input of `lacks` did

    def known_as(self) -> str:
        """What people are told that it is called."""
        return failures.known_as(self.label, self.name)


def where(session: Session, tasks: Sequence[bytes], lacks: int = 0) -> list[Stand]:
    """Where each task stands, with the first `lacks` inputs that it waits for."""
    answers = session.outbox.call("task_where", lacks, *tasks)
    stands = []
    for at in range(0, len(answers), 5):
        state, detail, body, missing, label = answers[at : at + 5]
        of = decode_template(body) if body else None
        lacking, becomes = codes.lacked(missing)
        stands.append(
            Stand(
                state.decode(), detail.decode(), of.name if of else "",
                lacking, of.role if of else "", label.decode(errors="replace"), becomes,
            )
        )  # fmt: skip
    return stands


def explain(session: Session, oids: Sequence[bytes]) -> list[str]:
    """Lines about each object; indented below it, what its task waits for."""
    if not session.outbox.answers(_ANSWER_S):
        return [f"nobody can say why: the control plane at {session.address} does not answer"]
    ways = [[oid] for oid in oids]
    stands: dict[bytes, Stand] = {}
    seen = set(oids)
    at_actors: dict[bytes, Any] = {}
    growing = ways
    for _ in range(_STEPS):
        if not growing:
            break
        last = [way[-1] for way in growing]
        tasks = [task_of(oid) for oid in last]  # type: ignore[arg-type]
        new = dict(zip(last, where(session, tasks, _NAMED), strict=True))
        stands.update(new)
        at_actors |= _at_actors(session, new)
        growing = [way for way in growing if _grows(way, _next(way[-1], new, at_actors), seen)]
    return [line for way in ways for line in _lines(session, way, stands, at_actors)]


def _next(
    oid: bytes, stands: Mapping[bytes, Stand], at_actors: Mapping[bytes, Any]
) -> Sequence[bytes]:
    """What its task lacks, or, of a call that waits in a `get`, what it has called."""
    called = getattr(at_actors.get(oid[:TASK_BYTES]), "called", b"")
    return [object_id(TaskID(called), 0)] if called else stands[oid].lacks


def _at_actors(session: Session, stands: Mapping[bytes, Stand]) -> dict[bytes, Any]:
    """How far actors are with calls, and with themselves."""
    asked = {
        oid[:TASK_BYTES]: stand.detail if stand.state == "HELD" else ""
        for oid, stand in stands.items()
        if (stand.role and stand.state == "HELD")
        or (stand.role == "call" and stand.state == "READY" and not stand.lacks)
    }
    if not asked:
        return {}
    return standing.at_address(session.address, session.namespace, asked, session.process)


def _grows(way: list[bytes], lacks: Sequence[bytes], seen: set[bytes]) -> bool:
    """Whether the way leads on, to what it or another has not come by yet."""
    if not lacks or lacks[0] in seen:
        return False
    seen.add(lacks[0])
    way.append(lacks[0])
    return True


def _lines(
    session: Session,
    way: Sequence[bytes],
    stands: Mapping[bytes, Stand],
    at_actors: Mapping[bytes, Any],
) -> list[str]:
    known = [oid for oid in way if oid in stands]  # the last is not, after too many steps
    hidden = len(known) - 2 * _TOLD
    if hidden > 0:
        known = [*known[:_TOLD], *known[-_TOLD:]]
    tasks = [oid[:TASK_BYTES] for oid in way]
    lines = []
    for oid in known:
        at_actor = at_actors.get(oid[:TASK_BYTES])
        at_actor = standing.in_circle(at_actor, tasks[: tasks.index(oid[:TASK_BYTES])])
        lines.append(_line(session, oid, stands[oid], at_actor))
    if hidden > 0:
        lines.insert(_TOLD, f"… ({hidden} more, each of which waits for the next)")
    return [f"{'  ' * depth}{line}" for depth, line in enumerate(lines)]


def _line(session: Session, oid: bytes, stand: Stand, at_actor: Any) -> str:  # noqa: ANN401
    reason = why.decide(replace(_facts(session, stand), stands=at_actor))
    advice = f". To do: {reason.advice}" if reason.why is why.Why.ITSELF else ""
    if stand.role == "actor":
        return f"actor {stand.name} ({short(oid[:TASK_BYTES])}) {reason.says}{advice}"
    return f"ObjectRef({short(oid)}) of task {stand.known_as() or '?'} {reason.says}{advice}"


def _facts(session: Session, stand: Stand) -> why.Facts:
    match stand.state:
        case "WAITING":
            lacks = [f"ObjectRef({short(oid)})" for oid in stand.lacks]
            return why.Facts(state="WAITING", lacks=lacks, missing=int(stand.detail))
        case "READY" if stand.detail == CALL_QUEUE:
            return why.Facts(state="READY", actor="its actor", missing=len(stand.lacks))
        case "READY" if stand.becomes:
            lacks = [f"ObjectRef({short(stand.lacks[0])})"]
            return why.Facts(state="READY", lacks=lacks, becomes=stand.becomes)
        case "READY":
            priority, shape, *_ = stand.detail.split("|")
            asked = ResourceSet.parse(shape)
            there = [why.told(about) for about in nodes(session)]
            group = _group(session, asked, there)
            return why.Facts(
                state="READY", asked=asked, priority=int(priority), nodes=there,
                group_state=group.state, group_fits=group.fits,
            )  # fmt: skip
        case "HELD":
            there = [why.told(about) for about in nodes(session)]
            return why.Facts(state="HELD", holder=stand.detail, nodes=there)
        case _:
            return why.Facts(state=stand.state)


def _group(session: Session, asked: ResourceSet, there: Sequence[why.Node]) -> groups.Standing:
    """Of the placement group in which what asks for this is to run, if there is one."""
    group = bundles.group_of(name for name, _ in asked.items())
    if not group:
        return groups.Standing("", fits=True)
    call = partial(session.outbox.call, namespace=keys.CLUSTER)
    return groups.standing(call, group, [node.total for node in there if node.alive])
