"""What one raylet of a node leaves to the next, and to the others when there is none.

A raylet that starts cannot know whether it is its node's first.  So it begins with `take_over`:
what the node still holds in the control plane was held by a predecessor whose workers died
with it, and goes back into the queues, one attempt older; and what those workers held is let go
of.  Whatever the dead raylet said and the server has not read yet is stale from then on.

Jobs are not ended by a raylet's death: their drivers connect to the next one and go on.  A
driver that does not, within the time of a lease, is dead too (`hyperloom.raylet.owners`).
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from hyperloom import errors, failures
from hyperloom.failures import Attempt
from hyperloom.gcs import keys
from hyperloom.gcs.wire import Wire, fcall
from hyperloom.ids import OBJECT_BYTES, cut
from hyperloom.raylet.owners import FORSAKEN
from hyperloom.raylet.reporter import given_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hyperloom.raylet.node import NodeSettings

_AT_ONCE = 500  # tasks in one slice of a requeueing, objects in one of a burial
_CLOSED_S = 600  # how long late words about an ended job are ignored
_ID_CHARACTERS = 2 * 20
_JOB_CHARACTERS = 2 * 4


def take_over(wire: Wire, settings: NodeSettings, buried: dict[bytes, list[bytes]]) -> list[bytes]:
    """Requeue what the node's raylet before us held, and bury its workers.

    It is called again if the connection breaks: `buried` are the workers, by their jobs, that no
    call after the first finds.

    What is returned lies in this node's store for nobody: objects of jobs that are over, and
    what those workers stored and did not live to say, or held alone.
    """
    jobs = dict(_leave(wire, settings.node))
    strays = list(_objects_of_others(settings, set(jobs)))
    for job in jobs:
        _requeue(wire, job, settings.node)
        _bury(wire, job, settings.node, buried.setdefault(job, []))
    for job, processes in buried.items():
        left = list(settings.objects_of(*processes)) if processes else []
        strays += _unknown(wire, job, left)
    return strays


def leave(settings: NodeSettings) -> None:
    """The node leaves the cluster in order: its drivers' jobs end, other tasks go to others.

    When all that it said on other connections is done (`Conversation.settle`): a node that joins,
    or finishes a task, after it has left would be one that nobody knows.  Who cannot wait for that
    says nothing; then its lease runs out.
    """
    try:
        wire = Wire(settings.address)
        for job, about in _leave(wire, settings.node):
            ours = about.get("node") == settings.node.hex()
            if ours and wire.call(*fcall("job_close", keys.job_namespace(job), _CLOSED_S)) >= 0:
                wire.call(*fcall("job_forget", keys.CLUSTER, job))
                continue
            # Another node's; or it has owners besides its driver, and others look after it now.
            _requeue(wire, job, settings.node)
            _bury(wire, job, settings.node, [])
            if ours:
                _bury_one(wire, job, bytes.fromhex(about["process"]))
                forsaken = json.dumps({**about, FORSAKEN: True})
                wire.call(*fcall("job_open", keys.CLUSTER, job, forsaken))
        wire.close()
    except errors.ControlPlaneLost:
        return  # then our lease runs out, and somebody else does all this


def _leave(wire: Wire, node: bytes) -> Iterator[tuple[bytes, dict[str, Any]]]:
    reply = wire.call(*fcall("node_leave", keys.CLUSTER, node))
    for at in range(0, len(reply), 2):
        yield reply[at], json.loads(reply[at + 1])


def _requeue(wire: Wire, job: bytes, node: bytes) -> None:
    # First byte of an inline failure, see hyperloom.serialization.inline.
    failure = b"4" + failures.node_lost(Attempt(b"", "", 0, node))
    namespace = keys.job_namespace(job)
    while wire.call(*fcall("task_requeue", namespace, node, failure, _AT_ONCE)):
        pass


def _bury(wire: Wire, job: bytes, node: bytes, buried: list[bytes]) -> None:
    for process in wire.call(*fcall("process_list", keys.job_namespace(job), node)):
        buried.append(process)
        _bury_one(wire, job, process, given_up(node))


def _bury_one(wire: Wire, job: bytes, process: bytes, *killed: bytes) -> None:
    namespace, at = keys.job_namespace(job), 1
    while at:
        at = wire.call(*fcall("process_bury", namespace, process, at, _AT_ONCE, *killed))


def _unknown(wire: Wire, job: bytes, oids: list[bytes]) -> Iterator[bytes]:
    namespace = keys.job_namespace(job)
    for first in range(0, len(oids), _AT_ONCE):
        found = wire.call(*fcall("object_strays", namespace, *oids[first : first + _AT_ONCE]))
        yield from cut(found, OBJECT_BYTES)


def _objects_of_others(settings: NodeSettings, jobs: set[bytes]) -> Iterator[bytes]:
    """Ids of the objects in this node's store that belong to none of the jobs."""
    wanted = {job.hex() for job in jobs}
    for folder in (settings.store / "o", settings.spill):
        if folder.is_dir():
            for entry in os.scandir(folder):
                name = entry.name
                if len(name) == _ID_CHARACTERS and name[:_JOB_CHARACTERS] not in wanted:
                    yield bytes.fromhex(name)
