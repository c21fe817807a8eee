"""A plan as it was submitted: its nodes, and which numbers their tasks have.

It is kept with a detached plan, as an object that the plan holds, so that whoever takes the plan up
can say which task is which, and run parts of it again.

The rule: written down, a plan is a flat list, its nodes by number, so that it is written and read
without recursion.  What it refers to stays as long as it: refs among the arguments are held by it.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask
from hyperloom.plan.detaching import places_in, runs_of
from hyperloom.plan.graph import in_order
from hyperloom.plan.naming import parts_of
from hyperloom.serialization import pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hyperloom.core.bound import Node
    from hyperloom.core.remote import RemoteFunction
    from hyperloom.plan.detaching import Run
    from hyperloom.plan.submission import Wanted
    from hyperloom.serialization import Packed


@dataclass(slots=True)
class Submitted:
    """See the module."""

    wanted: tuple[Wanted, ...]
    numbers: Sequence[int]  # of the tasks, in the nodes' order
    label: str = ""
    skipped: frozenset[int] = field(default_factory=frozenset)  # `id` of nodes that were not run

    def nodes(self) -> list[Node]:
        """All of them, inputs before those that take them."""
        return in_order([node for node, _ in map(parts_of, self.wanted)])

    def numbers_of(self, node: Node) -> Sequence[int] | None:
        """Of the tasks of a node; none of one that was not run; None if it is not of this plan."""
        at = 0
        for each in self.nodes():
            tasks = 0 if id(each) in self.skipped else each.tasks
            if each is node:
                return self.numbers[at : at + tasks]
            at += tasks
        return None

    def has(self, task: Wanted | str) -> bool:
        """Whether it is one of its tasks, or the label of one."""
        if isinstance(task, str):
            return any(node.name == task for node in self.nodes())
        return any(node is parts_of(task)[0] for node in self.nodes())

    def named(self, label: str) -> Node:
        """The one node of this label, or of a function of this name.

        Raises:
            ValueError: there is none, or several.
        """
        found = [node for node in self.nodes() if node.name == label]
        if len(found) == 1:
            return found[0]
        names = dict.fromkeys(node.name for node in self.nodes())
        there = ", ".join(list(names)[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        raise ValueError(
            f"{len(found):,} tasks of this plan are named {label!r}: pass the task itself, from "
            "handle.plan.wanted, or give it a name of its own with .named(...)"
            if found
            else f"no task of this plan is named {label!r}; there are: {there}"
        )


_SHOWN = 10


class _Taken(NamedTuple):
    """In the place of an argument: a node, and which of its outputs (-1: all that it has)."""

    node: int
    output: int


class _Written(NamedTuple):
    """What travels."""

    functions: list[RemoteFunction[..., Any]]
    nodes: list[tuple[Any, ...]]  # function, whether a map, args or items, kwargs, label, …
    wanted: list[_Taken]
    skipped: list[int]
    runs: tuple[Run, ...]
    label: str


def written(plan: Submitted) -> Packed:
    """The plan as a value.

    Raises:
        NotSerializable: it cannot travel, though its tasks could.
    """
    nodes = plan.nodes()
    place = {id(node): at for at, node in enumerate(nodes)}
    functions: dict[int, tuple[int, RemoteFunction[..., Any]]] = {}
    rows = []
    for node in nodes:
        function, _ = functions.setdefault(id(node.function), (len(functions), node.function))
        kwargs = {name: _as_taken(value, place) for name, value in node.kwargs.items()}
        mapped = type(node) is BoundMap
        values: Sequence[Any] = node.items if isinstance(node, BoundMap) else node.args
        if type(values) is not range:
            values = tuple(_as_taken(value, place) for value in values)
        kept_at = False if isinstance(node, BoundMap) else node.kept_at
        rows.append((function, mapped, values, kwargs, node.label, node.metadata, kept_at))
    wanted = [_taken(each, place) for each in plan.wanted]
    skipped = [place[one] for one in plan.skipped]
    runs = runs_of((number, 0) for number in plan.numbers)
    remotes = [remote for _, remote in functions.values()]
    return pack(_Written(remotes, rows, wanted, skipped, runs, plan.label), what="the plan")


def _as_taken(value: Any, place: Mapping[int, int]) -> Any:  # noqa: ANN401 - the user's
    kind = type(value)
    if kind is BoundTask or kind is BoundMap:
        return _Taken(place[id(value)], -1)
    return _taken(value, place) if kind is BoundOutput else value


def _taken(value: Wanted, place: Mapping[int, int]) -> _Taken:
    node, index = parts_of(value)
    return _Taken(place[id(node)], -1 if index is None else index)


def read(value: Any) -> Submitted:  # noqa: ANN401 - what `written` made
    """The plan again."""
    it: _Written = value
    nodes: list[Node] = []
    for function, mapped, what, kwargs, label, metadata, kept_at in it.nodes:
        remote = it.functions[function]
        taken: Any = what
        if type(what) is not range:
            taken = tuple(_as_wanted(each, nodes) for each in what)
        named = {name: _as_wanted(each, nodes) for name, each in kwargs.items()}
        node: Node = (BoundMap if mapped else BoundTask)(remote, taken, named)
        node.label, node.metadata = label, metadata
        if isinstance(node, BoundTask):
            node.kept_at = kept_at
        nodes.append(node)
    numbers = array("Q", (number for number, _ in places_in(it.runs)))
    wanted = tuple(_as_wanted(each, nodes) for each in it.wanted)
    skipped = frozenset(id(nodes[at]) for at in it.skipped)
    return Submitted(wanted, numbers, it.label, skipped)


def _as_wanted(value: Any, nodes: Sequence[Node]) -> Any:  # noqa: ANN401 - the user's, or a node
    if type(value) is not _Taken:
        return value
    node = nodes[value.node]
    return node if value.output < 0 else BoundOutput(node, value.output)


def skipped_of(wanted: Iterable[Node], run: Iterable[Node] | None) -> frozenset[int]:
    """The nodes that the wanted ones need, besides those that are run; None: all are."""
    if run is None:
        return frozenset()
    return frozenset(id(node) for node in in_order(wanted)) - {id(node) for node in run}
