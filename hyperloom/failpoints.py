"""Places where a test may make a process die or stop, named; off, they cost one look each.

``LOOM_FAILPOINTS="worker.begun=kill9@3;raylet.before.task_step=kill9;worker.packed=exit:3"``:
at the third time that this process comes by the first point it is killed, and so on.

The rule: code asks ``if failpoints.ON`` before it calls `hit` or `says`, so that nothing is looked
up in a process where none is set.  Each process counts for itself, and comes by the points of its
own role alone: a driver dies of none that are meant for its workers.

==========================  ====================================================================
worker.before_read          a worker waits for tasks next
worker.begun                it has counted a task as begun, and not yet looked at it
worker.called               the arguments are there, the user's function comes next
worker.waiting              its task waits for an object that is not there
worker.constructed          an actor's constructor has run, and its raylet does not know
worker.packed               the result is packed, or sealed in shared memory, and not reported
worker.reported             its raylet was told
checkpoint.written          a file of results is written, and has not got its name yet
raylet.claimed              it has given tasks, no worker has them
membership.beaten           the raylet's lease was renewed
transfer.begun              a raylet receives an object from another node, and has not all of it
transfer.given              it sends one to another node, and has sent its header
spill.copied                the keeper has copied an object to disk, and nobody knows of the copy
spill.published             the copy is found, and the original not yet ended
driver.waiting              a driver waits for an object that is not there
supervisor.noticed          something has died that the supervisor starts again next
supervisor.began            it was started, and nothing says yet which process it is
ROLE.before.TRANSITION      a raylet, worker or driver asks the control plane for it next
ROLE.after.TRANSITION       it has asked, and has not seen the answer
==========================  ====================================================================

Transitions are those of ``docs/protocols/transitions.md`` that write something (`TRANSITIONS` has
whose they are); who only reads may die at any time.

Actions: ``kill9``, ``segv``, ``exit:CODE`` (without any clean-up), ``stop`` (until somebody
sends SIGCONT).  ``@N``: the N-th time; without it, the first.
"""

from __future__ import annotations

import os
import re
import signal
from typing import Final, NamedTuple

from hyperloom.errors import InvalidOption

PLACES: Final = (
    "worker.before_read",
    "worker.begun",
    "worker.called",
    "worker.waiting",
    "worker.constructed",
    "worker.packed",
    "worker.reported",
    "checkpoint.written",
    "raylet.claimed",
    "membership.beaten",
    "transfer.begun",
    "transfer.given",
    "spill.copied",
    "spill.published",
    "driver.waiting",
    "supervisor.noticed",
    "supervisor.began",
)

_OF_PROGRAMS: Final = (
    "actor_call", "actor_cede", "actor_claim", "actor_create", "actor_find", "actor_kill",
    "group_create", "group_remove", "metric_add", "object_put", "object_watch", "owner_add",
    "plan_add", "plan_forget", "process_bury", "process_stops", "ref_acquire", "ref_release",
    "stream_consume", "task_cancel", "task_drop", "task_evict", "task_plan", "task_range",
    "task_shut", "task_submit", "template_declare",
)  # fmt: skip

# Who asks for what.
TRANSITIONS: Final = {
    "raylet": (
        "actor_left", "actor_lost", "actor_move", "actor_open", "actor_over", "actor_save",
        "event_add", "event_open", "group_sync", "job_close", "job_forget", "job_open",
        "job_orphan", "job_rest", "node_attach", "node_beat", "node_join", "node_leave",
        "object_copied", "process_bury",
        "task_cancel", "task_evict", "task_give_back", "task_hand_on", "task_held",
        "task_put_off", "task_redirect", "task_remake", "task_requeue", "task_retry", "task_step",
    ),
    "worker": (*_OF_PROGRAMS, "process_join", "ref_contain", "stream_open", "task_yield"),
    "driver": _OF_PROGRAMS,
}  # fmt: skip

POINTS: Final = (
    *PLACES,
    *(
        f"{role}.{moment}.{transition}"
        for role, transitions in TRANSITIONS.items()
        for transition in transitions
        for moment in ("before", "after")
    ),
)

ON = False  # whether any point of this process is set

_RULE = re.compile(r"(?P<point>[\w.]+)=(?P<action>kill9|segv|stop|exit:\d+)(@(?P<at>[1-9]\d*))?")
_ASKED = re.compile(rb"FCALL\r\n\$\d+\r\nloom_(\w+)\r\n")  # in packed words
_HOSTS = {"checkpoint": "worker", "membership": "raylet", "transfer": "raylet", "spill": "raylet"}


class _Plan(NamedTuple):
    action: str
    at: int


_role = ""  # of this process; "": all points are its own
_plans: dict[str, _Plan] = {}
_hits: dict[str, int] = {}


def arm(text: str, role: str | None = None) -> None:
    """Set the points that `text` names, and no others; of those of this process's `role`.

    Raises:
        InvalidOption: it names what there is not.
    """
    global ON, _role  # noqa: PLW0603 - so that a look at it costs next to nothing
    _role = _role if role is None else role
    _plans.clear()
    _hits.clear()
    for part in filter(None, text.split(";")):
        rule = _RULE.fullmatch(part.strip())
        if rule is None or rule["point"] not in POINTS:
            raise InvalidOption(
                f"failpoints: {part!r} cannot be: write point=action@times, where the points are "
                f"{', '.join(PLACES)}, and ROLE.before.TRANSITION and ROLE.after.TRANSITION of "
                f"those that a {' or '.join(TRANSITIONS)} asks for; and the actions kill9, segv, "
                "stop and exit:CODE"
            )
        place = rule["point"].partition(".")[0]
        if _role in {"", _HOSTS.get(place, place)}:
            _plans[rule["point"]] = _Plan(rule["action"], int(rule["at"] or 1))
    ON = bool(_plans)


def says(moment: str, words: bytes) -> None:
    """This process is about to say packed words to the control plane, or has just said them."""
    for transition in _ASKED.findall(words):
        hit(f"{_role}.{moment}.{transition.decode()}")


def hit(point: str) -> None:
    """This process comes by a point."""
    plan = _plans.get(point)
    if plan is None:
        return
    _hits[point] = _hits.get(point, 0) + 1
    if _hits[point] != plan.at:
        return
    kind, _, code = plan.action.partition(":")
    if kind == "exit":
        os._exit(int(code))
    number = {"kill9": signal.SIGKILL, "segv": signal.SIGSEGV, "stop": signal.SIGSTOP}[kind]
    os.kill(os.getpid(), number)
