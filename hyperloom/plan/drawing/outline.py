"""What a picture shows: a box for each task, or, of a large plan, for each name.  Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hyperloom.core.bound import Node


@dataclass(frozen=True, slots=True)
class Box:
    """A task, or all tasks of a map, of one label, or of one function."""

    name: str
    function: str  # what it is coloured by
    tasks: int
    level: int  # 0: it takes nothing from others
    wanted: bool  # a result of it is


@dataclass(frozen=True, slots=True)
class Arrow:
    """From a box to one that takes what it makes."""

    source: int  # places among the outline's boxes
    target: int
    times: int


@dataclass(frozen=True, slots=True)
class Outline:
    """The whole picture.  Boxes are in the order in which they can be run."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    tasks: int
    collapsed: bool


def outline_of(order: Iterable[Node], wanted: Collection[int], most: int) -> Outline:
    """The picture of tasks that are given inputs first.

    Args:
        order: the nodes; a map is one of them.
        wanted: `id`s of those whose results are kept.
        most: boxes; of more tasks than that, those of one label share a box; of more labels,
            those of one function.
    """
    tasks = list(order)
    collapsed = len(tasks) > most
    by_label = collapsed and len({(task.name, task.function.name) for task in tasks}) <= most
    level: dict[int, int] = {}
    boxes: dict[object, Box] = {}
    place: dict[object, int] = {}
    arrows: Counter[tuple[object, object]] = Counter()
    key_of: dict[int, object] = {}
    for task in tasks:
        inputs = list(task.takes())
        level[id(task)] = max((level[id(below)] + 1 for below, _ in inputs), default=0)
        name = task.name if by_label or not collapsed else task.function.name
        key: object = (name, task.function.name) if collapsed else id(task)
        key_of[id(task)] = key
        for below, times in inputs:
            arrows[key_of[id(below)], key] += times
        before = boxes.get(key)
        place.setdefault(key, len(place))
        boxes[key] = Box(
            name,
            task.function.name,
            task.tasks if before is None else before.tasks + task.tasks,
            level[id(task)] if before is None else before.level,
            id(task) in wanted or (before is not None and before.wanted),
        )
    return Outline(
        boxes=tuple(boxes.values()),
        arrows=tuple(Arrow(place[a], place[b], times) for (a, b), times in arrows.items()),
        tasks=sum(task.tasks for task in tasks),
        collapsed=collapsed,
    )


def caption(box: Box) -> str:
    """What is written into a box."""
    name = box.name if len(box.name) <= _LONGEST else f"{box.name[: _LONGEST - 1]}…"
    return name if box.tasks == 1 else f"{name} \N{MULTIPLICATION SIGN} {box.tasks:,}"


def tip(box: Box) -> str:
    """What more can be said of it."""
    function = "" if box.function == box.name else f" ({box.function})"
    kept = ", kept" if box.wanted else ""
    return f"{box.name}{function}: {box.tasks:,} task{'s' if box.tasks > 1 else ''}{kept}"


_LONGEST = 40
