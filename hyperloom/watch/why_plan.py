"""Why a plan is not over; or, of one that is told from history, what it came to.

The rule: what is said of a plan is what `loom show` has of it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from hyperloom import ids
from hyperloom.watch import followed, plans, reasons, standing

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.standing import Standing


def explain(cluster: Cluster, plan: bytes) -> list[dict[str, Any]]:
    """Why it is not over: the plan, then a task that is left, and what that waits for.

    Raises:
        errors.NotFound: it went just now.
    """
    each, record = plans.found(cluster, plan)
    if each.told_from == plans.HISTORY and not cluster.is_open(plan[: ids.JOB_BYTES]):
        return [_bygone(followed.show(cluster, plan))]
    stands = standing.look(cluster, plan, record)
    if each.told_from == plans.HISTORY:
        head = _bygone(followed.show(cluster, plan))
    else:
        about = plans.show(each, record, stands, plans.how_it_stands(cluster, each, record))
        head = _head(about, _says(about), _ended(about, stands))
    left = {one.task for one in stands.looked_at}
    if not left:
        return [head]
    makers = (oid[: ids.TASK_BYTES] for oid in islice(standing.results(plan, record), _MAKERS))
    first = next((task for task in makers if task in left), min(left))
    return [head, *reasons.explain(cluster, first)]


def _head(about: dict[str, Any], says: str, ended: dict[str, str]) -> dict[str, Any]:
    told = f"; told from {about['told_from_text']}" if "told_from_text" in about else ""
    return {
        "plan": about["id"], "short": f"plan {about['id']}", "name": about["label"],
        "state": "LEFT" if about["left"] else "OVER", "why": "plan",
        "says": says + "".join(ended.values()) + told,
        "advice": f"see what failed: loom show {about['id']}" if ended["failed"] else "",
        **{name: about[name] for name in _EXPLAINED},
    }  # fmt: skip


def _bygone(about: dict[str, Any]) -> dict[str, Any]:
    """Of one that nobody can take up: its tasks are counted, as far as anything is told of them."""
    says = f"is over: {about['tasks_done']:,} of {about['tasks']:,} tasks are done"
    if about["goes_on"]:
        says = f"has {about['left']:,} of {about['tasks']:,} tasks left"
    elif about["left"]:
        says += f", {about['left']:,} never ended"
    if about["untold"]:
        says += f", of {about['untold']:,} nothing is told any more"
    ended = {what: _of_tasks(about[f"tasks_{what}"], what) for what in ("failed", "cancelled")}
    return _head(about, says, ended)


def _of_tasks(number: int, what: str) -> str:
    be = "" if what == "failed" else "was " if number == 1 else "were "
    return f"; {number:,} task{'' if number == 1 else 's'} {be}{what}" if number else ""


_EXPLAINED = (
    "tasks", "left", "left_looked_at", "running", "ready", "waiting", "results", "looked_at",
    "there", "failed", "cancelled", "told_from",
)  # fmt: skip
_MAKERS = 100_000  # of results, among which the first is looked for that is left


def _says(about: dict[str, Any]) -> str:
    looked_at = about["looked_at"]
    some = looked_at < about["results"]
    said = f"is over: {about['there']:,} of {about['results']:,} results are there"
    if some:
        said = f"is over: {about['there']:,} of the {looked_at:,} results looked at are there"
    if about["left"]:
        said = f"has {about['left']:,} of {about['tasks']:,} tasks left"
        states = [state for state in standing.STATES.values() if about[state]]
        if states:
            said += ": " + ", ".join(f"{about[state]:,} {state}" for state in states)
        if 0 < about["left_looked_at"] < about["left"]:
            said += f" of the {about['left_looked_at']:,} looked at"
    return said


def _ended(about: dict[str, Any], stands: Standing) -> dict[str, str]:
    """What is said of its results that failed, and of those that were cancelled.

    Of a large plan, of which some results are looked at, it is said of its tasks: all are counted.
    """
    looked_at, said = about["looked_at"], {}
    some = looked_at < about["results"]
    for what in ("failed", "cancelled"):
        number, noun, of = about[what], "result", ""
        if some and stands.names is not None:
            number, noun = sum(row[what] for row in stands.names), "task"
        elif some:
            noun, of = "results looked at", f"of the {looked_at:,} "
        noun += "s" if number > 1 and not of else ""
        be = "" if what == "failed" else "was " if number == 1 else "were "
        said[what] = f"; {number:,} {of}{noun} {be}{what}" if number else ""
    return said
