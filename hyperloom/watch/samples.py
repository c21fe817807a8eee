"""How busy nodes were over time: one row of figures each some seconds, as they answered.

The rule: only nodes that answer have a row; a gap is a time of which nothing is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

SAMPLE_S = 5.0  # how often nodes are asked, while there is a job


class Sample(NamedTuple):
    """One node at one moment.  Sums are since the node's start."""

    at: float  # seconds since 1970, by the clock of who asked
    node: str
    host: str
    cpu_percent: float  # of the machine
    memory_used: int
    memory_bytes: int
    store_used: int
    spilled_bytes: int
    sent_bytes: int  # of objects, to other nodes
    received_bytes: int


def of_answer(node: str, answer: dict[str, Any], at: float) -> Sample:
    """What a node answered to ``status``."""
    load, moved = answer["load"], answer["transfers"]
    return Sample(
        at, node, answer["host"], load["cpu_percent"], load["memory_used"], load["memory_bytes"],
        answer["store"]["used"], load["spilled"], moved["sent_bytes"], moved["received_bytes"],
    )  # fmt: skip


def by_node(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """The samples of each node, as they came."""
    nodes: dict[str, list[Sample]] = {}
    for sample in samples:
        nodes.setdefault(sample.node, []).append(sample)
    return nodes
