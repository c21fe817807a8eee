"""What the tasks of the benchmarks do: next to nothing, each in a plain and in a task form.

The plain functions are for the baselines, which import this module in their workers.
"""

from __future__ import annotations

import hyperloom as loom


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


Actor = loom.actor(Holder)
task_same = loom.task(same)
task_one = loom.task(one)
task_add = loom.task(add)
task_successor = loom.task(successor)
