"""A task that runs for as long as the test wants: the one for all folders here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hyperloom as loom

if TYPE_CHECKING:
    from tests.cluster.api.gate import Gate


@loom.task
def waits(gate: Gate, notes: Gate) -> str:
    """Notes that it runs, goes on when the gate is open, and gives the node that it ran on."""
    notes.note("runs")
    gate.pass_through()
    return loom.context().node_id
