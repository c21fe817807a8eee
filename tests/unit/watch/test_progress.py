"""When a program waits for so long that it is shown how far it is: waits that are one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs.address import Address
from hyperloom.watch import progress
from hyperloom.watch.progress import AFTER_S, GAP_S, Bars, Spell

if TYPE_CHECKING:
    import pytest

SHORT_S = AFTER_S / 10


def shown(spell: Spell, now: float) -> bool:
    return spell.is_long(now)


def test_one_long_wait() -> None:
    spell = Spell()
    assert not shown(spell, 100.0)
    spell.begin(100.0)
    assert not shown(spell, 100.0 + AFTER_S - 0.01)
    assert shown(spell, 100.0 + AFTER_S)
    spell.end(102.0)
    assert not spell.goes_on(102.0 + GAP_S)
    assert not shown(spell, 102.0 + GAP_S)


def test_short_waits_that_follow_each_other_closely_are_one() -> None:
    spell, now = Spell(), 100.0
    while now < 100.0 + AFTER_S:
        assert not shown(spell, now)
        spell.begin(now)
        spell.end(now + SHORT_S)
        now += SHORT_S + GAP_S / 20
    assert shown(spell, now), "also between two of them"
    spell.begin(now)
    assert shown(spell, now)


def test_short_waits_far_from_each_other_are_none() -> None:
    spell, now = Spell(), 100.0
    for _ in range(50):
        spell.begin(now)
        assert not shown(spell, now)
        spell.end(now + SHORT_S)
        now += SHORT_S + GAP_S
        assert not shown(spell, now)


def test_several_threads_wait() -> None:
    spell = Spell()
    spell.begin(100.0)
    spell.begin(100.5)
    spell.end(100.6)
    assert shown(spell, 100.0 + AFTER_S)
    spell.end(105.0)
    assert not shown(spell, 105.0 + GAP_S)
    spell.begin(105.0 + GAP_S)
    assert not shown(spell, 105.0 + GAP_S)


class Closing:
    """Is closed when it was asked so often; knows for how long each time."""

    def __init__(self, most: int) -> None:
        self.asked: list[float] = []
        self._most = most

    def wait(self, seconds: float) -> bool:
        self.asked.append(round(seconds, 2))
        return len(self.asked) > self._most


def waits_since_long() -> Bars:
    bars = Bars(Address("unix:///nowhere"), b"JOB1")
    bars._spell.begin(time.monotonic() - 2 * AFTER_S)
    return bars


def test_a_server_that_is_away_is_asked_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it may come back: then it is asked as often as ever, and the bars are there again."""
    bars, dialled, shown = waits_since_long(), [], []
    bars._closed = closing = Closing(9)  # type: ignore[assignment]

    def dial(_: object) -> Any:
        dialled.append(len(closing.asked))
        if len(dialled) < 8:
            raise errors.ControlPlaneLost("it is away")
        return Open()

    monkeypatch.setattr(progress, "Live", dial)
    monkeypatch.setattr(bars, "_show", lambda _: shown.append(len(closing.asked)))
    bars._watch()
    assert closing.asked == [0.25, 0.26, 0.27, 0.3, 0.35, 0.45, 0.75, 0.75, 0.25, 0.25]
    assert (dialled, shown) == ([*range(1, 9)], [8, 9]), "the one that was made is used again"
    assert Open.closed == 1


class Open:
    """A connection."""

    closed = 0

    def close(self) -> None:
        Open.closed += 1
