"""Detached plans in a table: those that go on, or are kept, without their driver."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hyperloom import ids
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import fcall

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Live

_LOOKED_AT = 20_000  # tasks of a job that are not over


def plans(cluster: Cluster, jobs: Iterable[bytes]) -> list[dict[str, Any]]:
    """The detached plans of these jobs; `left` are tasks that are not over, None: too many."""
    live = cluster.control_plane
    return [row for job in jobs for row in _of_job(live, job)]


def _of_job(live: Live, job: bytes) -> list[dict[str, Any]]:
    flat = live.wire.call(*fcall("owner_list", keys.job_namespace(job)))
    owners = dict(zip(flat[::2], flat[1::2], strict=True))
    found = {plan: about for plan, about in owners.items() if about[:1] == codes.DETACHED}
    if not found:
        return []
    tasks, total = live.tasks(job, _LOOKED_AT)
    rows = []
    for plan, about in found.items():
        left = sum(task[: ids.PROCESS_BYTES] == plan for task in tasks)
        known = json.loads(about[1:])
        rows.append({
            "id": plan.hex(), "short": ids.short(plan), "job": job.hex(),
            "left": left if total == len(tasks) else None, **known,
        })  # fmt: skip
    return sorted(rows, key=lambda row: row["at"])
