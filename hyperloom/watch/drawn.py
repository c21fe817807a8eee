"""Pictures and words of a report: SVG without a script, and amounts as people say them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 960
LABEL = 200
_LETTERS = 28


def label(text: str, y: float) -> str:
    """What stands before a row."""
    short = text if len(text) <= _LETTERS else f"…{text[1 - _LETTERS :]}"
    return f'<text x="{LABEL - 8}" y="{y + 10:.0f}" text-anchor="end">{escape(short)}</text>'


def picture(parts: Iterable[str], height: float, what: str) -> str:
    """A picture of this height, and what it shows."""
    return (
        f'<figure><figcaption>{escape(what)}</figcaption><svg viewBox="0 0 {WIDTH} {height:.0f}" '
        f'role="img" aria-label="{escape(what)}">{"".join(parts)}</svg></figure>'
    )


def seconds_text(seconds: float) -> str:
    """A time in the unit that fits."""
    for unit, scale in (("µs", 1e6), ("ms", 1e3)):
        if seconds * scale < 1000:  # noqa: PLR2004 - the next unit
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds:,.1f} s"


def size_text(amount: float) -> str:
    """Bytes in the unit that fits."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004 - the next unit
            return f"{amount:.4g} {unit}"
        amount /= 1024
    return f"{amount:.4g} TiB"


def line(points: Sequence[tuple[float, float]], most: float, height: float, kind: str) -> str:
    """A curve over the whole width: x from 0 to 1, y from 0 to `most`."""
    ways = " ".join(
        f"{x * WIDTH:.1f},{height - min(1.0, y / (most or 1.0)) * height:.1f}" for x, y in points
    )
    return f'<polyline points="{ways}" class={kind} />'
