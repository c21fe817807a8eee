"""How a metric is named in the control plane: JSON, so that anybody can read the table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Named(NamedTuple):
    """A row of the table of metrics."""

    kind: str  # "counter", "gauge", "histogram"
    name: str
    description: str
    tags: tuple[tuple[str, str], ...]
    part: str  # of a histogram: the upper boundary of a bucket, or "sum"


def named(
    kind: str, name: str, description: str, tags: Sequence[tuple[str, str]], part: str
) -> str:
    """The name of a row."""
    return json.dumps([kind, name, description, tags, part])


def read(row: bytes) -> Named:
    """The name again."""
    kind, name, description, tags, part = json.loads(row)
    return Named(kind, name, description, tuple((key, value) for key, value in tags), part)
