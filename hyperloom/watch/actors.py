"""Actors in a table: where they live, how many calls run and wait; and of what others died."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import events, ids
from hyperloom.gcs import codes, keys
from hyperloom.watch import streams
from hyperloom.watch.tasks import running

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hyperloom.watch.cluster import Cluster, Found
    from hyperloom.watch.live import Live
    from hyperloom.watch.story import Event


def actors(cluster: Cluster, jobs: Iterable[bytes]) -> list[dict[str, Any]]:
    """The actors of these jobs that are not over.

    `dealt` calls were given to their host since they live, `answering` ones run, and `waiting` ones
    have not begun, there or in the control plane.  Of those that run, `paused` are streams whose
    reader has to take the next item first.
    """
    if cluster.live is None:
        return []
    live, at_work = cluster.live, running(cluster)
    return [row for job in jobs for row in _of_job(live, job, at_work)]


def ended(cluster: Cluster, jobs: Iterable[bytes]) -> list[dict[str, Any]]:
    """Those that are over, the latest last; what of the same was known while they lived is not."""
    return [
        {**_OVER, **_dead(cluster, job, event)}
        for job in jobs
        for event in cluster.events(job)
        if event.kind == codes.ACTOR_ENDED
    ]


_OVER = dict.fromkeys(
    ("id", "short", "job", "class", "name", "namespace", "detached", "state", "stands", "node",
     "dealt", "answering", "paused", "waiting", "restarts", "ended", "error")
)  # fmt: skip


def _dead(cluster: Cluster, job: bytes, event: Event) -> dict[str, Any]:
    over = events.actor_ended(event.payload)
    return {
        "id": over.actor.hex(), "short": ids.short(over.actor), "job": job.hex(),
        "class": cluster.name(job, over.template), "state": "DEAD", "ended": event.at,
        "error": over.error.text.partition(" is dead: ")[2] or over.error.text,
    }  # fmt: skip


def _of_job(live: Live, job: bytes, at_work: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    ns = keys.job_namespace(job)
    flat, hosts = live.ask([
        ("HGETALL", keys.ACTOR.name(ns)), ("HGETALL", keys.HOST.name(ns))
    ])  # fmt: skip
    homes = dict(zip(hosts[::2], hosts[1::2], strict=True))
    known = dict(zip(flat[::2], flat[1::2], strict=True))
    found = sorted(known)
    stands = live.where(job, found)
    rows = []
    for actor, stand in zip(found, stands, strict=True):
        row, work = known[actor], at_work.get(actor.hex())
        namespace, name = _called(row)
        rows.append({
            "id": actor.hex(), "short": ids.short(actor), "job": job.hex(),
            "class": stand.template.name if stand.template else "?",
            "name": name,
            "namespace": namespace,
            "detached": row[:1] == codes.DETACHED,
            **_home(homes.get(actor), stand.state),
            **_calls(work, _in_lanes(live, ns, actor)),
            "paused": len(streams.paused_calls(live, job, work)),
            "restarts": live.tries(job, actor),
            "ended": None,
            "error": None,
        })  # fmt: skip
    return rows


def named(live: Live, job: bytes, text: str) -> list[bytes]:
    """Those of a job that were given this name, which may stand behind their namespace."""
    flat = live.wire.call("HGETALL", keys.ACTOR.name(keys.job_namespace(job)))
    return [
        actor
        for actor, row in zip(flat[::2], flat[1::2], strict=True)
        for namespace, name in (_called(row),)
        if name and text in {name, f"{namespace}/{name}"}
    ]


def _called(row: bytes) -> tuple[str, str]:
    """The namespace and the name of an actor, as its row has them."""
    namespace, _, name = row[1:].decode(errors="replace").rpartition("\0")
    return namespace, name


def class_of(cluster: Cluster, found: Found) -> str | None:
    """The class of the actor that was found by its id; None: that is no actor, or it is over."""
    if found.kind not in {"task", "object"}:
        return None
    (stand,) = cluster.control_plane.where(found.job, [found.id[: ids.TASK_BYTES]])
    return stand.template.name if stand.template and stand.template.role == "actor" else None


def waiting(live: Live, job: bytes, actor: bytes) -> int | None:
    """Calls of the actor that are not at its host; None: it takes none yet, or is over."""
    ns = keys.job_namespace(job)
    opened = live.wire.call("HEXISTS", keys.HOST.name(ns), actor)
    return _in_lanes(live, ns, actor) if opened else None


def _in_lanes(live: Live, ns: str, actor: bytes) -> int:
    lanes = live.wire.call("ZRANGE", keys.LANES.name(ns, actor), 0, -1)
    return sum(live.ask([("LLEN", keys.LANE.name(ns, actor + process)) for process in lanes]))


def _home(host: bytes | None, state: str) -> dict[str, Any]:
    if host is None:
        return {"state": "PENDING", "stands": state, "node": None, "dealt": 0}
    _, _, dealt = host[codes.NODE_ID :].split(b",")
    node = host[: codes.NODE_ID].hex()
    return {"state": "ALIVE", "stands": state, "node": node, "dealt": int(dealt)}


def _calls(work: dict[str, Any] | None, in_lanes: int) -> dict[str, int]:
    """Those that are not answered; `work`: what its node says of it, if that answers."""
    there, begun = (work["calls"], work["begun"]) if work else (0, 0)
    return {"answering": begun, "waiting": in_lanes + there - begun}
