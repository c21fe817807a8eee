"""How far a streaming task is ahead of its reader, of what the control plane has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import ids
from hyperloom.gcs import codes, keys
from hyperloom.why import Paused

if TYPE_CHECKING:
    from hyperloom.watch.live import Live

_CALLS_MOST = 100


def paused_calls(live: Live, job: bytes, work: dict[str, Any] | None) -> list[bytes]:
    """The calls that an actor runs and that make no more items; `work`: what its node says of it.

    Of very many that it runs the first are looked at.
    """
    begun = work["answering"][:_CALLS_MOST] if work else ()
    calls = [bytes.fromhex(call["task_id"]) for call in begun]
    stands = live.where(job, calls)
    ahead = [stand.template.ahead if stand.template else 0 for stand in stands]
    return [
        call
        for call, most in zip(calls, ahead, strict=True)
        if most and paused(live, job, call, most) is not None
    ]


def paused(live: Live, job: bytes, task: bytes, ahead: int) -> Paused | None:
    """None: it may go on, as far as its reader is concerned.

    It may not if the last item up to which it may be ahead is there.
    """
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
