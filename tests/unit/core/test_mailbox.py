"""The mailbox of an actor against a dumb one: lists, and a look at all of them each time."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hyperloom.core.actors.mailbox import Letter, Mailbox

LIMITS = {"": 1, "io": 2, "many": 5}

steps = st.lists(
    st.one_of(
        st.tuples(st.just("arrive"), st.sampled_from(list(LIMITS))),
        st.tuples(st.just("end"), st.integers(0, 9)),
        st.tuples(st.just("withdraw"), st.integers(0, 20)),
    ),
    max_size=60,
)


class Dumb:
    """Everything in the order in which it came; who may begin is found by looking at all."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, str]] = []
        self.begun: list[bytes] = []

    def begins(self) -> list[bytes]:
        new = []
        for task, group in self.calls:
            running = sum(g == group for t, g in self.calls if t in self.begun)
            if task not in self.begun and running < LIMITS[group]:
                self.begun.append(task)
                new.append(task)
        return new

    def over(self, task: bytes) -> None:
        self.calls = [call for call in self.calls if call[0] != task]


@given(steps)
def test_it_agrees_with_a_dumb_one(history: list[tuple[str, Any]]) -> None:
    mailbox, dumb = Mailbox(LIMITS), Dumb()
    letters: dict[bytes, Letter] = {}
    for what, which in history:
        begun: list[Letter] = []
        if what == "arrive":
            task = len(letters).to_bytes(16, "big")
            letters[task] = mailbox.arrive(which, task, b"", b"")
            dumb.calls.append((task, which))
            begun = mailbox.begin(which)
        elif what == "end" and dumb.begun:
            running = [t for t, _ in dumb.calls if t in dumb.begun]
            if running:
                task = running[which % len(running)]
                dumb.over(task)
                begun = mailbox.end(letters[task])
        elif what == "withdraw" and letters:
            task = list(letters)[which % len(letters)]
            waits = any(t == task for t, _ in dumb.calls) and task not in dumb.begun
            assert (mailbox.withdraw(task) is not None) == waits
            if waits:
                dumb.over(task)
        assert [letter.task for letter in begun] == dumb.begins()
        mailbox.check()


def test_numbers_count_what_arrived() -> None:
    mailbox = Mailbox({"": 1})
    assert [mailbox.arrive("", bytes(16), b"", b"").number for _ in range(3)] == [1, 2, 3]
    assert [mailbox.arrive("io", bytes(16), b"", b"").number for _ in range(2)] == [1, 2]
    assert [mailbox.place(group) for group in ("", "io")] == [0, 1]
