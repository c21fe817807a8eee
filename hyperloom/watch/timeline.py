"""A job's attempts as a trace: Chrome's format, which Perfetto and speedscope read too.

A process of the trace is a node, a thread a worker.  An arrow leads from the end of what made an
input to the beginning of what took it, as far as events tell of inputs (the first few of each).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import events, ids
from hyperloom.events import Ended
from hyperloom.gcs import codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hyperloom.watch.story import Event

_US = 1e6
_COLOURS = {Ended.FAILED: "terrible", Ended.RETRIED: "bad", Ended.PASSED_ON: "grey"}


def trace(told: Iterable[Event], name_of: Callable[[bytes], str]) -> dict[str, Any]:
    """The trace of these events; `name_of` says what a template's function is called."""
    ran = [
        attempt
        for event in told
        if event.kind == codes.RAN
        for attempt in events.attempts(event.payload)
        if attempt.begun
    ]
    ran.sort(key=lambda attempt: attempt.begun)
    nodes = {node: at for at, node in enumerate(dict.fromkeys(a.node for a in ran), 1)}
    start = ran[0].begun if ran else 0.0
    shown = [*_titles(ran, nodes)]
    ends: dict[bytes, events.Attempt] = {}
    arrow = 0
    for attempt in ran:
        shown.append(_slice(attempt, nodes, start, name_of))
        for maker in attempt.inputs:
            made = ends.get(maker)
            if made is not None:
                arrow += 1
                shown += _arrow(arrow, made, attempt, nodes, start)
        if attempt.ended is Ended.DONE:
            ends[attempt.task] = attempt
    return {"traceEvents": shown, "displayTimeUnit": "ms", "otherData": {"began": start}}


def _titles(ran: list[events.Attempt], nodes: dict[bytes, int]) -> Iterator[dict[str, Any]]:
    for node, number in nodes.items():
        about = {"name": f"node {node.hex()[:8]}"}
        yield {"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": about}
    for node, pid in dict.fromkeys((attempt.node, attempt.pid) for attempt in ran):
        about = {"name": f"worker {pid}"}
        yield {"ph": "M", "name": "thread_name", "pid": nodes[node], "tid": pid, "args": about}


def _slice(
    ran: events.Attempt, nodes: dict[bytes, int], start: float, name_of: Callable[[bytes], str]
) -> dict[str, Any]:
    about: dict[str, Any] = {
        "task": ids.short(ran.task), "attempt": ran.attempt, "ended": ran.ended.name,
        "bytes": ran.output_bytes,
    }  # fmt: skip
    if ran.error is not None:
        about["error"] = ran.error.text
    shown = {
        "ph": "X", "name": name_of(ran.template), "cat": "task", "pid": nodes[ran.node],
        "tid": ran.pid, "ts": (ran.begun - start) * _US, "dur": ran.seconds * _US, "args": about,
    }  # fmt: skip
    colour = _COLOURS.get(ran.ended)
    return {**shown, "cname": colour} if colour else shown


def _arrow(
    number: int,
    made: events.Attempt,
    took: events.Attempt,
    nodes: dict[bytes, int],
    start: float,
) -> list[dict[str, Any]]:
    common = {"name": "input", "cat": "input", "id": number}
    # Inside the slice that made it, or no viewer binds the arrow to it.
    end = (made.begun + made.seconds - start) * _US
    return [
        {**common, "ph": "s", "pid": nodes[made.node], "tid": made.pid, "ts": end},
        {
            **common, "ph": "f", "bp": "e", "pid": nodes[took.node], "tid": took.pid,
            "ts": (took.begun - start) * _US,
        },
    ]  # fmt: skip
