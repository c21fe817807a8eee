"""What the control plane tells of this process's job: attempts, and words that came too late."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hyperloom.core import current
from hyperloom.gcs import codes, keys
from hyperloom.gcs.wire import Wire, fcall
from hyperloom.ids import NODE_BYTES, TASK_BYTES
from hyperloom.watch.cluster import Cluster as Looked
from hyperloom.watch.live import Live

if TYPE_CHECKING:
    from hyperloom.testing import ClusterNode


def count(*kinds: bytes) -> int:
    """How many tasks of this job came to this (`codes.DONE`, `codes.AGAIN`, …)."""
    session = current.session()
    session.settle()
    wire = Wire(session.address)
    try:
        table = wire.call("HGETALL", keys.COUNTS.name(session.namespace))
    finally:
        wire.close()
    rows = zip(table[::2], table[1::2], strict=True)
    return sum(int(number) for name, number in rows if name[codes.TEMPLATE_ID :] in kinds)


def too_late(node: ClusterNode) -> int:
    """How many results of this node were refused, since it did not hold their attempts any more."""
    session = current.session()
    looked = Looked(Live(session.address))
    try:
        refused = [e.payload for e in looked.events(bytes(session.job)) if e.kind == codes.TOO_LATE]
    finally:
        looked.close()
    mine = [payload for payload in refused if payload.startswith(bytes.fromhex(node.id))]
    return sum(len(payload) - NODE_BYTES for payload in mine) // TASK_BYTES


def refused(node: ClusterNode, refs: list[Any]) -> int:
    """How many are refused, when the node says now that the first attempts at these have ended.

    Its raylet may have such words on its lips when it hangs, or drop them when it hears that it was
    given up: which, is a matter of microseconds.  So they are said for it.
    """
    session = current.session()
    session.settle()
    words = [part for ref in refs for part in (ref.binary()[:TASK_BYTES], 1, b"", 1, b"0late")]
    wire = Wire(session.address)
    try:
        stale, *_ = wire.call(
            *fcall("task_step", session.namespace, bytes.fromhex(node.id), 0, "", *words)
        )
    finally:
        wire.close()
    return len(stale) // TASK_BYTES


def running(pids: list[int]) -> list[int]:
    """Those that have not ended."""
    return [pid for pid in pids if _runs(pid)]


def stopped(pid: int) -> bool:
    """Whether it hangs (SIGSTOP)."""
    return _state(pid) == "T"


def _runs(pid: int) -> bool:
    return _state(pid) not in {"", "Z", "X"}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
