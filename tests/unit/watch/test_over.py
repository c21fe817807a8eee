"""Tasks that are over, of which there may be a million: each once, and only what is shown made."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from hyperloom import events
from hyperloom.events import ROW, Ended, Ran, run_of
from hyperloom.gcs import codes
from hyperloom.watch.over import First, Over
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

JOB = b"job1"
ALL = frozenset({"DONE", "FAILED", "CANCELLED"})
NODE = b"node-one"
STATES = {Ended.DONE: "DONE", Ended.FAILED: "FAILED", Ended.PASSED_ON: "FAILED"}


def task(number: int) -> bytes:
    return number.to_bytes(16, "big")


def template(number: int) -> bytes:
    return b"template" if number % 2 else b"another1"


def ran(rows: Sequence[tuple[int, int, Ended, bool]]) -> Event:
    """Attempts that ended: task, attempt, how, and whether somebody cancelled it."""
    packed = [ROW.pack(task(n), template(n), at, ended, 1.0, 0.5, 8) for n, at, ended, _ in rows]
    why: dict[int, tuple[str, ...]] = {
        at: ("cancelled", "it was cancelled", "") for at, row in enumerate(rows) if row[3]
    }
    return Event(1.0, codes.RAN, events.encode(Ran(NODE, [run_of(7, b"".join(packed), why)])))


def cancelled(numbers: Sequence[int]) -> Event:
    return Event(1.0, codes.CANCELLED, b"".join(task(n) + template(n) for n in numbers))


def lost(numbers: Sequence[int]) -> Event:
    return Event(1.0, codes.NODE_FAILED, NODE + b"".join(task(n) + template(n) for n in numbers))


# What becomes of one task: it is tried some times; what was made may be lost and made again.
LIVES = st.lists(
    st.lists(
        st.sampled_from([*Ended, "cancelled while it ran", "its node was lost"]), max_size=4
    ),
    max_size=12,
)  # fmt: skip


def history(
    lives: list[list[Ended | str]], at_once: int
) -> Iterator[tuple[Event, dict[bytes, str]]]:
    """Events, each with how the tasks of which it tells have ended, by a dumb second reading."""
    ends: dict[bytes, str] = {}
    rows: list[tuple[int, int, Ended, bool]] = []
    for attempt in range(1, 5):
        for n, life in enumerate(lives):
            end = life[attempt - 1] if attempt <= len(life) else None
            if end == "its node was lost":
                yield ran(rows), ends
                rows = []
                yield lost([n]), {task(n): "FAILED"}
                ends = {}
            elif isinstance(end, Ended):
                rows.append((n, attempt, end, False))
                if end in STATES:
                    ends[task(n)] = STATES[end]
            elif end is not None:
                rows.append((n, attempt, Ended.FAILED, True))
                ends[task(n)] = "CANCELLED"
            if len(rows) >= at_once:
                yield ran(rows), ends
                rows, ends = [], {}
    yield ran(rows), ends
    yield cancelled([300, 301]), {task(300): "CANCELLED", task(301): "CANCELLED"}


def told(over: Over, alive: AbstractSet[bytes] = frozenset()) -> list[tuple[str, dict[str, Any]]]:
    """Everything that it tells of these."""
    ends, others = over.look(ALL, None, alive)
    found = [(end.state, end.row()) for end in ends]
    assert (len(found), others) == (over.number(alive), 0)
    return found


def scratch(events: Sequence[Event]) -> Over:
    over = Over(JOB)
    for event in events:
        over.take(event, bytes.decode)
    return over


@given(LIVES, st.sets(st.integers(0, 11)), st.integers(1, 5))
def test_each_has_its_last_end_however_often_it_was_asked(
    lives: list[list[Ended | str]], alive: set[int], at_once: int
) -> None:
    over = Over(JOB)
    taken: list[Event] = []
    model: dict[bytes, str] = {}
    left_out = frozenset(map(task, alive))
    for event, ends in history(lives, at_once):
        over.take(event, bytes.decode)
        taken.append(event)
        model |= ends
        found = told(over, left_out)
        assert found == told(scratch(taken), left_out)
        gone = {each: model[each] for each in sorted(model) if each not in left_out}
        assert [(row["id"], state) for state, row in found] == [
            (each.hex(), state) for each, state in gone.items()
        ]
        assert [(row["state"], row["name"]) for _, row in found] == [
            (state, template(each[-1]).decode()) for each, state in gone.items()
        ]


@given(LIVES, st.integers(1, 5), st.integers(0, 4), st.sets(st.sampled_from(sorted(ALL))))
def test_of_each_state_the_first_are_told_and_the_others_counted(
    lives: list[list[Ended | str]], at_once: int, most: int, states: set[str]
) -> None:
    over = scratch([event for event, _ in history(lives, at_once)])
    alive = {task(0)}
    for name in ("template", "another1", "none"):
        every = [
            (row["id"], state)
            for state, row in told(over, alive)
            if state in states and row["name"] == name
        ]
        ends, others = over.look(states, name.__eq__, alive, most)
        shown = [(end.task.hex(), end.state) for end in ends]
        assert sorted(shown) == sorted(
            each for state in states for each in [one for one in every if one[1] == state][:most]
        )
        assert others == len(every) - len(shown)


@given(LIVES, st.integers(1, 5), st.integers(1, 30))
def test_of_too_many_the_latest_are_kept(
    lives: list[list[Ended | str]], at_once: int, most: int
) -> None:
    """What is told of a task is true; only tasks of which nothing was told lately are missing."""
    over, whole = Over(JOB, most), Over(JOB)
    last: dict[str, int] = {}
    number = 0
    for event, ends in history(lives, at_once):
        for each in (over, whole):
            each.take(event, bytes.decode)
        last |= {each.hex(): number for each in ends}
        number += (
            sum(map(len, events.ran(event.payload).runs)) if event.kind == codes.RAN else len(ends)
        )
        every = {row["id"]: (state, row) for state, row in told(whole)}
        kept = {row["id"]: (state, row) for state, row in told(over)}
        assert kept.items() <= every.items()
        assert {each for each in every if last[each] >= number - most} <= kept.keys()
        assert over.number() <= most + most // 8 + at_once + 1


@given(st.lists(st.integers(), unique=True), st.integers(0, 5))
def test_the_first_are_the_first(numbers: list[int], most: int) -> None:
    first = First(most)
    for each in numbers:
        first.add(each, str(each))
    assert first.all() == [str(each) for each in sorted(numbers)[:most]]
    assert first.of == len(numbers)


def test_of_many_few_are_kept() -> None:
    first = First(10)
    tracemalloc.start()
    for each in range(100_000):
        first.add(-each, [each])
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert first.all() == [[each] for each in range(99_999, 99_989, -1)]
    assert most < 1_000_000
