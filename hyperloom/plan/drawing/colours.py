"""A colour for each function, the same in every picture of one plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

# Light tints of Okabe and Ito's palette, which the colour-blind can tell apart; black text on each.
_TINTS = ("#a6d8f0", "#fbd38d", "#9fdfc6", "#f5b8a0", "#b7c9ea", "#e8c4dc", "#f2eca0", "#d9d9d9")


def colours(functions: Iterable[str]) -> dict[str, str]:
    """Function's name -> colour, in the order of their first appearance; they repeat in the end."""
    names = dict.fromkeys(functions)
    return {name: _TINTS[number % len(_TINTS)] for number, name in enumerate(names)}
