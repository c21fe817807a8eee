"""Why a task is not over: facts gathered for `hyperloom.why`; and what there is of one task."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hyperloom import bundles, events, ids, specs, why
from hyperloom.gcs import codes, keys, standing
from hyperloom.gcs.groups import Standing
from hyperloom.resources import ResourceSet
from hyperloom.watch import actors, errors, groups, inputs, overall, story, streams
from hyperloom.watch.inputs import thing
from hyperloom.watch.tasks import AT_WORK, running

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from hyperloom.watch.cluster import Cluster
    from hyperloom.watch.live import Live, Stand
    from hyperloom.watch.story import Event

_ENDED = {"UNKNOWN", "OVER"}
_NAMED = 5  # inputs that a waiting task's line names
STUCK = {why.Why.TOO_LARGE, why.Why.NO_NODE, why.Why.INPUT_LOST, why.Why.NODE_SILENT}
_STEPS = 200  # from a waiting task to what it waits for


def explain(cluster: Cluster, task: bytes) -> list[dict[str, Any]]:
    """The task, what it waits for, what that waits for, and so on: a line each, the cause last."""
    lines: list[dict[str, Any]] = []
    seen: set[bytes] = set()
    at_work = running(cluster)
    following: bytes | None = task
    while following is not None and following not in seen and len(lines) < _STEPS:
        line, makers = _line(cluster, following, at_work, seen)
        seen.add(following)
        lines.append(line)
        following = _next(cluster, makers, at_work)
    return lines


def _next(
    cluster: Cluster, makers: list[bytes], at_work: dict[str, dict[str, Any]]
) -> bytes | None:
    """Of tasks that are waited for the one that will not come by itself, or else the first."""
    if len(makers) > 1:
        for maker in makers:
            line, _ = _line(cluster, maker, at_work)
            if line["why"] in STUCK:
                return maker
    return makers[0] if makers else None


def _line(
    cluster: Cluster,
    task: bytes,
    at_work: dict[str, dict[str, Any]],
    before: Collection[bytes] = (),
) -> tuple[dict[str, Any], list[bytes]]:
    """What is to be said of a task, and tasks that it waits for; those `before` wait for it."""
    job = bytes(ids.job_of(task))  # type: ignore[arg-type]
    told = story.steps(cluster.events(job), task)
    stand = _stand(cluster, job, task)
    name = stand.template.name if stand and stand.template else _name_of(cluster, job, task, told)
    facts = _facts(cluster, job, task, stand, told, at_work)
    facts = replace(facts, stands=standing.in_circle(facts.stands, before))
    lacking = [] if stand is None else stand.lacks
    state = facts.becomes or _as_in_tables(facts.state, at_work.get(task.hex()))
    decided = _decided(task, name, facts)
    line = {**decided, "state": state, "lacks": [oid.hex() for oid in lacking]}
    makers = [] if facts.lost else [bytes(ids.task_of(oid)) for oid in lacking]  # type: ignore[arg-type]
    called = getattr(facts.stands, "called", b"")
    if facts.origin:
        called = bytes.fromhex(story.origin(told))
    return line, [called] if called else list(dict.fromkeys(makers))


def _decided(task: bytes, name: str, facts: why.Facts) -> dict[str, Any]:
    reason = why.decide(facts)
    return {
        "task": task.hex(), "short": ids.short(task), "name": name, "state": facts.state,
        "why": str(reason.why), "says": reason.says, "advice": reason.advice,
    }  # fmt: skip


def alike(cluster: Cluster, task: bytes, at_work: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What is to be said of it and of tasks that are kept by the same; not of it alone."""
    job = bytes(ids.job_of(task))  # type: ignore[arg-type]
    stand = _stand(cluster, job, task)
    facts = _facts(cluster, job, task, stand, [], at_work)
    name = stand.template.name if stand and stand.template else "?"
    line = _decided(task, name, replace(facts, position=None, attempt=1))
    return {**line, "lacks": [oid.hex() for oid in (stand.lacks if stand else ())]}


def _as_in_tables(state: str, work: dict[str, Any] | None) -> str:
    """What a node has, a worker may have begun."""
    return "RUNNING" if state == "HELD" and work and work["at"] in AT_WORK else state


