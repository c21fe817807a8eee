"""What a program measures of itself, from its driver and from its tasks alike.

    rows = loom.metrics.Counter("rows", "Rows read.", tags=("source",))

    @loom.task
    def load(path: str) -> int:
        ...
        rows.inc(n, source="s3")

The values of all processes come together in the control plane, exactly once each, and are shown
with HyperLoom's own by ``loom metrics`` for Prometheus.  They live as long as their job.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from typing import TYPE_CHECKING

from hyperloom.core import current
from hyperloom.core.metrics import named

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Counter", "Gauge", "Histogram"]

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_BOUNDARIES = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)


class _Metric:
    _kind = ""

    def __init__(self, name: str, description: str = "", *, tags: Sequence[str] = ()) -> None:
        for word in (name, *tags):
            if not isinstance(word, str) or not _NAME.fullmatch(word):
                raise ValueError(
                    f"{word!r} cannot name a metric or a tag: use letters, digits and _, and begin "
                    "with none of the digits"
                )
        self.name = name
        self.description = description
        self.tags = tuple(tags)

    def _say(self, how: str, value: float, tags: dict[str, str], part: str = "") -> None:
        name = named(self._kind, self.name, self.description, sorted(tags.items()), part)
        session = current.session()
        session.outbox.measure(how, name, value)
        session.wake()

    def _checked(self, value: float, tags: dict[str, str]) -> dict[str, str]:
        if tags.keys() != set(self.tags):
            wanted = ", ".join(f"{tag}=…" for tag in self.tags) or "none"
            raise ValueError(
                f"metric {self.name} has the tags {wanted}; given were {', '.join(tags) or 'none'}"
            )
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
        ):
            raise ValueError(f"metric {self.name} cannot take {value!r}: it takes a finite number")
        return {name: str(tag) for name, tag in tags.items()}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Counter(_Metric):
    """A sum that only grows."""

    _kind = "counter"

    def inc(self, value: float = 1, **tags: str) -> None:
        """Add to it.

        Raises:
            ValueError: the value is negative or no number, or the tags are not the metric's.
        """
        checked = self._checked(value, tags)
        if value < 0:
            raise ValueError(
                f"counter {self.name} cannot take {value!r}: it only grows; use a Gauge"
            )
        self._say("+", value, checked)


class Gauge(_Metric):
    """A value that goes up and down; whoever sets it last is right."""

    _kind = "gauge"

    def set(self, value: float, **tags: str) -> None:
        """Set it.

        Raises:
            ValueError: the value is no number, or the tags are not the metric's.
        """
        self._say("=", value, self._checked(value, tags))


class Histogram(_Metric):
    """How many values lie below each of some boundaries, and their sum."""

    _kind = "histogram"

    def __init__(
        self,
        name: str,
        description: str = "",
        *,
        boundaries: Sequence[float] = _BOUNDARIES,
        tags: Sequence[str] = (),
    ) -> None:
        super().__init__(name, description, tags=tags)
        if not boundaries or list(boundaries) != sorted(set(boundaries)):
            raise ValueError(f"boundaries={boundaries!r} of metric {name} must grow")
        self.boundaries = tuple(float(each) for each in boundaries)

    def observe(self, value: float, **tags: str) -> None:
        """Take in a value.

        Raises:
            ValueError: it is no number, or the tags are not the metric's.
        """
        checked = self._checked(value, tags)
        at = bisect_left(self.boundaries, value)
        most = self.boundaries[at] if at < len(self.boundaries) else math.inf
        self._say("+", 1, checked, f"{most:g}")
        self._say("+", value, checked, "sum")
