"""When a program waits for so long that it is shown how far it is: waits that are one."""

from __future__ import annotations

from hyperloom.watch.progress import AFTER_S, GAP_S, Spell

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