def _stand(cluster: Cluster, job: bytes, task: bytes) -> Stand | None:
    if cluster.live is None:
        return None
    return cluster.live.where(job, [task], _NAMED)[0]


def _facts(  # noqa: PLR0913, PLR0917 - what was asked already
    cluster: Cluster,
    job: bytes,
    task: bytes,
    stand: Stand | None,
    told: list[dict[str, Any]],
    at_work: dict[str, dict[str, Any]],
) -> why.Facts:
    error = story.last_error(told)
    state = stand.state if stand else "UNKNOWN"
    if stand is None or cluster.live is None or state in _ENDED:
        state, origin = story.ended(told) or state, story.origin(told)
        first = ids.short(bytes.fromhex(origin)) if origin and state == "FAILED" else ""
        return why.Facts(state=state, error=error, origin=first)
    live = cluster.live
    if state == "WAITING":
        return _waiting(live, job, stand)
    attempt = live.tries(job, task) + 1
    asked = ResourceSet.parse(stand.template.shape) if stand.template else ResourceSet({})
    nodes = [why.told(about) for about in live.nodes()]
    if state == "READY" and stand.detail == specs.CALL_QUEUE:
        return why.Facts(
            state=state, actor=_actor_of(live, job, task),
            missing=len(stand.lacks), error=error, stands=_at_actor(live, job, task, stand),
        )  # fmt: skip
    if stand.becomes:
        lacks = [ids.short(oid) for oid in stand.lacks]
        return why.Facts(state=state, lacks=lacks, becomes=stand.becomes)
    if state == "READY":
        group = bundles.group_of(name for name, _ in asked.items())
        placed = groups.standing(live, group) if group else Standing("", fits=True)
        at, size = live.place(job, stand.detail, task, attempt)
        return why.Facts(
            state=state, asked=asked, priority=int(stand.detail.partition("|")[0]), nodes=nodes,
            position=at, waiting=size, attempt=attempt, error=error,
            group_state=placed.state, group_fits=placed.fits,
        )  # fmt: skip
    work = at_work.get(task.hex())
    call = stand.template is not None and stand.template.role == "call"
    ahead = stand.template.ahead if stand.template else 0
    return why.Facts(
        state=state, asked=asked, nodes=nodes, holder=stand.detail, attempt=attempt, error=error,
        calls=_unanswered(live, job, task, stand, work),
        paused_calls=[ids.short(call) for call in _paused_calls(live, job, stand, work)],
        at_node=work["at"] if work else "seat" if _answers(at_work, stand.detail) else "",
        pid=(work["pid"] or 0) if work else 0, seconds=(work["seconds"] or 0.0) if work else 0.0,
        stands=None if work and not call else _at_actor(live, job, task, stand),
        paused=streams.paused(live, job, task, ahead) if ahead else None,
    )  # fmt: skip


def _at_actor(live: Live, job: bytes, task: bytes, stand: Stand) -> Any:  # noqa: ANN401
    """How far an actor is with a call, or with itself; None: this is neither, or nobody says."""
    if stand.template is None or not stand.template.role or stand.lacks:
        return None
    node = stand.detail if stand.state == "HELD" else ""
    return standing.of(live.wire, keys.job_namespace(job), {task: node}).get(task)


def _unanswered(
    live: Live, job: bytes, task: bytes, stand: Stand, work: dict[str, Any] | None
) -> int | None:
    """Calls of an actor that takes calls; None of anything else."""
    if stand.template is None or stand.template.role != "actor":
        return None
    waiting = actors.waiting(live, job, task)
    return None if waiting is None else waiting + (work["calls"] if work else 0)


def _paused_calls(live: Live, job: bytes, stand: Stand, work: dict[str, Any] | None) -> list[bytes]:
    is_actor = stand.template is not None and stand.template.role == "actor"
    return streams.paused_calls(live, job, work) if is_actor else []


def _actor_of(live: Live, job: bytes, task: bytes) -> str:
    """A call's actor: its object is the first ref that is no input."""
    record = live.record(job, task)
    others = specs.others_of(record) if record else b""
    return f"actor {ids.short(others[: ids.TASK_BYTES])}" if others else "its actor"


