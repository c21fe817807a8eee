"""A picture in Graphviz's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom.plan.drawing.colours import colours
from hyperloom.plan.drawing.outline import caption, tip

if TYPE_CHECKING:
    from hyperloom.plan.drawing.outline import Outline


def to_dot(outline: Outline) -> str:
    """The picture as DOT text."""
    fills = colours(box.function for box in outline.boxes)
    lines = [
        "digraph plan {",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];',
        '  edge [color="#777777", arrowsize=0.6, fontname="Helvetica", fontsize=9];',
    ]
    for number, box in enumerate(outline.boxes):
        width = 2 if box.wanted else 1
        lines.append(
            f"  t{number} [label={_quoted(caption(box))}, tooltip={_quoted(tip(box))}, "
            f'fillcolor="{fills[box.function]}", penwidth={width}];'
        )
    for arrow in outline.arrows:
        label = f' [label="{arrow.times:,}"]' if arrow.times > 1 else ""
        lines.append(f"  t{arrow.source} -> t{arrow.target}{label};")
    lines.append("}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
