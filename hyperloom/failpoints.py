"""Places where a test may make a process die or stop, named; off, they cost one look each.

``LOOM_FAILPOINTS="worker.begun=kill9@3;worker.before_report=exit:3;raylet.before_step=kill9"``:
at the third time that this process comes by the first point it is killed, and so on.

The rule: code asks ``if failpoints.ON`` before it calls `hit`, so that nothing is looked up in
a process where none is set.  Each process counts for itself.

==========================  ====================================================================
worker.before_read          a worker waits for tasks next
worker.begun                it has counted a task as begun, and not yet looked at it
worker.called               the arguments are there, the user's function comes next
worker.packed               the result is packed, or sealed in shared memory, and not reported
worker.reported             its raylet was told
checkpoint.written          a file of results is written, and has not got its name yet
raylet.before_step          results lie ready, the control plane is told next
raylet.after_step           it was told, and has not answered
raylet.claimed              it has given tasks, no worker has them
membership.beaten           the raylet's lease was renewed
transfer.begun              a raylet receives an object from another node, and has not all of it
==========================  ====================================================================

Actions: ``kill9``, ``segv``, ``exit:CODE`` (without any clean-up), ``stop`` (until somebody
sends SIGCONT).  ``@N``: the N-th time; without it, the first.
"""

from __future__ import annotations

import os
import re
import signal
from typing import NamedTuple

from hyperloom.errors import InvalidOption

POINTS = (
    "worker.before_read",
    "worker.begun",
    "worker.called",
    "worker.packed",
    "worker.reported",
    "checkpoint.written",
    "raylet.before_step",
    "raylet.after_step",
    "raylet.claimed",
    "membership.beaten",
    "transfer.begun",
)

ON = False  # whether any point of this process is set

_RULE = re.compile(r"(?P<point>[\w.]+)=(?P<action>kill9|segv|stop|exit:\d+)(@(?P<at>[1-9]\d*))?")


class _Plan(NamedTuple):
    action: str
    at: int


_plans: dict[str, _Plan] = {}
_hits: dict[str, int] = {}


def arm(text: str) -> None:
    """Set the points that `text` names, and no others.

    Raises:
        InvalidOption: it names what there is not.
    """
    global ON  # noqa: PLW0603 - so that a look at it costs next to nothing
    _plans.clear()
    _hits.clear()
    for part in filter(None, text.split(";")):
        rule = _RULE.fullmatch(part.strip())
        if rule is None or rule["point"] not in POINTS:
            raise InvalidOption(
                f"failpoints: {part!r} cannot be: write point=action@times, where the points are "
                f"{', '.join(POINTS)} and the actions kill9, segv, stop and exit:CODE"
            )
        _plans[rule["point"]] = _Plan(rule["action"], int(rule["at"] or 1))
    ON = bool(_plans)


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
