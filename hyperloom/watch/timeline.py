"""A job's attempts as a trace: Chrome's format, which Perfetto and speedscope read too.

A process of the trace is a node, a thread a worker.  An arrow leads from the end of what made an
input to the beginning of what took it, as far as events tell of inputs (the first few of each).
What was cut off ends where it was (`hyperloom.watch.cut_off`), and what runs at this moment now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import events, ids
from hyperloom.events import Ended
from hyperloom.gcs import codes
from hyperloom.watch.cut_off import GOES_ON, CutOff, cut_off

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hyperloom.watch.story import Event

_US = 1e6
_COLOURS = {Ended.FAILED: "terrible", Ended.RETRIED: "bad", Ended.PASSED_ON: "grey"}
_CUT_OFF_COLOUR = "yellow"
_CANCELLED_COLOUR = "grey"


def trace(
    told: Iterable[Event], name_of: Callable[[bytes], str], now: Iterable[CutOff] = ()
) -> dict[str, Any]:
    """The trace of these events and of what runs `now` (`hyperloom.watch.at_work`).

    `name_of` says what a template's function is called.
    """
    told = list(told)
    ended = [
        attempt
        for event in told
        if event.kind == codes.RAN
        for attempt in events.attempts(event.payload)
    ]
    over = {(attempt.task, attempt.attempt) for attempt in ended}
    cut = cut_off(told, ended)
    cut += [each for each in now if (each.task, each.attempt) not in over]
    ran = sorted((each for each in ended if each.begun), key=lambda attempt: attempt.begun)
    every: list[events.Attempt | CutOff] = [*ran, *cut]
    every.sort(key=lambda attempt: attempt.begun)
    nodes = {node: at for at, node in enumerate(dict.fromkeys(a.node for a in every), 1)}
    start = every[0].begun if every else 0.0
    shown = [*_titles(every, nodes), *[_slice(each, nodes, start, name_of) for each in cut]]
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


def _titles(
    ran: list[events.Attempt | CutOff], nodes: dict[bytes, int]
) -> Iterator[dict[str, Any]]:
    for node, number in nodes.items():
        about = {"name": f"node {node.hex()[:8]}"}
        yield {"ph": "M", "name": "process_name", "pid": number, "tid": 0, "args": about}
    for node, pid in dict.fromkeys((attempt.node, attempt.pid) for attempt in ran):
        about = {"name": f"worker {pid}"}
        yield {"ph": "M", "name": "thread_name", "pid": nodes[node], "tid": pid, "args": about}


def _slice(
    ran: events.Attempt | CutOff,
    nodes: dict[bytes, int],
    start: float,
    name_of: Callable[[bytes], str],
) -> dict[str, Any]:
    about: dict[str, Any] = {"task": ids.short(ran.task), "attempt": ran.attempt}
    if isinstance(ran, CutOff):
        runs = ran.why == GOES_ON
        cut = {"ended": "CUT_OFF", "error": f"cut off: {ran.why}"}
        about |= {"ended": "RUNNING"} if runs else cut
        colour: str | None = None if runs else _CUT_OFF_COLOUR
    else:
        about |= {"ended": ran.ended.name, "bytes": ran.output_bytes}
        if ran.error is not None:
            about["error"] = ran.error.text
        cancelled = ran.error is not None and ran.error.is_cancelled
        colour = _CANCELLED_COLOUR if cancelled else _COLOURS.get(ran.ended)
    shown = {
        "ph": "X", "name": name_of(ran.template), "cat": "task", "pid": nodes[ran.node],
        "tid": ran.pid, "ts": (ran.begun - start) * _US, "dur": ran.seconds * _US, "args": about,
    }  # fmt: skip
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
