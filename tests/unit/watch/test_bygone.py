"""Plans that nobody can take up any more, as recorded; also when most of it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from hyperloom import errors, events, ids, specs
from hyperloom.events import ROW, Ended, Ran, run_of
from hyperloom.gcs import codes
from hyperloom.ids import FunctionID
from hyperloom.plan import told
from hyperloom.plan.detaching import About, Record, Run, Span
from hyperloom.watch import bygone, counted, followed, reasons, why_plan
from hyperloom.watch.bygone import Bygone
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.history import FILE, History
from hyperloom.watch.recorder import Recorder
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JOB = bytes.fromhex("0badcafe")
DRIVER = JOB + bytes(6)
PLANS = [JOB + b"plan-%d" % n for n in range(2)]
TEMPLATES = {"f": b"\1" * 8, "g": b"\2" * 8}
FAILED = ("app", "Bad: no", "a.py:1 in f", "as printed", "", "labelled")
PASSED_ON = ("app", "Bad: no", "a.py:1 in f", "", "", "labelled")


def task(number: int) -> bytes:
    return bytes(ids.task_id(ids.ProcessID(DRIVER), number))


def planned(plan: bytes, first: int, last: int, results: Run) -> Event:
    about = About(
        plan.decode(errors="replace")[-6:], last + 1 - first, results.number, "p.py", 7, 98.0
    )
    record = Record((Span(first, last),), (results,), (), process=DRIVER)
    return Event(98.0, codes.PLANNED, plan + told.told(about, record, detached=False))


def counts(**of: tuple[int, int, int, int]) -> bytes:
    what = ("submitted", "done", "failed", "cancelled")
    zero = dict.fromkeys(("retried", "waiting", "failed_items"), 0)
    return counted.payload_of({
        TEMPLATES[name]: {**zero, **dict(zip(what, each, strict=True))} for name, each in of.items()
    })  # fmt: skip


def what_happened() -> list[Event]:
    """Tasks 1 to 4 are the first plan's, of which 3 fails, and 4 with it; 5 to 7 the second's.

    Of these 6 is cancelled, and 7 never ends.  Task 8 is of no plan.
    """
    rows = [
        ROW.pack(task(1), TEMPLATES["f"], 1, Ended.DONE, 100.0, 1.0, 10),
        ROW.pack(task(2), TEMPLATES["g"], 1, Ended.DONE, 101.0, 1.0, 10),
        ROW.pack(task(3), TEMPLATES["f"], 1, Ended.FAILED, 101.0, 0.5, 10),
        ROW.pack(task(4), TEMPLATES["g"], 1, Ended.PASSED_ON, 101.5, 0.0, 10),
        ROW.pack(task(5), TEMPLATES["f"], 1, Ended.DONE, 103.0, 1.0, 10),
        ROW.pack(task(8), TEMPLATES["f"], 1, Ended.DONE, 103.0, 1.0, 10),
    ]
    run = run_of(7, b"".join(rows), {2: FAILED, 3: PASSED_ON}, {1: task(1), 3: task(3)})
    bodies = {
        name: specs.encode_template(specs.Template(FunctionID(bytes(12)), name, 1, 0, 0, ""))
        for name in TEMPLATES
    }
    return [
        Event(97.0, codes.OPENED, b'{"argv": ["p.py"]}'),
        *[Event(97.0, codes.DECLARED, TEMPLATES[name] + body) for name, body in bodies.items()],
        Event(97.5, codes.SUBMITTED, task(1) + task(8)),
        planned(PLANS[0], 1, 4, Run(2, 0, 2, 0, 2)),
        planned(PLANS[1], 5, 7, Run(5, 0, 1, 0, 3)),
        Event(104.0, codes.RAN, events.encode(Ran(b"12345678", [run]))),
        Event(105.0, codes.CANCELLED, task(6) + TEMPLATES["g"]),
        Event(106.0, codes.ENDED, counts(f=(4, 3, 1, 0), g=(4, 1, 1, 1))),
    ]


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    history = History(tmp_path / FILE, write=True)
    history.add(JOB, [(b"%d-0" % n, event) for n, event in enumerate(what_happened(), 1)])
    yield history
    history.close()


@pytest.fixture
def cluster(history: History) -> Cluster:
    return Cluster(None, history)


def look(cluster: Cluster, plan: bytes, *names: str) -> list[Any]:
    about = followed.show(cluster, plan)
    return [about[name] for name in names]


OVER = ("tasks", "tasks_done", "tasks_failed", "tasks_cancelled", "left", "untold")


def test_each_is_told_of_its_own_tasks(cluster: Cluster) -> None:
    one, other = PLANS
    assert look(cluster, one, *OVER) == [4, 2, 2, 0, 0, 0]
    assert look(cluster, other, *OVER) == [3, 1, 0, 1, 1, 0]
    assert look(cluster, one, "there", "failed", "cancelled", "looked_at") == [2, 1, 0, 2]
    assert look(cluster, other, "there", "failed", "cancelled", "looked_at") == [2, 0, 1, 3]
    (failures,) = look(cluster, one, "failures")
    assert failures == [{"name": "labelled", "text": "Bad: no", "results": 1}]
    rows, groups, ended = look(cluster, one, "names", "errors", "ended")
    assert {row["name"]: (row["done"], row["failed"]) for row in rows} == {"f": (1, 1), "g": (1, 1)}
    assert [(group["name"], group["count"]) for group in groups] == [("f", 1)]
    assert ended == 102.0
    drawn = followed.Followed(one).graph(cluster, singly=False)
    names = [box["name"] for box in drawn["boxes"]]
    assert {(names[a], names[b]): n for a, b, n in drawn["arrows"]} == {("f", "g"): 2}


def test_a_table_has_all_of_them_the_latest_first(cluster: Cluster) -> None:
    rows = Bygone().table(cluster, [JOB])
    shown = ("id", "tasks", "left", "there", "failed", "cancelled", "tasks_failed", "told_from")
    assert [[row[name] for name in shown] for row in rows] == [
        [PLANS[1].hex(), 3, 1, 2, 0, 1, 0, "history"],
        [PLANS[0].hex(), 4, 0, 2, 1, 0, 2, "history"],
    ]
    assert [row["told_from_text"] for row in rows] == [bygone.plans.FROM_HISTORY] * 2


def test_who_looks_again_reads_nothing_of_what_cannot_change(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Bygone()
    before = table.table(cluster, [JOB])
    monkeypatch.setattr(Cluster, "events", None)
    assert table.table(cluster, [JOB]) == before


def test_who_looks_while_the_last_events_are_on_their_way_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job is over, and its recorder has not read all of it yet."""
    history = History(tmp_path / "late.sqlite", write=True)
    cluster, table = Cluster(None, history), Bygone()
    told = [(b"%d-0" % n, event) for n, event in enumerate(what_happened(), 1)]
    history.add(JOB, told[:-3])
    counted = [row["tasks_done"] for row in table.table(cluster, [JOB])]
    assert counted == [0, 0]
    history.add(JOB, told[-3:])
    assert [row["tasks_done"] for row in table.table(cluster, [JOB])] == [0, 0], "not so often"
    monkeypatch.setattr(bygone, "_AGAIN_S", 0.0)
    assert [row["tasks_done"] for row in table.table(cluster, [JOB])] == [1, 2]
    history.close()


