"""The part of a report about nodes: CPU, memory, store over time; what moved between them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from hyperloom.watch.drawn import line, picture, size_text
from hyperloom.watch.samples import SAMPLE_S, by_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.samples import Sample

_HEIGHT = 80
_NODES = 32  # that have a picture
_HEADS = ("node", "CPU", "memory", "object store", "on disk", "sent", "received")


def section(cluster: Cluster, began: float, length_s: float) -> str:
    """Markup for a run; a short one has its figures from just before or after it."""
    nodes = by_node(cluster.samples(began - SAMPLE_S, began + length_s + SAMPLE_S))
    if not nodes:
        return "<p>No figures were recorded: a head records them every few seconds.</p>"
    rows = "".join([_row(each) for each in nodes.values()])
    heads = "".join([f"<th>{head}</th>" for head in _HEADS])
    table = f"<table><tr>{heads}</tr>{rows}</table>"
    shown = [_curves(each, began, length_s or 1.0) for each in list(nodes.values())[:_NODES]]
    more = len(nodes) - len(shown)
    return table + "".join(shown) + (f"<p>and {more} more nodes</p>" if more > 0 else "")


def _row(samples: Sequence[Sample]) -> str:
    """The mean or the most of each figure; of what moved, what did so meanwhile."""
    first, last = samples[0], samples[-1]
    cells = (
        f"{sum(each.cpu_percent for each in samples) / len(samples):.0f} %",
        size_text(max(each.memory_used for each in samples)),
        size_text(max(each.store_used for each in samples)),
        size_text(max(each.spilled_bytes for each in samples)),
        size_text(last.sent_bytes - first.sent_bytes),
        size_text(last.received_bytes - first.received_bytes),
    )
    cells_text = "".join([f"<td>{cell}</td>" for cell in cells])
    return f"<tr><th>{escape(f'{last.node[:8]} on {last.host}')}</th>{cells_text}</tr>"


def _curves(samples: Sequence[Sample], began: float, length_s: float) -> str:
    times = [min(1.0, max(0.0, (each.at - began) / length_s)) for each in samples]
    cpu = [each.cpu_percent for each in samples]
    memory = [100 * each.memory_used / (each.memory_bytes or 1) for each in samples]
    store = [100 * each.store_used / (each.memory_bytes or 1) for each in samples]
    curves = [
        line(list(zip(times, values, strict=True)), 100, _HEIGHT, kind)
        for kind, values in (("cpu", cpu), ("memory", memory), ("store", store))
    ]
    what = (
        f"{samples[0].node[:8]} on {samples[0].host}, percent of the machine: CPU (blue), memory "
        "(green), of it objects (red)"
    )
    return picture(curves, _HEIGHT, what)
