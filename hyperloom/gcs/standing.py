"""How far actors are with their calls, for who explains why one is not over.

The control plane knows which calls wait in lanes, and which nodes have the others; what runs, and
what waits behind it there, only these nodes know.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hyperloom import errors, specs
from hyperloom.gcs import asking, codes, keys
from hyperloom.gcs.wire import Wire
from hyperloom.ids import PROCESS_BYTES, TASK_BYTES, cut, short
from hyperloom.why import AtActor, Rests

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from hyperloom.gcs.address import Address

_ANSWER_S = 0.5  # nobody waits longer for an explanation
_LOOKED_AT = 10_000  # calls of a lane, from its front


def at_address(
    address: Address, ns: str, calls: Mapping[bytes, str], asker: bytes
) -> dict[bytes, Any]:
    """As `of`; nothing of any if the control plane does not answer."""
    with suppress(errors.LoomError):
        wire = Wire(address)
        try:
            return of(wire, ns, calls, asker)
        finally:
            wire.close()
    return {}


def of(
    wire: Wire, ns: str, calls: Mapping[bytes, str], asker: bytes = b""
) -> dict[bytes, AtActor | Rests]:
    """How these stand, as far as that is known.

    Args:
        wire: a connection to the control plane.
        ns: the job's namespace.
        calls: calls, and actors whose constructor is not over; of each the node that holds it,
            in hexadecimal, or nothing: it waits in a lane.
        asker: the process that waits for them; when it is an actor's, it may wait for itself.
    """
    ask: dict[bytes, tuple[bytes, str]] = {}  # what to ask a node about instead
    lanes: dict[bytes, tuple[int, bytes]] = {}
    for task, node in calls.items():
        ask[task] = (task, node)
        if not node:
            found = _in_lane(wire, ns, task)
            if found is not None:
                actor, home, lanes[task] = found
                ask[task] = (actor, home)
    answers = _answers(wire, list(ask.values()))
    told = {
        task: _stands(task, answers[about], lanes.get(task, (0, b"")), asker)
        for task, about in ask.items()
        if answers.get(about) is not None
    }
    for task, stands in told.items():
        if isinstance(stands, AtActor) and stands.runs and stands.blocked:
            known = stands.inner or stands.waits
            told[task] = stands if known else replace(stands, called=_called(wire, ns, task))
    return told


def in_circle(stands: AtActor | Rests | None, before: Collection[bytes]) -> Any:  # noqa: ANN401
    """The same, of a call that is waited for by the tasks `before`, in turn."""
    if not isinstance(stands, AtActor):
        return stands
    if stands.runs:
        return replace(stands, circle=bool(stands.waits) and stands.called in before)
    runs_above = set(stands.ids).intersection(before)
    all_of_them = len(runs_above) == len(stands.ids) + stands.more
    circle = bool(runs_above) and (all_of_them or not stands.many)
    return replace(stands, circle=circle and not stands.is_inner)


def _called(wire: Wire, ns: str, task: bytes) -> bytes:
    """The first task that it has submitted and that is not over, if there is one."""
    children = cut(wire.call("HGET", keys.CHILDREN.name(ns), task) or b"", TASK_BYTES)
    children = children[-_LOOKED_AT:]
    if not children:
        return b""
    records = wire.call("HMGET", keys.TASK.name(ns), *children)
    alive = (child for child, record in zip(children, records, strict=True) if record)
    return next(alive, b"")


def _in_lane(wire: Wire, ns: str, call: bytes) -> tuple[bytes, str, tuple[int, bytes]] | None:
    """A call's actor, and the node where that lives; and the calls before it in its lane.

    Of these how many they are, and the first, if that lacks an input.
    """
    record = wire.call("HGET", keys.TASK.name(ns), call)
    if not record:
        return None
    actor = specs.actor_of(record)
    host = wire.call("HGET", keys.HOST.name(ns), actor)
    lane = keys.LANE.name(ns, actor + call[:PROCESS_BYTES])
    at = wire.call("LPOS", lane, call, "MAXLEN", _LOOKED_AT)
    if not host or at is None:
        return None
    first = (wire.call("LINDEX", lane, 0) or b"")[:TASK_BYTES]
    lacks = bool(at) and wire.call("HEXISTS", keys.WAIT.name(ns), first)
    return actor, host[: codes.NODE_ID].hex(), (int(at), first if lacks else b"")


def _answers(wire: Wire, asked: list[tuple[bytes, str]]) -> dict[tuple[bytes, str], Any]:
    found: dict[tuple[bytes, str], Any] = {}
    for node in dict.fromkeys(node for _, node in asked if node):
        name = bytes.fromhex(node)
        tasks = [task for task, of in asked if of == node]
        told = asking.ask(wire, [name], ["stands", tasks], _ANSWER_S)
        found |= dict(zip([(task, node) for task in tasks], told.get(name, ()), strict=False))
    return found


def _stands(
    task: bytes, told: dict[str, Any], lane: tuple[int, bytes], asker: bytes
) -> AtActor | Rests:
    if "rests" in told:
        return Rests(told["rests"], told["seconds"])
    running = [f"{name} ({short(of)})" for name, of in told["running"]]
    inner, (before, first) = told["inner"], lane
    waits = told.get("waits", b"")
    waits_here = told["own"] and not told["runs"] and task[:PROCESS_BYTES] == asker
    return AtActor(
        pid=told["pid"],
        runs=told["runs"],
        before=told["before"] + before,
        lacking=short(first) if first else "",
        waits=short(waits) if waits else "",
        called=waits[:TASK_BYTES] or first,
        running=running,
        more=told["number"] - len(running),
        seconds=told["seconds"],
        blocked=told["blocked"] or bool(waits),
        many=told["many"],
        inner=f"{inner[0]} ({short(inner[1])})" if inner else "",
        ids=[of for _, of in told["running"]],
        is_inner=waits_here or (bool(inner) and inner[1] == task),
    )