def test_what_they_came_to_stays_when_the_entries_go(cluster: Cluster, history: History) -> None:
    def all_of_it() -> list[Any]:
        return [
            Bygone().table(cluster, [JOB]),
            *[why_plan.explain(cluster, plan) for plan in PLANS],
            *[look(cluster, plan, *OVER, "failures", "names", "began", "ended") for plan in PLANS],
            *[followed.Followed(plan).graph(cluster, singly=False) for plan in PLANS],
        ]

    before = all_of_it()
    recorder = Recorder.__new__(
        Recorder
    )  # without a control plane, which it needs for nothing here
    recorder._history = history
    history.trim(8 * 4096, recorder._sum_up)
    assert list(history.entries(JOB)) == []
    assert all_of_it() == before


def test_it_is_found_by_the_beginning_of_its_id(cluster: Cluster) -> None:
    assert cluster.find(PLANS[1].hex()).kind == "plan"
    assert cluster.find(PLANS[1].hex()).id == PLANS[1]
    (head,) = why_plan.explain(cluster, PLANS[1])
    assert head["says"] == (
        "is over: 1 of 3 tasks are done, 1 never ended; 1 task was cancelled; told from "
        + bygone.plans.FROM_HISTORY
    )
    with pytest.raises(errors.NotFound, match="nothing of it is recorded"):
        followed.show(cluster, JOB + b"plan-9")


def test_what_never_ran_is_named_if_it_can_be_of_one_function_only(
    cluster: Cluster, history: History
) -> None:
    assert reasons.show(cluster, task(7))["name"] == "g"
    assert reasons.show(cluster, task(9))["name"] == "?", "nobody submitted it"
    history.count(JOB, counts(f=(5, 3, 1, 0), g=(4, 1, 1, 1)))
    assert reasons.show(cluster, task(7))["name"] == "?"
    history.count(JOB, counts(f=(4, 3, 1, 0), g=(4, 1, 1, 1)))
    history.add(JOB, [], dropped=1)
    assert reasons.show(cluster, task(7))["name"] == "?", "its end may be what went"


def test_what_is_told_is_bounded() -> None:
    """However irregular a plan is: of many results the first few are told, and of many spans."""
    runs = tuple(Run(n * n, n % 7, 0, 0, 1) for n in range(100_000))
    spans = tuple(Span(10 * n, 10 * n + 3) for n in range(100_000))
    again = tuple((JOB + b"again%d" % n, spans[:3000]) for n in range(3))
    others = {at: bytes(20) for at in range(100_000)}
    record = Record(spans, runs, (), others, b"p" * 20, "long", again, DRIVER)
    about = About("label", 400_000, 100_000, "p.py", 7, 98.0)
    body = told.told(about, record, detached=True)
    assert len(body) < 200_000
    known = told.decoded(body)
    assert (known.about, known.detached) == (about, True)
    assert known.record == replace(
        record, tasks=spans[:4000], results=runs[:2000], plan=b"", lacks="",
        others={at: bytes(20) for at in range(2000)},
        again=((again[0][0], spans[:3000]), (again[1][0], spans[:1000])),
    )  # fmt: skip
