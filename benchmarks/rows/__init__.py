"""The rows by name, in the order in which they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.rows import (
    actors,
    arrays,
    batch,
    broadcast,
    dashboard,
    direct,
    events,
    graphs,
    lineage,
    memory,
    plans,
    prefetch,
    roles,
    scale,
    start,
    sync,
    transfer,
    work,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.harness import Bench

ROWS: dict[str, Callable[[Bench], None]] = {
    "batch": batch.batch,
    "map": batch.map_,
    "sync": sync.sync,
    "chain": graphs.chain,
    "tree": graphs.tree,
    "fan-in": graphs.fan_in,
    "grid": graphs.grid,
    "plan-grid": plans.plan_grid,
    "plan-forms": plans.plan_forms,
    "plan-map": plans.plan_map,
    "plan-memory": plans.plan_memory,
    "roles": roles.roles,
    "server-direct": direct.direct,
    "lineage": lineage.lineage,
    "scale": scale.scale,
    "server-pending": memory.pending,
    "server-released": memory.released,
    "put-large": arrays.put_large,
    "get-large": arrays.get_large,
    "small-objects": arrays.small,
    "sum-large": arrays.sum_large,
    "return-large": arrays.return_large,
    "transfer": transfer.transfer,
    "broadcast": broadcast.broadcast,
    "prefetch": prefetch.prefetch,
    "efficiency": work.efficiency,
    "word-count": work.word_count,
    "actor-sync": actors.sync,
    "actor-calls": actors.calls,
    "actor-creation": actors.creation,
    "actors-idle": actors.idle,
    "events": events.events,
    "dashboard": dashboard.dashboard,
    "import": start.import_,
    "first-result": start.first_result,
    "idle": start.idle,
}

ALONE = frozenset(
    ("broadcast", "prefetch", "events", "dashboard", "import", "first-result", "idle")
)  # they start programs, and want quiet
