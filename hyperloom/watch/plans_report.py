"""The part of a report about plans: how far each is, or came."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any

from hyperloom.watch.bygone import Bygone

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster

_ROWS = 200
_HEADS = ("plan", "label", "submitted", "tasks", "left", "results", "there", "failed", "cancelled")
_SHOWN = ("tasks", "left_text", "results", "there_text", "failed_text", "cancelled_text")


def section(cluster: Cluster, job: bytes) -> str:
    """Markup for the plans of a job; nothing if none is known."""
    rows = Bygone().table(cluster, [job])
    if not rows:
        return ""
    heads = "".join([f"<th>{head}</th>" for head in _HEADS])
    table = f"<table><tr>{heads}</tr>{''.join([_row(row) for row in rows[:_ROWS]])}</table>"
    told = [row["told_from_text"] for row in rows if "told_from_text" in row]
    are = "plan is" if len(told) == 1 else "plans are"
    note = f"<p>{len(told):,} {are} told from {escape(told[0])}.</p>" if told else ""
    more = len(rows) - _ROWS
    return f"<h2>Plans</h2>{table}{note}" + (f"<p>and {more:,} more</p>" if more > 0 else "")


def _row(row: dict[str, Any]) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row["at"]))
    cells = [f"{row[name]:,}" if isinstance(row[name], int) else row[name] for name in _SHOWN]
    return (
        f"<tr><th>{escape(row['id'])}</th><td class=text>{escape(row['label'])}</td>"
        f"<td>{at}</td>{''.join([f'<td>{escape(cell)}</td>' for cell in cells])}</tr>"
    )
