"""What is recorded: as it was, in order, bounded, and counted when it went."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hyperloom.gcs import codes
from hyperloom.watch.history import History
from hyperloom.watch.retold import answer
from hyperloom.watch.samples import Sample
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from pathlib import Path

JOB, OTHER = b"JOB1", b"JOB2"


def entry(n: int, kind: bytes = codes.RAN, payload: bytes = b"payload") -> tuple[bytes, Event]:
    return b"%d-0" % (1000 * n), Event(float(n), kind, payload)


def test_what_is_added_is_read_again(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite", write=True)
    opened = entry(1, codes.OPENED, b'{"pid": 7}')
    history.add(JOB, [opened, entry(2)])
    history.add(OTHER, [entry(3)], dropped=4)
    assert history.seen() == {JOB: b"2000-0", OTHER: b"3000-0"}
    counts = b"template" + codes.DONE + b"000000000012"
    history.add(JOB, [entry(4), entry(5, codes.ENDED, counts)])
    reader = History(tmp_path / "h.sqlite")
    assert list(reader.entries(JOB))[:3] == [opened, entry(2), entry(4)]
    assert next(reader.entries(JOB, b"2000-0")) == entry(4)
    assert next(reader.entries(JOB, b"3000-9")) == entry(4)
    jobs = reader.jobs()
    assert jobs[JOB]["about"] == {"pid": 7}
    assert (jobs[JOB]["opened"], jobs[JOB]["ended"], jobs[JOB]["state"]) == (1.0, 5.0, "ended")
    assert (jobs[OTHER]["state"], jobs[OTHER]["dropped"]) == ("lost", 4)
    assert reader.counts(JOB)[b"template"]["done"] == 12
    assert reader.counts(OTHER) == {}
    assert history.seen() == {OTHER: b"3000-0"}
    reader.close()
    history.close()


def sample(at: float) -> Sample:
    return Sample(at, "node", "host", 12.5, 1, 2, 3, 4, 5, 6)


def test_how_busy_nodes_were_is_kept_by_time(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite", write=True)
    history.sample([sample(at) for at in (3.0, 1.0, 2.0, 9.0)])
    assert history.samples(2.0, 5.0) == [sample(2.0), sample(3.0)]
    history.trim(0)
    assert history.samples(0.0, 10.0) == []
    history.close()


def test_it_is_told_part_by_part(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite", write=True)
    told = [entry(n, payload=os.urandom(400)) for n in range(1, 11)]
    history.add(OTHER, [entry(0)])
    history.add(JOB, told)
    parts: list[list[tuple[int, bytes, float, bytes, bytes]]] = []
    after = 0
    while part := answer(history, ["entries", JOB, after, b"-"], most_bytes=1000):
        assert isinstance(part, list)
        parts.append(part)
        after = part[-1][0]
    assert [len(part) for part in parts] == [2] * 5
    assert [row[1] for part in parts for row in part] == [name for name, _ in told]
    assert answer(history, ["entries", JOB, 0, b"-"], most_bytes=1) == parts[0][:1], "at least one"
    assert answer(history, ["entries", JOB, 0, told[7][0]]) == parts[4]
    history.sample([sample(at) for at in (3.0, 1.0, 2.0, 9.0)])
    rows = answer(history, ["samples", 1.0, 3.0, 0])
    assert rows == [(n, *sample(at)) for n, at in ((1, 3.0), (2, 1.0), (3, 2.0))]
    assert answer(history, ["samples", 1.0, 3.0, 2]) == rows[2:]
    assert answer(history, ["jobs"]) == history.jobs()
    assert answer(history, ["counts", JOB]) == history.counts(JOB)
    assert answer(history, ["status"]) is None, "that is the node's to answer"
    history.close()


def test_it_stays_below_its_limit_and_what_is_over_goes_first(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite", write=True)
    most = 300_000
    for n in range(400):
        history.add(JOB, [entry(2 * n, payload=os.urandom(1000))])
        history.add(OTHER, [entry(2 * n + 1, payload=os.urandom(1000))])
    history.add(JOB, [entry(9999, codes.ENDED, b"")])
    history.trim(most)
    left = {job: len(list(history.entries(job))) for job in (JOB, OTHER)}
    dropped = {job: about["dropped"] for job, about in history.jobs().items()}
    assert {job: left[job] + dropped[job] for job in left} == {JOB: 401, OTHER: 400}
    assert left[JOB] == 0
    assert 0 < left[OTHER] < 400
    history.trim(0)
    assert list(history.entries(OTHER)) == []
    history.close()


def test_a_file_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        History(tmp_path / "h.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_something_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "h.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(OSError, match="cannot be opened"):
        History(tmp_path / "h.sqlite", write=True)


PLAN, LATER = JOB + b"plan-1", JOB + b"plan-2"


def planned(n: int, plan: bytes, told: bytes) -> tuple[bytes, Event]:
    return entry(n, codes.PLANNED, plan + told)


def test_of_a_plan_the_latest_that_was_told_is_kept(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite", write=True)
    history.add(JOB, [planned(1, PLAN, b"one"), planned(2, LATER, b"two")])
    history.sum_up(PLAN, b"what it came to")
    (later, first) = history.plans(JOB)
    assert [(each.plan, each.told, each.summary) for each in (later, first)] == [
        (LATER, b"two", b""), (PLAN, b"one", b"what it came to"),
    ]  # fmt: skip
    assert history.plan(PLAN) == first
    history.add(JOB, [planned(3, PLAN, b"run again")])
    again = history.plan(PLAN)
    assert again is not None
    assert (again.told, again.summary) == (b"run again", b""), "that is another plan to sum up"
    assert (history.plans(OTHER), history.plan(OTHER + b"plan-1")) == ([], None)
    assert answer(history, ["plans", JOB, None]) == history.plans(JOB)
    assert answer(history, ["plans", JOB, None], most_bytes=1) == [later], "at least one"
    assert answer(history, ["plans", JOB, later.number]) == [again]
    assert answer(history, ["plan", PLAN]) == [again]
    assert answer(history, ["plan", OTHER + b"plan-1"]) == [], "it knows that there is none"
    history.close()


def test_plans_of_a_job_that_is_over_are_summed_up_before_an_entry_of_it_goes(
    tmp_path: Path,
) -> None:
    history = History(tmp_path / "h.sqlite", write=True)
    for job in (JOB, OTHER):
        history.add(job, [planned(1, job + b"plan-1", b"told"), *[entry(n) for n in range(2, 9)]])
    history.add(JOB, [entry(9, codes.ENDED, b"")])
    asked: list[tuple[bytes, int]] = []

    def before(job: bytes) -> None:
        asked.append((job, len(list(history.entries(job)))))
        history.sum_up(PLAN, b"summary")

    for _ in range(2):
        history.trim(8 * 4096, before)  # the empty tables take no less
    assert list(history.entries(JOB)) == []
    assert asked == [(JOB, 9)], "all of them were there, and nobody asks again"
    kept = history.plan(PLAN)
    assert kept is not None
    assert kept.summary == b"summary"
    history.trim(0, before)
    assert history.plans(JOB) == history.plans(OTHER) == []
    history.close()


def test_the_oldest_plans_go_when_they_take_too_much(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite", write=True)
    ids = [JOB + b"%06d" % n for n in range(450)]
    history.add(JOB, [planned(n, plan, os.urandom(1000)) for n, plan in enumerate(ids, 1)])
    history.trim(8 * 260_000)  # an eighth is for plans
    assert [each.plan for each in history.plans(JOB)] == ids[:-251:-1]
    history.close()


def test_a_history_that_was_written_before_plans_were_is_read_and_goes_on(tmp_path: Path) -> None:
    history = History(tmp_path / "h.sqlite", write=True)
    history.add(JOB, [entry(1)])
    history._db.execute("DROP TABLE plans")
    history.close()
    reader = History(tmp_path / "h.sqlite")
    assert (reader.plans(JOB), reader.plan(PLAN)) == ([], None)
    assert list(reader.entries(JOB)) == [entry(1)]
    reader.close()
    history = History(tmp_path / "h.sqlite", write=True)
    history.add(JOB, [planned(2, PLAN, b"told")])
    assert [each.told for each in history.plans(JOB)] == [b"told"]
    history.close()
