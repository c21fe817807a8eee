"""Traces: slices in their rows, arrows from what made an input to what took it."""

from __future__ import annotations

from hyperloom import events
from hyperloom.events import Ended, Ran, Run, run_of
from hyperloom.gcs import codes
from hyperloom.watch import timeline
from hyperloom.watch.story import Event

TEMPLATE = b"template"
NODES = [b"node-one", b"node-two"]
TASKS = [b"JOB1process" + bytes([0, 0, 0, 0, n]) for n in range(3)]


def row(n: int, begun: float, seconds: float, ended: Ended = Ended.DONE) -> bytes:
    return events.ROW.pack(TASKS[n], TEMPLATE, 1, ended, begun, seconds, 8)


def told(*runs: tuple[bytes, Run]) -> list[Event]:
    return [Event(0.0, codes.RAN, events.encode(Ran(node, [run]))) for node, run in runs]


def test_arrows_lead_along_inputs_also_between_nodes() -> None:
    taker = run_of(8, row(2, 104, 1), {}, {0: TASKS[0] + TASKS[1]})
    shown = timeline.trace(
        told((NODES[1], taker), (NODES[0], run_of(7, row(0, 100, 2) + row(1, 102, 1)))),
        lambda _: "f",
    )["traceEvents"]
    slices = [(e["pid"], e["tid"], e["ts"], e["dur"]) for e in shown if e["ph"] == "X"]
    assert slices == [(1, 7, 0, 2e6), (1, 7, 2e6, 1e6), (2, 8, 4e6, 1e6)]
    arrows = [(e["ph"], e["id"], e["pid"], e["ts"]) for e in shown if e["ph"] in "sf"]
    assert arrows == [("s", 1, 1, 2e6), ("f", 1, 2, 4e6), ("s", 2, 1, 3e6), ("f", 2, 2, 4e6)]
    titles = {e["args"]["name"] for e in shown if e["ph"] == "M"}
    assert titles == {f"node {node.hex()[:8]}" for node in NODES} | {"worker 7", "worker 8"}


def test_failures_have_their_colour_and_what_never_ran_is_left_out() -> None:
    rows = row(0, 100, 1, Ended.FAILED) + row(1, 0, 0, Ended.FAILED)
    run = run_of(7, rows, {0: ("app", "Bad: x")})
    shown = timeline.trace(told((NODES[0], run)), lambda _: "f")["traceEvents"]
    (only,) = [e for e in shown if e["ph"] == "X"]
    assert (only["cname"], only["args"]["error"]) == ("terrible", "Bad: x")


def test_nothing_ran() -> None:
    assert timeline.trace([], lambda _: "f")["traceEvents"] == []
