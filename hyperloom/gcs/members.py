"""The cluster's nodes as the control plane has them: what each said of itself, and how lately."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_MISSED = 2  # beats; a node that was not heard of for longer is silent


def of(reply: Sequence[Any]) -> Iterator[dict[str, Any]]:
    """The answer of ``node_list``, each with `node`, `alive`, `silent_s` and `left_s`.

    `silent_s`: for how long it was not heard of, if that is longer than usual, else 0; `left_s`:
    how long it is waited for yet.
    """
    for at in range(0, len(reply), 3):
        node, about, left_ms = reply[at : at + 3]
        fields = json.loads(about)
        left_s = left_ms / 1000
        silent_s = fields.get("lease_s", left_s) - left_s
        if silent_s <= _MISSED * fields.get("beat_s", 0):
            silent_s = 0.0
        fields |= {"node": node.hex(), "alive": left_ms >= 0}
        yield {**fields, "silent_s": silent_s, "left_s": max(0.0, left_s)}