def _answers(at_work: dict[str, dict[str, Any]], node: str) -> bool:
    """Whether the node said what its workers have: what they do not have waits for a seat."""
    return any(work["node"] == node for work in at_work.values())


def _waiting(live: Live, job: bytes, stand: Stand) -> why.Facts:
    makers = [bytes(ids.task_of(oid)) for oid in stand.lacks]  # type: ignore[arg-type]
    stands = live.where(job, makers)
    lost = [
        ids.short(oid)
        for oid, maker in zip(stand.lacks, stands, strict=True)
        if maker.state == "UNKNOWN" and live.value(job, oid) is None
    ]
    lacks = [ids.short(oid) for oid in stand.lacks]
    return why.Facts(state="WAITING", lacks=lacks, missing=int(stand.detail), lost=lost)


def _name_of(cluster: Cluster, job: bytes, task: bytes, steps: list[dict[str, Any]]) -> str:
    for event in cluster.events(job):
        template = _template_in(event, task) if task in event.payload else None
        if template is not None:
            return cluster.name(job, template)
    never_ran = [step["what"] for step in steps] == ["submitted"]
    return (_only_one_left(cluster, job) if never_ran else None) or "?"


def _only_one_left(cluster: Cluster, job: bytes) -> str | None:
    """Of a job that is over the function whose tasks have not all ended, if there is one such.

    Of what never ran no event has the function; if events went, others are without an end, too.
    """
    about = cluster.jobs().get(job, {})
    if about.get("state") != "ended" or about.get("dropped"):
        return None
    names = [row["name"] for row in overall.by_name(cluster, job) if row["left"]]
    return names[0] if len(names) == 1 else None


def _template_in(event: Event, task: bytes) -> bytes | None:
    if event.kind == codes.CANCELLED:
        return events.cancelled(event.payload).get(task)
    if event.kind == codes.ACTOR_ENDED and event.payload.startswith(task):
        return events.actor_ended(event.payload).template
    if event.kind == codes.CALLS_LOST:
        return events.calls_lost(event.payload).templates.get(task)
    if event.kind == codes.NODE_FAILED:
        return events.failed_with_node(event.payload)[1].get(task)
    if event.kind != codes.RAN:
        return None
    told = [(ran.task, ran.template) for ran in events.attempts(event.payload)]
    told += [(begun.task, begun.template) for begun in events.begun(event.payload)]
    return dict(told).get(task)


def show(cluster: Cluster, task: bytes) -> dict[str, Any]:
    """One task: what it is, where it stands and why, its inputs and outputs, and its story."""
    job = bytes(ids.job_of(task))  # type: ignore[arg-type]
    at_work = running(cluster)
    told = story.going_on(
        story.steps(cluster.events(job), task), at_work.get(task.hex()), time.time()
    )
    line, _ = _line(cluster, task, at_work)
    record = cluster.live.record(job, task) if cluster.live else None
    stand = _stand(cluster, job, task)
    template = stand.template if stand else None
    about: dict[str, Any] = {
        "id": task.hex(), "short": ids.short(task), "name": line["name"], "job": job.hex(),
        "state": line["state"], "why": line["why"], "says": line["says"],
        "advice": line["advice"],
        **inputs.of_task(cluster, task, record), "outputs": _outputs(cluster, job, task),
        "options": None, "steps": told, "origin": story.origin(told) or None,
    }  # fmt: skip
    about["traceback"], about["traceback_of"] = errors.traceback_of(cluster, task)
    if template is not None:
        about["options"] = {
            "asks": ResourceSet.parse(template.shape).as_dict(), "priority": template.priority,
            "retries": template.retries, "timeout_s": template.timeout_s,
        }  # fmt: skip
    return about


def _outputs(cluster: Cluster, job: bytes, task: bytes) -> Sequence[dict[str, Any]]:
    if cluster.live is None:
        return []
    oids = [ids.object_id(task, index) for index in range(_OUTPUTS)]  # type: ignore[arg-type]
    values = [(oid, cluster.live.value(job, oid)) for oid in oids]
    return [thing(oid, value) for oid, value in values if value is not None]


_OUTPUTS = 8
