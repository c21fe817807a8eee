"""What of a job runs at this moment, as its nodes say: for reports and timelines of open jobs.

The rule: since when something runs its event says, if it has run for a while; else its worker.
Actors that wait for calls do not run.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hyperloom import events
from hyperloom.gcs import codes
from hyperloom.watch.cut_off import GOES_ON, CutOff
from hyperloom.watch.tasks import running

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.story import Event


def at_work(cluster: Cluster, job: bytes, told: Iterable[Event]) -> list[CutOff]:
    """The attempts that run; `told` are the job's events."""
    if cluster.live is None or not cluster.is_open(job):
        return []
    works = {
        bytes.fromhex(task): work
        for task, work in running(cluster).items()
        if task.startswith(job.hex()) and work["at"] in {"running", "blocked"} and work["pid"]
    }
    records = cluster.live.records(job, list(works))
    begun = _begun(told)
    now = time.time()
    found = []
    for (task, work), record in zip(works.items(), records, strict=True):
        at = begun.get((task, work["attempt"]))
        if at is None and work["seconds"] is not None:
            at = now - work["seconds"]
        if at is not None and record is not None:  # else it is over now, or nobody knows
            node, template = bytes.fromhex(work["node"]), record[: codes.TEMPLATE_ID]
            found.append(CutOff(
                task, template, work["attempt"], at, max(0.0, now - at), node, work["pid"], GOES_ON
            ))  # fmt: skip
    return found


def _begun(told: Iterable[Event]) -> dict[tuple[bytes, int], float]:
    return {
        (each.task, each.attempt): each.at
        for event in told
        if event.kind == codes.RAN
        for each in events.begun(event.payload)
    }
