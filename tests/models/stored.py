"""What Redis must hold when the model says so: every key of the job, and all that is in it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from hyperloom.gcs import codes, keys
from tests.models.claims import entry_of

if TYPE_CHECKING:
    from tests.models.control_plane import ControlPlane

World = dict[bytes, Any]

# What a job may keep when all its tasks are over and all its refs are gone.
CONSTANTS = (
    keys.TERMS, keys.TEMPLATE, keys.SOURCE, keys.SERVED, keys.HEARD, keys.HOMES, keys.TURN,
    keys.METRICS, keys.COUNTS, keys.EVENTS, keys.NOTED, keys.CEDED, keys.RESTING,
    keys.DESERTED,
)  # fmt: skip


def stored(model: ControlPlane, ns: str) -> World:
    """Key -> contents: hashes and sorted sets as dicts, lists as lists, sets as sets."""
    tables = _tasks(model) | _objects(model) | _claims(model)
    if hasattr(model, "actors"):
        tables |= _actors(model)
    world = {table.name(ns, *ids): held for (table, *ids), held in tables.items()}
    return {name: held for name, held in world.items() if held}


def _tasks(model: ControlPlane) -> dict[Any, Any]:
    template = codes.TEMPLATE_ID
    crowds = {o: tasks for o, tasks in model.lackers.items() if o in model.crowds}
    return {
        (keys.TASK,): model.records,
        (keys.RANGE,): {name: of.row() for name, of in model.ranges.items()},
        (keys.SHUT,): model.shut,
        (keys.DROPPING,): model.dropping,
        (keys.WAIT,): {
            t: model.records[t][:template]
            + b"%d" % len(m)
            + (b",%d" % model.next_attempt[t] if t in model.next_attempt else b"")
            if t in model.records
            else model.ranges[t[: codes.RANGE_ID]].head[:template] + b"%d*" % len(m)
            for t, m in model.lacks.items()
        },
        (keys.WAITERS,): {
            oid: codes.CROWD if oid in model.crowds else b"".join(tasks)
            for oid, tasks in model.lackers.items()
            if oid not in model.waking
        },
        **{(keys.CROWD, oid): tasks for oid, tasks in crowds.items()},
        (keys.WAKING,): model.waking,
        (keys.TRIES,): {task: b"%d" % n for task, n in model.tries.items()},
        (keys.DEATHS,): {task: b"%d" % n for task, n in model.deaths.items()},
        (keys.REDIRECTS,): {task: b"%d" % n for task, n in model.redirects.items()},
        (keys.CHILDREN,): model.children,
        (keys.STREAM,): {task: who + n for task, (who, n) in model.stream.items()},
        (keys.YIELDED,): {task: b"%d" % n for task, n in model.yielded.items()},
        (keys.METRICS,): {name: b"%d" % value for name, value in model.metrics.items()},
        (keys.COUNTS,): {name: b"%d" % n for name, n in (model.counts | _waiting(model)).items()},
        (keys.EVENTS,): model.events,
        (keys.NOTED,): _noted(model),
        (keys.TEMPLATE,): model.bodies,
        (keys.SOURCE,): model.sources,
        (keys.TERMS,): {
            t: b"%d,%d,%s" % (returns, retries, queue)
            for t, (returns, retries, queue) in model.terms.items()
        },
    }


def _waiting(model: ControlPlane) -> Counter[bytes]:
    """How many tasks of each template lack an input: those of a range, all of them."""
    waiting = Counter[bytes]()
    for task in model.lacks:
        of = None if task in model.records else model.ranges[task[: codes.RANGE_ID]]
        head = model.records[task] if of is None else of.head
        waiting[head[: codes.TEMPLATE_ID] + codes.WAITING] += 1 if of is None else len(of.items)
    return waiting


def _noted(model: ControlPlane) -> bytes:
    return b"%d" % sum(len(payload) + codes.EVENT_BYTES for _, payload in model.events)


def _objects(model: ControlPlane) -> dict[Any, Any]:
    return {
        (keys.OBJECT,): model.value,
        (keys.COPIES,): {oid: b"".join(nodes) for oid, nodes in model.copies.items()},
        (keys.REFS,): model.stored_refs(),
        **{(keys.HOLDS, process): oids for process, oids in model.holds.items()},
        (keys.CONTAINS,): {oid: b"".join(inner) for oid, inner in model.inside.items()},
        (keys.RELEASING,): [b"".join(oid for oid, _ in ends) for ends in model.releasing],
        (keys.HOMES,): model.homes,
        (keys.LINEAGE,): {task: kept.row() for task, kept in model.lineage.items()},
        (keys.LINEAGE_ORDER,): model.lineage_order,
        (keys.LINEAGE_OVER,): model.lineage_over,
        (keys.LINEAGE_BYTES,): b"%d" % model.lineage_bytes() if model.lineage else b"",
        (keys.LEANS,): {task: b"%d" % n for task, n in model.leans.items()},
        (keys.REMADE,): dict.fromkeys(model.remade, b"1"),
        (keys.OWNERS,): model.owners,
        (keys.RESTING,): b"1" if model.resting else b"",
        (keys.DESERTED,): model.deserted,
        (keys.PLANS,): {process + plan: text for (process, plan), text in model.plans.items()},
        (keys.STOPS,): model.stops,
        (keys.STOPPED,): model.stopped,
        **{(keys.RECORD, owner): text for owner, text in model.records_of_owners.items()},
        (keys.WATCH,): {oid: b"".join(who) for oid, who in model.watchers.items()},
        (keys.HEARD,): {
            process: b"%d,%d,%d" % (seq, *model.made.get(process, (0, 1)))
            for process, seq in model.heard.items()
        },
    }


def _claims(model: ControlPlane) -> dict[Any, Any]:
    return {
        **{
            (keys.READY, queue): [entry_of(*item) for item in items]
            for queue, items in model.ready.items()
        },
        (keys.QUEUES,): {queue: model.score(queue) for queue in model.turns},
        (keys.TURN,): b"%d" % model.turn if model.turn else b"",
        **{
            (keys.HELD, node): {task: b"%d" % attempt for task, attempt in held.items()}
            for node, held in model.held.items()
        },
        (keys.IDLE,): {node: offer.text() for node, offer in model.idle.items()},
        (keys.SERVED,): {
            node: codes.LOST if n is None else b"%d" % n for node, n in model.served.items()
        },
    }


def _actors(model: Any) -> dict[Any, Any]:
    return {
        (keys.ACTOR,): model.actors,
        (keys.NAME,): model.names,
        (keys.UNORDERED,): model.unordered,
        (keys.SAVED,): {
            actor: b"%d;" % (len(refs) * codes.OBJECT_ID) + b"".join(refs) + state
            for actor, (refs, state) in model.saved.items()
        },
        (keys.CEDED,): {name: b"%d" % claim for name, claim in model.ceded.items()},
        (keys.HOST,): {actor: host.row() for actor, host in model.hosts.items()},
        (keys.UNAVAILABLE,): model.unavailable,
        (keys.BEREFT,): model.bereft,
        **{(keys.LANES, actor): scores for actor, scores in model.scores.items()},
        **{
            (keys.LANE, actor + process): [entry_of(*item) for item in lane]
            for actor, lanes in model.lanes.items()
            for process, lane in lanes.items()
        },
    }
