"""Which GPUs a task gets: whole ones, or a part of one."""

from __future__ import annotations

from hyperloom.resources import UNIT


class Gpus:
    """The GPUs of a node, or of a placement group there: by index, what is free in 1/10000."""

    __slots__ = ("_free",)

    def __init__(self, number: int = 0) -> None:
        self._free = dict.fromkeys(range(number), UNIT)

    def take(self, units: int) -> tuple[int, ...] | None:
        """Indices for so much; None when it cannot be had although the sum would do."""
        if units == 0:
            return ()
        if units < UNIT:
            # The fullest that has room: whole GPUs stay whole as long as possible.
            fitting = [(free, i) for i, free in self._free.items() if free >= units]
            if not fitting:
                return None
            _, index = min(fitting)
            self._free[index] -= units
            return (index,)
        whole = [i for i, free in sorted(self._free.items()) if free == UNIT][: units // UNIT]
        if len(whole) < units // UNIT:
            return None
        for index in whole:
            self._free[index] = 0
        return tuple(whole)

    def fits(self, units: int) -> bool:
        """Whether so much can be had now."""
        if units < UNIT:
            return any(free >= units for free in self._free.values())
        return sum(free == UNIT for free in self._free.values()) >= units // UNIT

    def give(self, indices: tuple[int, ...], units: int) -> None:
        """They are free again, or are ours from now on."""
        for index in indices:
            self._free[index] = self._free.get(index, 0) + min(units, UNIT)

    def give_all_to(self, other: Gpus) -> None:
        """What is free here is free there, and is not ours any more."""
        for index, free in self._free.items():
            other.give((index,), free)
        self._free.clear()
