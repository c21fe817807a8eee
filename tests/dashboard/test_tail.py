"""Attempts that are taken as columns are the same as those taken one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hyperloom import events
from hyperloom.dashboard import bars, stream
from hyperloom.dashboard.tail import Tail
from hyperloom.events import ROW, Ended, Ran, Run
from hyperloom.gcs import codes
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from hyperloom.ids import TemplateID

JOB = b"job1"


class Names:
    """A cluster, as far as names go."""

    history = live = None

    def name(self, _: bytes, template: TemplateID) -> str:
        return template.hex()


# Also templates that end in zeros, which numpy takes for padding.
TEMPLATES = [b"template", b"temp\0\0\0\0", bytes(8)]
ROWS = st.tuples(
    st.integers(1, 400), st.sampled_from(TEMPLATES), st.sampled_from(Ended),
    st.sampled_from([0.0, 100.0, 101.5]), st.sampled_from([0.0, 0.25, 2.0]),
    st.lists(st.integers(1, 400), max_size=3), st.booleans(),
)  # fmt: skip
RUNS = st.lists(st.tuples(st.integers(1, 3), st.lists(ROWS, max_size=8)), max_size=4)


def task(number: int) -> bytes:
    return number.to_bytes(16, "big")


def run_of(pid: int, rows: list[Any]) -> Run:
    packed = [
        ROW.pack(task(number), template, 1, ended, begun, seconds, 8)
        for number, template, ended, begun, seconds, _, _ in rows
    ]
    errors = {n: ("app", f"Bad: {n}", "a.py:1 in f") for n, row in enumerate(rows) if row[6]}
    inputs = {n: b"".join(map(task, row[5])) for n, row in enumerate(rows) if row[5]}
    return Run(pid, b"".join(packed), errors, inputs)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from([b"node-one", b"node-two"]), RUNS), max_size=5))
def test_columns_and_single_attempts_agree(entries: list[tuple[bytes, list[Any]]]) -> None:
    tail = Tail(JOB)
    attempts = []
    for number, (node, runs) in enumerate(entries):
        payload = events.encode(Ran(node, [run_of(pid, rows) for pid, rows in runs]))
        tail._take(Names(), b"%d-0" % number, Event(1.0, codes.RAN, payload))  # type: ignore[arg-type]
        attempts += list(events.attempts(payload))
    ran = [each for each in attempts if each.begun and each.ended is not Ended.PASSED_ON]
    assert len(tail.bars) == len(ran)
    assert tail.mean_s() == {
        name: sum(times) / len(times)
        for name in {each.template.hex() for each in ran}
        if (times := [each.seconds for each in ran if each.template.hex() == name])
    }
    if ran:
        assert tail.first == min(each.begun for each in ran)
        assert tail.last == max(each.begun + each.seconds for each in ran)
    seen = stream.view(tail.bars, 0, 1000, 100)
    shown = [
        (seen["lanes"][lane], seen["names"][name], began, took, ended, named)
        for lane, name, began, took, ended, named in seen["bars"]
    ]
    assert shown == [
        (
            f"{each.node.hex()[:8]} {each.pid}", each.template.hex(), each.begun, each.seconds,
            bars.ENDED[{Ended.FAILED: 1, Ended.RETRIED: 2}.get(each.ended, 0)], each.task.hex(),
        )
        for each in ran
    ]  # fmt: skip
    failed = [e for e in attempts if e.error is not None and e.ended is not Ended.PASSED_ON]
    assert sum(group["count"] for group in tail.errors.rows()) == len(failed)
    last = {each.task: each.template.hex() for each in attempts}
    assert all(tail.past.name(each) == name for each, name in last.items())
    over = {each.task for each in attempts if each.ended not in {Ended.RETRIED, Ended.REDIRECTED}}
    assert tail.past.singly is not None
    assert set(tail.past.singly) == over
