"""One row of the catalogue, how it is played, and what a figure must be: measured, and not over.

A kind that cannot be played on this machine is left out, and said; the others are played.
"""

from __future__ import annotations

import sys
import traceback
from functools import partial
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from tests.chaos.oracle import Account

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


class Row(NamedTuple):
    """One of them."""

    number: int
    times: int  # rounds, of each kind if there are several
    play: Callable[..., Account]  # with a `Random`, after the kind
    most: Mapping[str, float] = {}  # figures that it measures, and what they may be
    kinds: tuple[str, ...] = ()
    only: Mapping[str, Collection[str]] = {}  # kinds that measure a figure, if not all do
    in_all: Callable[[], list[str]] = list  # what is not as it should be after a whole row

    @property
    def what(self) -> str:
        """What is done."""
        return (self.play.__doc__ or "").strip()

    def figures(self, kind: str) -> dict[str, float]:
        """What a round of this kind measures, and may be at most."""
        return {f: most for f, most in self.most.items() if kind in self.only.get(f, (kind,))}


def play(row: Row, times: int, seed: int) -> Account:
    """All kinds, each so many times."""
    account = Account()
    for kind in row.kinds or ("",):
        account.add(_kind(row, kind, times, seed))
    if not account.skipped and times >= row.times:
        account.left += row.in_all()
    return account


def _kind(row: Row, kind: str, times: int, seed: int) -> Account:
    account = Account()
    call = partial(row.play, kind) if kind else row.play
    for number in range(times):
        name = f"{kind}, {number}".removeprefix(", ")
        try:
            one = call(Random(f"{seed}, {row.number}, {name}"))
        except BaseException as error:  # a failed wait is none of Exception's
            if isinstance(error, KeyboardInterrupt):
                raise
            traceback.print_exc()
            account.left.append(f"round {name}: {error!r:.150}")
            continue
        if one.skipped:
            account.skipped = f"{kind}: {one.skipped}".removeprefix(": ")
            break
        one.left += [f"round {name}: {what}" for what in judged(row, kind, one)]
        if not one.passes:
            sys.stderr.write(f"row {row.number}, round {name}: {one}\n")
        account.add(one)
    return account


def judged(row: Row, kind: str, one: Account) -> list[str]:
    """What a round's figures lack: each has to be measured, and may be so much at most."""
    found = []
    for figure, most in row.figures(kind).items():
        value = one.figures.get(figure)
        if value is None:
            found.append(f"{figure}: not measured")
        elif not value <= most:
            found.append(f"{figure}: {value:.3g}, more than {most:g}")
    return found
