"""The rows of the catalogue that have a long form, and how many rounds make a full one."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from tests.chaos import actors, network, processes, server, server_killed, sizes, tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.chaos.oracle import Account


class Row(NamedTuple):
    """One of them."""

    number: int
    times: int
    play: Callable[[Random], Account]
    most_s: float = inf  # what it measures may take so long

    @property
    def what(self) -> str:
        """What is done."""
        return (self.play.__doc__ or "").strip()


ROWS = [
    Row(1, 50, processes.row_1),
    Row(2, 50, processes.row_2),
    Row(3, 50, processes.row_3, most_s=4),
    Row(4, 50, processes.row_4, most_s=3),
    Row(5, 30, server_killed.row_5, most_s=5),
    Row(6, 10, server.row_6),
    Row(7, 200, server.row_7),
    Row(8, 20, processes.row_8),
    Row(9, 20, network.row_9),
    Row(10, 10, network.row_10),
    Row(11, 50, network.row_11),
    Row(12, 10, server.row_12),
    Row(14, 20, server.row_14, most_s=5),
    Row(15, 10, tasks.row_15),
    Row(16, 5, server.row_16, most_s=10),
    Row(18, 3, tasks.row_18),
    Row(20, 20, tasks.row_20),
    Row(22, 3, sizes.row_22),
    Row(26, 50, actors.row_26),
]
