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
from hyperloom.watch.history import FILE, History, place
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from pathlib import Path

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


def run(pid: int, rows: list[Any]) -> Run:
    packed = [
        ROW.pack(task(number), template, 1, ended, begun, seconds, 8)
        for number, template, ended, begun, seconds, _, _ in rows
    ]
    errors = {n: ("app", f"Bad: {n}", "a.py:1 in f") for n, row in enumerate(rows) if row[6]}
    inputs = {n: b"".join(map(task, row[5])) for n, row in enumerate(rows) if row[5]}
    return events.run_of(pid, b"".join(packed), errors, inputs)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from([b"node-one", b"node-two"]), RUNS), max_size=5))
def test_columns_and_single_attempts_agree(entries: list[tuple[bytes, list[Any]]]) -> None:
    tail = Tail(JOB)
    attempts = []
    for node, runs in entries:
        payload = events.encode(Ran(node, [run(pid, rows) for pid, rows in runs]))
        tail._take(Names(), Event(1.0, codes.RAN, payload))  # type: ignore[arg-type]
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


class Stream:
    """A control plane that keeps the last few entries of a job's events."""

    def __init__(self) -> None:
        self.kept: list[tuple[bytes, Event]] = []

    def oldest(self, _: bytes) -> bytes | None:
        return self.kept[0][0] if self.kept else None

    def entries(self, _: bytes, after: bytes) -> list[tuple[bytes, Event]]:
        return [each for each in self.kept if after == b"-" or place(each[0]) > place(after)]


class Recorded:
    """A cluster with both; it counts how often the history is read."""

    def __init__(self, file: Path) -> None:
        self.live = Stream()
        self._written = History(file, write=True)
        self._read = History(file)
        self.looks = 0

    @property
    def history(self) -> Recorded:
        return self

    def entries(self, job: bytes, after: bytes) -> list[tuple[bytes, Event]]:
        self.looks += 1
        return list(self._read.entries(job, after))

    def name(self, _: bytes, template: TemplateID) -> str:
        return template.hex()

    def tell(self, *numbers: int, kind: bytes = codes.RAN) -> None:
        for n in numbers:
            row = (n, TEMPLATES[0], Ended.DONE, 100.0 + n, 0.25, [], False)
            payload = events.encode(Ran(b"node-one", [run(7, [row])]))
            entry = b"%d-0" % n, Event(1.0, kind, payload if kind == codes.RAN else b"")
            self._written.add(JOB, [entry])
            self.live.kept = [*self.live.kept, entry][-3:]

    def close(self) -> None:
        self._written.close()
        self._read.close()


def test_what_the_stream_lost_while_nobody_looked_is_read_from_the_history(tmp_path: Path) -> None:
    """A job that ran on unseen would have a gap, as if its workers had been idle."""
    cluster = Recorded(tmp_path / FILE)
    tail = Tail(JOB)
    cluster.tell(1, 2)
    tail.catch_up(cluster)  # type: ignore[arg-type]
    cluster.tell(3, 4)
    tail.catch_up(cluster)  # type: ignore[arg-type]
    assert cluster.looks == 1, "the stream has all that came"
    cluster.tell(*range(5, 12))
    tail.catch_up(cluster)  # type: ignore[arg-type]
    assert (tail.done, len(tail.bars), cluster.looks) == (11, 11, 2)
    cluster.tell(12, 13)
    cluster.tell(14, kind=codes.ENDED)
    cluster.live.kept = []  # the job is over, and its stream with it
    for _ in range(2):
        tail.catch_up(cluster)  # type: ignore[arg-type]
    assert (tail.done, cluster.looks) == (13, 3), "and after its end nothing more comes"
    cluster.close()


def test_much_is_read_in_parts_and_nothing_twice(tmp_path: Path) -> None:
    """1. Ten attempts; the stream has the last three.  2. Four are read.  3. Two more happen."""
    cluster = Recorded(tmp_path / FILE)
    cluster.tell(*range(1, 11))
    tail = Tail(JOB)
    told = []
    for _ in range(4):
        tail.catch_up(cluster, 4)  # type: ignore[arg-type]
        told.append((tail.behind, tail.done))
        if len(told) == 1:
            cluster.tell(11, 12)
    assert told == [(True, 4), (True, 8), (True, 12), (False, 12)]
    assert len({tail.bars.task(n) for n in range(len(tail.bars))}) == 12
    cluster.tell(13)
    tail.catch_up(cluster)  # type: ignore[arg-type]
    assert (tail.behind, tail.done) == (False, 13)
    cluster.close()
