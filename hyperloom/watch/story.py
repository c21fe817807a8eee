"""The story of one task, put together from the events of its job.  Pure.

Each step has a time, a place where there is one, and what happened.  What was dropped is missing,
and nothing is made up for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom import events
from hyperloom.events import Ended
from hyperloom.gcs import codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Event(NamedTuple):
    """One entry of a job's events."""

    at: float  # seconds since 1970, by the server's clock
    kind: bytes
    payload: bytes


_WORDS = {
    Ended.DONE: "done",
    Ended.FAILED: "failed",
    Ended.RETRIED: "came to nothing",
    Ended.PASSED_ON: "failed with an input",
    Ended.REDIRECTED: "went on as another task",
}


def steps(told: Iterable[Event], task: bytes) -> list[dict[str, Any]]:
    """What happened to the task, in the order of time."""
    told = list(told)
    found: list[dict[str, Any]] = []
    begun: dict[int, dict[str, Any]] = {}  # attempt -> what was told of it before it ended
    entered: tuple[bytes, dict[str, Any]] | None = None
    for event in told:
        if event.kind == codes.SUBMITTED:
            # Of several ranges that it may be in, it is in the one that begins last.
            first, last, parent = events.submitted(event.payload)
            if first <= task <= last and (entered is None or first > entered[0]):
                by = {"by": parent.hex()} if parent else {}
                entered = first, {"at": event.at, "what": "submitted", **by}
        elif task in event.payload:
            found += _of(event, task)
            begun |= _begun(event, task)
    found += [step for attempt, step in begun.items() if attempt not in _attempts(found)]
    if entered is not None:
        found.insert(0, entered[1])
    found += _ready(told, task)
    return sorted(found, key=lambda step: step["at"])


def _attempts(found: list[dict[str, Any]]) -> set[int]:
    """Those of which the beginning is known."""
    return {step["attempt"] for step in found if step["what"] == "began"}


def _begun(event: Event, task: bytes) -> dict[int, dict[str, Any]]:
    if event.kind != codes.RAN:
        return {}
    node = events.ran(event.payload).node.hex()
    return {
        each.attempt: {
            "at": each.at,
            "what": "began",
            "attempt": each.attempt,
            "node": node,
            "pid": each.pid,
        }
        for each in events.begun(event.payload)
        if each.task == task
    }


def _ready(told: list[Event], task: bytes) -> Iterator[dict[str, Any]]:
    """When the last of its inputs was made, of those that its attempts tell of."""
    makers = {
        maker
        for event in told
        if event.kind == codes.RAN and task in event.payload
        for attempt in events.attempts(event.payload)
        if attempt.task == task and attempt.ended is not Ended.PASSED_ON
        for maker in attempt.inputs
    }
    made = [
        attempt
        for event in told
        if event.kind == codes.RAN and any(maker in event.payload for maker in makers)
        for attempt in events.attempts(event.payload)
        if attempt.task in makers and attempt.ended is Ended.DONE
    ]
    if made:
        last = max(made, key=lambda each: each.begun + each.seconds)
        yield {
            "at": last.begun + last.seconds, "what": "its last input was made",
            "node": last.node.hex(), "pid": last.pid, "by": last.task.hex(),
        }  # fmt: skip


def _of(event: Event, task: bytes) -> Iterator[dict[str, Any]]:
    at, kind, payload = event
    if kind == codes.RAN:
        yield from _ran(payload, task)
    elif kind == codes.TAKEN:
        yield from _taken(payload, task)
    elif kind == codes.CANCELLED and task in events.cancelled(payload):
        yield {"at": at, "what": "cancelled"}
    elif kind in {codes.ACTOR_ENDED, codes.CALLS_LOST} and task in payload:
        yield from _with_actor(event, task)
    elif kind in _AT_NODE:
        is_lost = kind == codes.NODE_FAILED
        node, tasks = (events.failed_with_node if is_lost else events.of_node)(payload)
        if task in tasks:
            yield {"at": at, "what": _AT_NODE[kind], "node": node.hex()}


def _ran(payload: bytes, task: bytes) -> Iterator[dict[str, Any]]:
    node = events.ran(payload).node
    for fetch in events.fetches(payload):
        if fetch.task == task:
            yield _fetched(fetch, node)
    for attempt in events.attempts(payload):
        if attempt.task == task:
            yield from _attempt(attempt)


