"""How far a streaming task is ahead of its reader, of what the control plane has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import ids
from hyperloom.gcs import codes, keys
from hyperloom.why import Paused

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Live


def paused(cluster: Cluster, job: bytes, task: bytes, ahead: int) -> Paused | None:
    """None: it may go on, as far as its reader is concerned.

    It may not if the last item up to which it may be ahead is there.
    """
    live = cluster.control_plane
    row = live.wire.call("HGET", keys.STREAM.name(keys.job_namespace(job)), task)
    taken = int(row[ids.PROCESS_BYTES :] or 0) if row else 0
    if row is None or taken >= int(codes.FOR_EVER):
        return None
    last = ids.object_id(ids.TaskID(task), taken + ahead)
    if live.value(job, last) is None:
        return None
    return Paused(ahead=ahead, taken=taken, reader=_reader(live, job, task))


def _reader(live: Live, job: bytes, task: bytes) -> str:
    """The process that submitted it, for only that has the generator."""
    process = ids.process_of(ids.TaskID(task))
    home = live.wire.call("HGET", keys.HOMES.name(keys.job_namespace(job)), process)
    if home:
        return f"worker {ids.short(process)} on node {home.hex()[:8]}"
    about = live.jobs().get(job, {})
    program = " ".join(about.get("argv", [])) or "?"
    return f"the program {program} (pid {about.get('pid', '?')})"
