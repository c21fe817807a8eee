"""A picture as SVG: text that a browser and a notebook show, without any script."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from hyperloom.plan.drawing.colours import colours
from hyperloom.plan.drawing.layered import BOX_HEIGHT, lay_out
from hyperloom.plan.drawing.outline import caption, tip

if TYPE_CHECKING:
    from hyperloom.plan.drawing.layered import Layout, Point
    from hyperloom.plan.drawing.outline import Outline

_LETTER = 7.0  # about the width of one at the size of `_STYLE`
_PADDING = 20.0
_LEAST = 48.0

# A dark page makes lines light; boxes keep their tints, and black text on them.
_STYLE = """
text { font: 12px Helvetica, Arial, sans-serif; text-anchor: middle; }
.box { stroke: #555; } .kept { stroke: #111; stroke-width: 2.2; }
.way { fill: none; stroke: #777; } .times { font-size: 10px; fill: #555; text-anchor: start; }
.tip { fill: #777; }
@media (prefers-color-scheme: dark) {
  .way { stroke: #999; } .times { fill: #bbb; } .kept { stroke: #fff; }
}
"""

_TIP = """<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7"
  markerHeight="7" orient="auto"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>"""


def to_svg(outline: Outline) -> str:
    """The picture.

    Raises:
        ImportError: igraph is not installed.
    """
    widths = [max(_LEAST, len(caption(box)) * _LETTER + _PADDING) for box in outline.boxes]
    layout = lay_out(outline, widths)
    width, height = max(layout.width, 1), max(layout.height, 1)
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
        f"<title>{escape(f'a plan of {outline.tasks:,} tasks')}</title>",
        f"<style>{_STYLE}</style>",
        _TIP,
        *_arrows(outline, layout),
        *_boxes(outline, layout, widths),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _arrows(outline: Outline, layout: Layout) -> list[str]:
    parts = []
    for arrow, way in zip(outline.arrows, layout.ways, strict=True):
        path, middle = _loop(way[0]) if arrow.source == arrow.target else _curve(way)
        parts.append(f'<path class="way" d="{path}" marker-end="url(#tip)"/>')
        if arrow.times > 1:
            parts.append(
                f'<text class="times" x="{middle[0] + 5:.1f}" y="{middle[1]:.1f}">'
                f"{arrow.times:,}</text>"
            )
    return parts


def _curve(way: tuple[Point, ...]) -> tuple[str, Point]:
    """From the lower edge of the first box through the points to the upper edge of the last."""
    points = list(way)
    down = 1 if points[-1][1] >= points[0][1] else -1
    points[0] = (points[0][0], points[0][1] + down * BOX_HEIGHT / 2)
    points[-1] = (points[-1][0], points[-1][1] - down * BOX_HEIGHT / 2)
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        half = (y0 + y1) / 2
        path += f" C{x0:.1f} {half:.1f} {x1:.1f} {half:.1f} {x1:.1f} {y1:.1f}"
    (x0, y0), (x1, y1) = points[:2]
    return path, ((x0 + x1) / 2, (y0 + y1) / 2)


def _loop(centre: Point) -> tuple[str, Point]:
    """Tasks of one name that feed each other."""
    x, y = centre[0], centre[1] + BOX_HEIGHT / 2
    return f"M{x - 10:.1f} {y:.1f} c0 22 20 22 20 0", (x + 14, y + 14)


def _boxes(outline: Outline, layout: Layout, widths: list[float]) -> list[str]:
    fills = colours(box.function for box in outline.boxes)
    parts = []
    for box, (x, y), width in zip(outline.boxes, layout.centres, widths, strict=True):
        kept = " kept" if box.wanted else ""
        parts.append(
            f"<g><title>{escape(tip(box))}</title>"
            f'<rect class="box{kept}" x="{x - width / 2:.1f}" y="{y - BOX_HEIGHT / 2:.1f}" '
            f'width="{width:.1f}" height="{BOX_HEIGHT:.0f}" rx="6" fill="{fills[box.function]}"/>'
            f'<text x="{x:.1f}" y="{y + 4:.1f}">{escape(caption(box))}</text></g>'
        )
    return parts
