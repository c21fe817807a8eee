"""What the tasks of the benchmarks do: next to nothing, each in a plain and in a task form.

The plain functions are for the baselines, which import this module in their workers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hyperloom as loom

if TYPE_CHECKING:
    from collections.abc import Sequence


def same(value: int) -> int:
    """A no-op that shows that it ran."""
    return value


def one() -> int:
    """A leaf of a tree."""
    return 1


def add(*values: int) -> int:
    """A node with any number of inputs."""
    return sum(values)


def successor(value: int) -> int:
    """A link of a chain."""
    return value + 1


class Holder:
    """An object that is called; the plain class of an actor."""

    def same(self, value: int) -> int:
        """A no-op that shows that it ran."""
        return value


def call_all(actors: Sequence[Any], n: int) -> int:
    """A caller of actors; how many answered."""
    return sum(loom.get([actors[i % len(actors)].same.remote(1) for i in range(n)]))


Actor = loom.actor(Holder)
task_call_all = loom.task(num_cpus=0.5)(call_all)
task_same = loom.task(same)
task_one = loom.task(one)
task_add = loom.task(add)
task_successor = loom.task(successor)
