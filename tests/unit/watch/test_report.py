"""Reports: figures that add up, and a page in which nothing of a user's is markup."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom import events
from hyperloom.events import Ended, Ran, run_of
from hyperloom.gcs import codes
from hyperloom.watch.cut_off import GOES_ON, CutOff
from hyperloom.watch.figures import BINS, figures
from hyperloom.watch.nodes_report import section
from hyperloom.watch.report import report
from hyperloom.watch.samples import Sample
from hyperloom.watch.story import Event
from hyperloom.watch.timeline import trace

if TYPE_CHECKING:
    from collections.abc import Iterator

EVIL = "<script>alert('x')</script>"
JOB = b"JOB1"


def told() -> Iterator[Event]:
    rows = b""
    for n in range(100):
        task = JOB + b"driver" + n.to_bytes(6, "big")
        ended = Ended.FAILED if n == 99 else Ended.DONE
        rows += events.ROW.pack(task, b"somekin%d" % (n % 2), 1, ended, 1000 + n, 0.5, 10)
    run = run_of(7, rows, {99: ("app", f"Bad: {EVIL}")})
    first, last = (JOB + b"driver" + n.to_bytes(6, "big") for n in (0, 99))
    yield Event(1000.0, codes.SUBMITTED, first + last)
    fetches = [(JOB + b"driver" + n.to_bytes(6, "big"), n) for n in (3, 5)]
    told = b"".join([
        events.FETCH.pack(task, b"somekin1", 1, 900.0, 0.25 * n, 1 << 20) for task, n in fetches
    ])  # fmt: skip
    yield Event(0.0, codes.RAN, events.encode(Ran(b"node-one", [run], told)))


def name(somekine: bytes) -> str:
    return f"{EVIL} {somekine.decode()}"


def test_figures_add_up() -> None:
    found = figures(told(), name)
    assert (found.began, found.length_s, found.attempts) == (1000, 99.5, 100)
    assert sum(found.ended) == 100
    (shares,) = found.busy.values()
    assert sum(shares) * 99.5 / BINS == pytest.approx(50, abs=0.01)
    assert max(shares) <= 1
    assert [len(group.seconds) for group in found.groups] == [50, 50]
    assert found.groups[0].box() == (0.5, 0.5, 0.5, 0.5, 0.5)
    assert (found.pending[0], found.pending[-1]) == (100, 1)
    assert found.pending == sorted(found.pending, reverse=True)
    (error,) = found.errors
    assert (error["name"], error["kind"], error["count"]) == (name(b"somekin1"), "Bad", 1)
    groups = {group.name: group for group in found.groups}
    fetched = groups[name(b"somekin1")]
    assert (fetched.fetching, fetched.fetched_bytes) == ([0.75, 1.25], 2 << 20)
    other = groups[name(b"somekin0")]
    assert (other.fetching, sum(other.queued)) == ([], sum(range(0, 100, 2)))


def test_what_comes_and_is_over_at_once_was_pending() -> None:
    """A long task decides how long a bin is: many short ones begin and end within the first."""
    first, last, long = (JOB + b"driver" + n.to_bytes(6, "big") for n in (0, 49, 50))
    rows = b"".join(
        events.ROW.pack(
            JOB + b"driver" + n.to_bytes(6, "big"), b"somekind", 1, Ended.DONE, 1000.0, 0.1, 10
        )
        for n in range(50)
    )
    rows += events.ROW.pack(long, b"somekind", 1, Ended.DONE, 1000.0, 120.0, 10)
    said = [Event(1000.0, codes.SUBMITTED, pair) for pair in (first + last, long + long)]
    ran = events.encode(Ran(b"node-one", [run_of(7, rows, {})], b""))
    found = figures([*said, Event(1120.0, codes.RAN, ran)], name)
    assert found.pending == [51] + [1] * (BINS - 1)


def test_what_runs_now_was_busy_until_now() -> None:
    """One that a node said to run and that its event says has ended is not counted twice."""
    task, over = (JOB + b"driver" + n.to_bytes(6, "big") for n in (200, 99))
    now = [
        CutOff(each, b"somekin1", 1, 1090.0, 20.0, b"node-two", 9, GOES_ON) for each in (task, over)
    ]
    found = figures(told(), name, now)
    assert [each.task for each in found.running] == [task]
    assert (found.began, found.length_s, found.cut_off) == (1000, 110.0, [])
    groups = {group.name: group for group in found.groups}
    of_it = groups[name(b"somekin1")]
    assert (of_it.running, of_it.cut_off, len(of_it.seconds)) == ([20.0], [], 50)
    assert of_it.total_s == pytest.approx(45)
    busy = found.busy[b"node-two".hex(), 9]
    assert sum(busy) * 110 / BINS == pytest.approx(20)
    (slice_,) = [
        each for each in trace(told(), name, now)["traceEvents"]
        if each.get("args", {}).get("ended") == "RUNNING"
    ]  # fmt: skip
    assert (slice_["dur"], slice_["tid"], "cname" in slice_) == (20e6, 9, False)


class FakeCluster:
    live = history = None  # it knows no plans

    def is_open(self, _: bytes) -> bool:
        return False

    def events(self, _: bytes) -> Iterator[Event]:
        return told()

    def samples(self, began: float, ended: float) -> list[Sample]:
        mib = 1 << 20
        return [
            Sample(at, "ab" * 8, EVIL, 50, 3 * mib, 4 * mib, mib, 0, at_ * mib, 2 * mib)
            for at_, at in enumerate((began, (began + ended) / 2, ended))
        ]

    def name(self, _: bytes, somekine: bytes) -> str:
        return name(somekine)


def test_the_page_needs_nothing_and_escapes_everything() -> None:
    about: dict[str, Any] = {
        "program": EVIL, "job": "4a4f4231", "opened": 1000.0, "state": "ended", "submitted": 100,
        "done": 99, "failed": 1, "cancelled": 0, "retried": 0,
    }  # fmt: skip
    none = {"cancelled": 0, "retried": 0}
    rows = [
        {"name": name(b"somekin%d" % n), "submitted": 50, "done": 50 - n, "failed": n, **none}
        for n in range(2)
    ]
    page = report(FakeCluster(), JOB, about, rows)  # type: ignore[arg-type]
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert re.findall(r"(?:src|href)=", page) == []
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert page.count("<svg") == page.count("</svg>") == 5
    assert "at most 100" in page
    (axis,) = re.findall(r"<g class=axis>.*?</g>", _page_of(_ran_for(0.02, 0.2, 0.4)))
    assert ">100 ms</text>" in axis, "a scale says how long that is"
    (row,) = re.findall(r"<tr><th>abababab on.*?</tr>", page)
    assert re.findall(r"<td>(.*?)</td>", row) == ["50 %", "3 MiB", "1 MiB", "0 B", "2 MiB", "0 B"]
    assert len(re.findall("<polyline", page)) == 4
    assert "default-src 'none'" in page
    (row,) = re.findall(r"<td>2</td><td>2 MiB</td>.*?</tr>", page)
    assert re.findall(r"<td>(.*?)</td>", row) == ["2", "2 MiB", "1.0 s", "1.2 s"]


def test_a_page_says_that_nothing_was_fetched() -> None:
    alone = [event for event in told() if event.kind == codes.SUBMITTED]
    (moved,) = [line for line in _page_of(alone).splitlines() if "had to fetch" in line]
    assert moved == "<p>No task had to fetch an input from another node.</p>"


def _ran_for(*seconds: float) -> list[Event]:
    rows = b"".join([
        events.ROW.pack(JOB + b"driver%06d" % n, b"somekin0", 1, Ended.DONE, 1000.0, each, 0)
        for n, each in enumerate(seconds)
    ])  # fmt: skip
    return [Event(0.0, codes.RAN, events.encode(Ran(b"node-one", [run_of(7, rows)])))]


def _page_of(told: list[Event]) -> str:
    class Few(FakeCluster):
        def events(self, _: bytes) -> Iterator[Event]:
            return iter(told)

    counts = dict.fromkeys(("submitted", "done", "failed", "cancelled", "retried"), 0)
    about = {"program": "", "job": "", "opened": None, "state": "ended", **counts}
    return report(Few(), JOB, about, [])  # type: ignore[arg-type]


def test_a_run_without_events_has_a_page_too() -> None:
    assert figures([], name).length_s == 0
    assert figures([], name).groups == []


def test_without_samples_the_page_says_so() -> None:
    class Nothing(FakeCluster):
        def samples(self, began: float, ended: float) -> list[Sample]:
            del began, ended
            return []

    assert "No figures were recorded" in section(Nothing(), 0.0, 1.0)  # type: ignore[arg-type]
