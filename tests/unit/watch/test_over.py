"""Tasks that are over, of which there may be a million: each once, and only what is shown made."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from hyperloom import events
from hyperloom.events import ROW, Ended, Ran, run_of
from hyperloom.gcs import codes
from hyperloom.watch.over import First, Over
from hyperloom.watch.story import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

TEMPLATE = b"template"
NODE = b"node-one"
STATES = {Ended.DONE: "DONE", Ended.FAILED: "FAILED", Ended.PASSED_ON: "FAILED"}


def task(number: int) -> bytes:
    return number.to_bytes(16, "big")


def ran(rows: Sequence[tuple[int, int, Ended, bool]]) -> Event:
    """Attempts that ended: task, attempt, how, and whether somebody cancelled it."""
    packed = [ROW.pack(task(n), TEMPLATE, at, ended, 1.0, 0.5, 8) for n, at, ended, _ in rows]
    why = {at: ("cancelled", "it was cancelled", "") for at, row in enumerate(rows) if row[3]}
    return Event(1.0, codes.RAN, events.encode(Ran(NODE, [run_of(7, b"".join(packed), why)])))


def cancelled(numbers: Sequence[int]) -> Event:
    return Event(1.0, codes.CANCELLED, b"".join(task(n) + TEMPLATE for n in numbers))


def lost(numbers: Sequence[int]) -> Event:
    return Event(1.0, codes.NODE_FAILED, NODE + b"".join(task(n) + TEMPLATE for n in numbers))


# What becomes of one task: it is tried some times; what was made may be lost and made again.
LIVES = st.lists(
    st.lists(
        st.sampled_from([*Ended, "cancelled while it ran", "its node was lost"]), max_size=4
    ),
    max_size=12,
)  # fmt: skip


@given(LIVES, st.sets(st.integers(0, 11)), st.integers(1, 5))
def test_each_has_its_last_end(
    lives: list[list[Ended | str]], alive: set[int], at_once: int
) -> None:
    told: list[Event] = []
    model: dict[bytes, str] = {}
    rows: list[tuple[int, int, Ended, bool]] = []
    for attempt in range(1, 5):
        for n, life in enumerate(lives):
            end = life[attempt - 1] if attempt <= len(life) else None
            if end == "its node was lost":
                told.append(ran(rows))
                rows = []
                told.append(lost([n]))
                model[task(n)] = "FAILED"
            elif isinstance(end, Ended):
                rows.append((n, attempt, end, False))
                if end in STATES:
                    model[task(n)] = STATES[end]
            elif end is not None:
                rows.append((n, attempt, Ended.FAILED, True))
                model[task(n)] = "CANCELLED"
            if len(rows) >= at_once:
                told.append(ran(rows))
                rows = []
    told += [ran(rows), cancelled([100, 101])]
    model |= {task(100): "CANCELLED", task(101): "CANCELLED"}
    gone = {each: state for each, state in model.items() if each not in set(map(task, alive))}
    over = Over(told, bytes.decode, set(map(task, alive)))
    found = list(over)
    assert len(found) == over.number == len(gone)
    assert {end.task: end.state for end in found} == gone
    for end in found:
        row = end.row()
        assert (row["id"], row["state"], row["name"]) == (end.task.hex(), end.state, "template")


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
