"""Which GPUs a task gets: whole ones, or a part of one."""

from __future__ import annotations

from hyperloom.resources import UNIT


class Gpus:
    """The GPUs of a node, by index, each with what is free of it in 1/10000."""

    __slots__ = ("_free",)

    def __init__(self, number: int) -> None:
        self._free = [UNIT] * number

    def take(self, units: int) -> tuple[int, ...] | None:
        """Indices for so much; None when it cannot be had although the sum would do."""
        if units == 0:
            return ()
        if units < UNIT:
            # The fullest that has room: whole GPUs stay whole as long as possible.
            fitting = [(free, i) for i, free in enumerate(self._free) if free >= units]
            if not fitting:
                return None
            _, index = min(fitting)
            self._free[index] -= units
            return (index,)
        whole = [i for i, free in enumerate(self._free) if free == UNIT][: units // UNIT]
        if len(whole) < units // UNIT:
            return None
        for index in whole:
            self._free[index] = 0
        return tuple(whole)

    def fits(self, units: int) -> bool:
        """Whether so much can be had now."""
        if units < UNIT:
            return any(free >= units for free in self._free)
        return sum(free == UNIT for free in self._free) >= units // UNIT

    def give(self, indices: tuple[int, ...], units: int) -> None:
        """They are free again."""
        for index in indices:
            self._free[index] += min(units, UNIT)
