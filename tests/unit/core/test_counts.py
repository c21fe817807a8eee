"""Reference counts of one process against a plain multiset."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from hyperloom.core.counts import RefCounts

NAMES = st.sampled_from([b"a", b"b", b"c"])


class Histories(RuleBasedStateMachine):
    """The control plane is told of the first ref and of the last, and of nothing between."""

    def __init__(self) -> None:
        super().__init__()
        self.counts = RefCounts()
        self.refs: Counter[bytes] = Counter()
        self.made: set[bytes] = set()
        self.borrowed: set[bytes] = set()
        self.pinned: set[bytes] = set()
        self.kept: set[bytes] = set()  # pinned, and without a ref left

    def known(self, name: bytes) -> bool:
        return bool(self.refs[name]) or name in self.kept

    @rule(name=NAMES)
    def make(self, name: bytes) -> None:
        if not self.known(name) and name not in self.borrowed:
            self.made.add(name)
            self.refs[name] = 1

    @rule(name=NAMES)
    def adopt(self, name: bytes) -> None:
        known = self.known(name)
        if name in self.kept:
            return  # a pinned object is not adopted again here: `test_a_pinned_object…`
        told = self.counts.adopt(name, known=known)
        assert told == (not known)
        if not known:
            self.borrowed.add(name)
        self.refs[name] += 1

    @precondition(lambda self: any(self.refs.values()))
    @rule(name=NAMES)
    def drop(self, name: bytes) -> None:
        if not self.refs[name]:
            return
        self.refs[name] -= 1
        last = self.counts.drop(name)
        assert last == (self.refs[name] == 0 and name not in self.pinned)
        if last:
            assert self.counts.forget(name) == (name in self.made)
            self.made.discard(name)
            self.borrowed.discard(name)
        elif not self.refs[name]:
            self.kept.add(name)

    @rule(name=NAMES)
    def pin(self, name: bytes) -> None:
        if self.refs[name]:
            self.pinned.add(name)
            self.counts.pin(name)

    @invariant()
    def an_object_was_made_here_or_borrowed(self) -> None:
        assert not self.made & self.borrowed


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=30)


def test_the_only_ref_to_what_was_made_here_needs_no_entry() -> None:
    counts = RefCounts()
    assert counts.drop(b"o")
    assert counts.forget(b"o")


def test_a_borrowed_object_is_acquired_once_and_released_once() -> None:
    counts = RefCounts()
    assert counts.adopt(b"o", known=False)
    assert not counts.adopt(b"o", known=True)
    assert not counts.drop(b"o")
    assert counts.drop(b"o")
    assert not counts.forget(b"o")


def test_a_pinned_object_is_never_let_go() -> None:
    counts = RefCounts()
    counts.pin(b"o")
    assert not counts.drop(b"o")
