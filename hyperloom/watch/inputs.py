"""What a task takes: objects as they are, or, when it is over, who made them.

The rule: what is not known any more is not made up.  Of a task that is over its attempts tell the
makers of its first inputs, as far as they are told of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import events, ids, specs
from hyperloom.events import Ended
from hyperloom.gcs import codes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperloom.watch.cluster import Cluster

_OBJECTS = 100  # inputs of a task that are shown
_FAILED = {Ended.FAILED, Ended.PASSED_ON}


def of_task(cluster: Cluster, task: bytes, record: bytes | None) -> dict[str, Any]:
    """Its `inputs`, each with the `task` that made it; None: they are not known any more.

    Of many the first are told; `inputs_cut`: there are more, or may be.
    """
    job = task[: ids.JOB_BYTES]
    if record is not None and cluster.live is not None:
        oids = specs.inputs_of(record)
        shown = [_made(thing(oid, cluster.live.value(job, oid))) for oid in oids[:_OBJECTS]]
        return {"inputs": shown, "inputs_cut": len(oids) > _OBJECTS}
    told = [event.payload for event in cluster.events(job) if event.kind == codes.RAN]
    makers = _makers(told, task)
    if makers is None:
        return {"inputs": None, "inputs_cut": False}
    states = _states(told, set(makers))
    shown = [_by(maker, states.get(maker, "")) for maker in makers]
    return {"inputs": shown, "inputs_cut": len(makers) == events.INPUTS_MOST}


def _made(about: dict[str, Any]) -> dict[str, Any]:
    return {**about, "task": about["id"][: 2 * ids.TASK_BYTES]}


def _by(maker: bytes, state: str) -> dict[str, Any]:
    """An input of which only that is known who made it."""
    return {
        "id": None, "short": ids.short(maker), "state": state, "where": None, "bytes": None,
        "task": maker.hex(),
    }  # fmt: skip


def _makers(told: Iterable[bytes], task: bytes) -> list[bytes] | None:
    """Of the first inputs; None: no attempt tells of them."""
    found = None
    for payload in told:
        if task in payload:
            for ran in events.attempts(payload):
                if ran.task == task:
                    found = ran.inputs or found or []
    return found


def _states(told: Iterable[bytes], tasks: set[bytes]) -> dict[bytes, str]:
    """How tasks ended that made inputs; of some nothing is told, such as of a put."""
    states: dict[bytes, str] = {}
    for payload in told:
        for run in events.ran(payload).runs:
            for task, ended in run.ends_of(tasks):
                states[task] = "FAILED" if ended in _FAILED else "PRESENT"
    return states


def thing(oid: bytes, value: bytes | None) -> dict[str, Any]:
    """An object in a line: its size, and where it lies."""
    about: dict[str, Any] = {"id": oid.hex(), "short": ids.short(oid)}
    if value is None:
        return {**about, "state": "MISSING", "where": None, "bytes": None}
    if value[:1] == codes.SHARED:
        node, size = value[1 : 1 + ids.NODE_BYTES].hex(), codes.stored_bytes(value)
        return {**about, "state": "PRESENT", "where": node, "bytes": size}
    return {**about, "state": state_of(value), "where": "control plane", "bytes": len(value)}


def state_of(value: bytes) -> str:
    """What a value is: that of a task that failed, or was cancelled, or one to be taken."""
    if value.startswith(codes.WAS_CANCELLED):
        return "CANCELLED"
    return "FAILED" if value[:1] == codes.FAILURE else "PRESENT"
