"""A row of chaos passes when each of its figures was measured, in each round, and is not over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.oracle import Account
from tests.chaos.playing import Row, play
from tests.chaos.rows import ROWS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random


def of_round(figures: dict[str, float]) -> Callable[[Random], Account]:
    def played(_: Random) -> Account:
        """It measures these"""
        return Account(rounds=1, accepted=1, committed=1, figures=dict(figures))

    return played


@pytest.mark.parametrize(
    ("figures", "left"),
    [
        ({"back, s": 2.0}, []),
        ({"back, s": 0.0}, []),
        ({}, ["round 0: back, s: not measured"]),
        ({"another": 1.0}, ["round 0: back, s: not measured"]),
        ({"back, s": 2.1}, ["round 0: back, s: 2.1, more than 2"]),
        ({"back, s": float("inf")}, ["round 0: back, s: inf, more than 2"]),
        ({"back, s": float("nan")}, ["round 0: back, s: nan, more than 2"]),
    ],
)
def test_a_figure_is_measured_and_not_over(figures: dict[str, float], left: list[str]) -> None:
    account = play(Row(1, 1, of_round(figures), {"back, s": 2}), 1, seed=1)
    assert account.left == left
    assert account.passes == (left == [])


def test_one_round_that_measures_does_not_stand_for_another() -> None:
    figures: dict[str, float] = {"back, s": 1.0}

    def forgets(_: Random) -> Account:
        account = Account(rounds=1, figures=dict(figures))
        figures.clear()
        return account

    account = play(Row(1, 3, forgets, {"back, s": 2}), 3, seed=1)
    assert account.left == ["round 1: back, s: not measured", "round 2: back, s: not measured"]


def test_a_kind_that_cannot_be_played_here_does_not_stop_the_others() -> None:
    def some(kind: str, _: Random) -> Account:
        if kind == "needs root":
            return Account(rounds=1, skipped="nobody is root")
        return Account(rounds=1, accepted=3, committed=3, figures={"on its own": 1.0})

    kinds = ("needs root", "does not", "nor this")
    most, only = {"on its own": 2.0}, {"on its own": ["does not", "nor this"]}
    account = play(Row(1, 2, some, most, kinds, only), 2, seed=1)
    assert (account.rounds, account.accepted, account.left) == (4, 12, [])
    assert account.skipped == "needs root: nobody is root"


def test_what_has_to_be_in_all_rounds_is_asked_of_a_whole_row() -> None:
    row = Row(1, 2, of_round({}), in_all=lambda: ["only 7 cuts"])
    assert play(row, 1, seed=1).left == []
    assert play(row, 2, seed=1).left == ["only 7 cuts"]


def test_each_figure_that_only_some_kinds_measure_names_kinds_that_there_are() -> None:
    for row in ROWS:
        assert set(row.only) <= set(row.most), row.number
        for kinds in row.only.values():
            assert set(kinds) < set(row.kinds), row.number
            assert kinds, row.number