def _taken(payload: bytes, task: bytes) -> Iterator[dict[str, Any]]:
    node, rows = events.taken(payload)
    for each in rows:
        if each.task == task:
            yield {"at": each.at, "what": "taken", "attempt": each.attempt, "node": node.hex()}


def _with_actor(event: Event, task: bytes) -> Iterator[dict[str, Any]]:
    """An actor ended, or its calls were lost."""
    what = error = None
    if event.kind == codes.CALLS_LOST:
        lost = events.calls_lost(event.payload)
        if task in lost.templates:
            what = _MAY_HAVE_RUN if task in lost.may_have_run else _DID_NOT_RUN
            error = lost.error
    elif event.payload.startswith(task):
        what, error = _DEAD, events.actor_ended(event.payload).error
    if error is not None:
        about = {"category": error.category, "text": error.text}
        yield {"at": event.at, "what": what, "error": about}


_MAY_HAVE_RUN = "its actor was lost, and it may have run"
_DID_NOT_RUN = "its actor was lost before it ran"
_DEAD = "the actor ended"
_FAILED = {
    "failed",
    "failed with an input",
    "its node was lost, and no retry was left",
    _MAY_HAVE_RUN,
    _DID_NOT_RUN,
}

_AT_NODE = {
    codes.NODE_LOST: "its node was lost; it is tried again",
    codes.NODE_FAILED: "its node was lost, and no retry was left",
    codes.TOO_LATE: "its result came from a node that was given up, and was thrown away",
}


def _fetched(fetch: events.Fetch, node: bytes) -> dict[str, Any]:
    return {
        "at": fetch.begun + fetch.seconds, "what": "inputs were fetched",
        "attempt": fetch.attempt, "node": node.hex(), "seconds": round(fetch.seconds, 6),
        "bytes": fetch.bytes,
    }  # fmt: skip


def _attempt(ran: events.Attempt) -> Iterator[dict[str, Any]]:
    place = {"attempt": ran.attempt, "node": ran.node.hex(), "pid": ran.pid}
    if ran.begun and ran.ended is not Ended.PASSED_ON:
        yield {"at": ran.begun, "what": "began", **place}
    end: dict[str, Any] = {"at": ran.begun + ran.seconds, "what": _WORDS[ran.ended], **place}
    if ran.error is not None:
        end["error"] = {"category": ran.error.category, "text": ran.error.text}
        if ran.error.origin:
            end["error"]["origin"] = ran.error.origin
        if ran.error.is_cancelled:
            end["what"] = "cancelled"
    if ran.begun:
        end |= {"seconds": round(ran.seconds, 6), "bytes": ran.output_bytes}
    yield end


def going_on(
    told: list[dict[str, Any]], work: dict[str, Any] | None, now: float
) -> list[dict[str, Any]]:
    """The story with what its worker does now; events tell of an attempt when it has ended."""
    what = {"running": "began", "blocked": "waits in get() for tasks of its own"}
    if work is None or work["at"] not in what:
        return told
    if work["at"] == "running" and work["attempt"] in _attempts(told):
        return told  # it has run for a while, and was told of
    step = {
        "at": now - work["seconds"], "what": what[work["at"]], "attempt": work["attempt"],
        "node": work["node"], "pid": work["pid"],
    }  # fmt: skip
    return sorted([*told, step], key=lambda each: each["at"])


def last_error(told: list[dict[str, Any]]) -> str:
    """Of the last attempt that had one."""
    for step in reversed(told):
        if "error" in step:
            return str(step["error"]["text"])
        if step["what"].startswith("its node was lost"):
            return f"its node {step['node'][:8]} was lost"
    return ""


def origin(told: list[dict[str, Any]]) -> str:
    """The task (in hex) whose failure this one passed on; empty: it is its own, or has none."""
    return next((step["error"].get("origin", "") for step in reversed(told) if "error" in step), "")


def ended(told: list[dict[str, Any]]) -> str:
    """DONE, FAILED, CANCELLED or DEAD (an actor) as the events have it; empty: they do not say."""
    for step in reversed(told):
        match step["what"]:
            case "done":
                return "DONE"
            case "cancelled":
                return "CANCELLED"
            case "the actor ended":
                return "DEAD"
            case what if what in _FAILED:
                return "FAILED"
            case (
                "came to nothing"
                | "went on as another task"
                | "its node was lost; it is tried again"
            ):
                return ""
            case _:
                pass
    return ""
