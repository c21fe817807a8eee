"""Where the boxes of a picture lie: in layers, with few crossings.

The layout is Sugiyama's, by igraph (the extra ``draw``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hyperloom.plan.drawing.outline import Outline

BOX_HEIGHT = 28.0
_GAP = 24.0  # between two boxes of a layer
_LAYER = 64.0  # from one layer to the next
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Pixels, from the upper left corner."""

    centres: tuple[Point, ...]  # of the boxes
    ways: tuple[tuple[Point, ...], ...]  # of the arrows, between their boxes' centres
    width: float
    height: float


def lay_out(outline: Outline, widths: list[float]) -> Layout:
    """Places for boxes of these widths.

    Raises:
        ImportError: igraph is not installed.
    """
    import igraph  # noqa: PLC0415 - an extra

    if not outline.boxes:
        return Layout((), (), 0, 0)
    # Tasks of one name may feed each other, which would be no layers.
    drawn = [arrow for arrow in outline.arrows if arrow.source != arrow.target]
    graph = igraph.Graph(
        n=len(outline.boxes),
        edges=[(arrow.source, arrow.target) for arrow in drawn],
        directed=True,
    )
    layers = [box.level for box in outline.boxes]
    step = max(widths) + _GAP
    found = graph.layout_sugiyama(layers=layers, hgap=step, vgap=_LAYER)
    places = _kept_apart(found.coords, step)
    points = [*places, *(point for way in found.edge_routing for point in way)]
    left = min(x for x, _ in points) - max(widths) / 2 - _GAP / 2
    top = min(y for _, y in points) - BOX_HEIGHT / 2 - _GAP / 2

    def placed(point: list[float]) -> Point:
        return (point[0] - left, point[1] - top)

    centres = tuple(placed(point) for point in places)
    routes = {
        (arrow.source, arrow.target): tuple(placed(point) for point in way)
        for arrow, way in zip(drawn, found.edge_routing, strict=True)
    }
    ways = tuple(
        (
            centres[arrow.source],
            *routes.get((arrow.source, arrow.target), ()),
            centres[arrow.target],
        )
        for arrow in outline.arrows
    )
    right = max(x for x, _ in points) - left + max(widths) / 2 + _GAP / 2
    # Below the last layer there is room for the loop of a box that feeds itself.
    bottom = max(y for _, y in points) - top + BOX_HEIGHT / 2 + _GAP
    return Layout(centres, ways, right, bottom)


def _kept_apart(places: list[list[float]], step: float) -> list[list[float]]:
    """The same with at least `step` between neighbours: igraph may put them at half of that."""
    apart = [list(place) for place in places]
    ends: dict[float, float] = {}  # of what was placed so far in each layer
    for place in sorted(apart):
        x, layer = place
        ends[layer] = place[0] = max(x, ends.get(layer, x - step) + step)
    return apart
