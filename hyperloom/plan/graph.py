"""The graph of a plan: its tasks in order, its depth, its width.  Pure.

A plan is a finite acyclic directed multigraph: a task may take the same output twice.  Nothing
here recurses, so a chain may be as long as memory allows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from hyperloom.core.bound import Node

_SHOWN = 8  # names of a chain, and of what a plan consists of
_NAME_CHARS = 80
_GUESS_S = 1.0  # what a task takes of which nobody said how long


class Cycle(ValueError):
    """A task takes, by way of others, its own output."""


def in_order(
    wanted: Iterable[Node], takes: Callable[[Node], Iterator[tuple[Node, int]]] | None = None
) -> list[Node]:
    """All nodes that the wanted ones need, inputs before those that take them.

    `takes`: what a node takes, if not all that it was bound to.

    Raises:
        Cycle: there is no such order; the message has the way around.
    """
    takes = takes or _takes
    order: list[Node] = []
    done: set[int] = set()
    path: dict[int, Node] = {}  # what is being looked at, in order
    for root in wanted:
        if id(root) in done:
            continue
        stack: list[tuple[Node, Iterator[tuple[Node, int]]]] = [(root, takes(root))]
        path[id(root)] = root
        while stack:
            task, inputs = stack[-1]
            below, _ = next(inputs, (None, 0))
            if below is None:
                stack.pop()
                del path[id(task)]
                done.add(id(task))
                order.append(task)
            elif id(below) in path:
                raise Cycle(_told(list(path.values()), below))
            elif id(below) not in done:
                stack.append((below, takes(below)))
                path[id(below)] = below
    return order


def to_be_said(order: list[Node]) -> list[Node]:
    """The same, to be said from its end on: those that take something before those that make it.

    Those that wait for nothing are ready as soon as they are said, and begin in that order: so
    they come last, and the first of the plan first.
    """
    begin: list[Node] = []
    follow: list[Node] = []
    for node in order:
        (begin if next(_takes(node), None) is None else follow).append(node)
    begin.reverse()
    return begin + follow


def _takes(node: Node) -> Iterator[tuple[Node, int]]:
    return node.takes()


def _told(path: list[Node], again: Node) -> str:
    around = [*path[path.index(again) :], again]
    return (
        "this is no plan: a task needs its own output. "
        + " takes ".join(task.name for task in around)
        + ". Nothing was submitted"
    )


@dataclass(frozen=True, slots=True, repr=False)
class Shape:
    """How a plan looks from afar; see `Plan.explain`.  As text it is short, however large it is."""

    tasks: int
    edges: int
    depth: int  # tasks of the longest chain
    width: int  # most tasks of one level: a task is one level below its lowest input
    by_name: Mapping[str, int]
    critical: tuple[str, ...]  # the names along the chain that takes longest
    critical_s: float | None  # None: nobody said how long tasks take
    # Tasks that count as 1 s in it, since nobody said how long they take; of the chain, and of all.
    guessed: tuple[int, int] = (0, 0)

    def __str__(self) -> str:
        if not self.tasks:
            return "no tasks"
        names = [f"{count:,} {_short(name)}" for name, count in self.by_name.items()]
        chain = _some(list(map(_short, self.critical)), " → ", "")
        takes = (
            f"{len(self.critical):,} tasks" if self.critical_s is None else f"{self.critical_s:g} s"
        )
        told = (
            f"{self.tasks:,} tasks ({_some(names, ', ', ' names')}), {self.edges:,} edges, depth "
            f"{self.depth:,}, width {self.width:,}\ncritical path {takes}: {chain}"
        )
        on_it, of_all = self.guessed
        if of_all:
            told += (
                f"\n{of_all:,} tasks, {on_it:,} of them on the critical path, count as "
                f"{_GUESS_S:g} s each: nothing says how long they take"
            )
        return told

    def __repr__(self) -> str:
        return f"<shape: {self}>"


def _some(names: Sequence[str], between: str, what: str) -> str:
    """The first of them, and how many more there are."""
    hidden = len(names) - _SHOWN
    shown = between.join(names[:_SHOWN])
    return shown if hidden <= 0 else f"{shown}{between}and {hidden:,} more{what}"


def _short(name: str) -> str:
    return name if len(name) <= _NAME_CHARS else f"{name[:_NAME_CHARS]}…"


def _takes_s(task: Node, seconds: Mapping[str, float]) -> float | None:
    """How long it takes, if anybody said so."""
    return seconds.get(task.name, seconds.get(task.function.name))


def shape_of(order: list[Node], seconds: Mapping[str, float]) -> Shape:
    """The shape of these nodes, given in order.  `seconds`: of a task, by label, else function."""
    level: dict[int, int] = {}
    until: dict[int, float] = {}
    before: dict[int, Node | None] = {}
    edges = guessed = 0
    widths: Counter[int] = Counter()
    names: Counter[str] = Counter()
    for task in order:
        latest: Node | None = None
        deepest = 0
        for below, number in task.takes():
            edges += number
            deepest = max(deepest, level[id(below)])
            if latest is None or until[id(below)] > until[id(latest)]:
                latest = below
        level[id(task)] = deepest + 1
        widths[deepest + 1] += task.tasks
        names[task.name] += task.tasks
        start = 0.0 if latest is None else until[id(latest)]
        known_s = _takes_s(task, seconds)
        guessed += 0 if known_s is not None else task.tasks
        until[id(task)] = start + (_GUESS_S if known_s is None else known_s)
        before[id(task)] = latest
    last = max(order, key=lambda task: until[id(task)], default=None)
    chain: list[Node] = []
    total = 0.0 if last is None else until[id(last)]
    while last is not None:
        chain.append(last)
        last = before[id(last)]
    on_it = sum(_takes_s(task, seconds) is None for task in chain)
    return Shape(
        tasks=names.total(),
        edges=edges,
        depth=max(level.values(), default=0),
        width=max(widths.values(), default=0),
        by_name=dict(names.most_common()),
        critical=tuple(task.name for task in reversed(chain)),
        critical_s=total if seconds else None,
        guessed=(on_it, guessed) if seconds else (0, 0),
    )
