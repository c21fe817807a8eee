"""The lifecycles of what the control plane keeps, written once.

The Lua library keeps no column named "state": where a task stands is where its id is found
(`found`), so that moving it *is* the change of state and the two cannot disagree.  This
table says which moves exist; the reference model of the tests and
``docs/protocols/lifecycles.md`` are made from it.

Rule: a legal move that is not in a table here does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class TaskState(StrEnum):
    """Where a task stands."""

    WAITING = "WAITING"  # lacks inputs
    READY = "READY"  # waits in the queue of its shape
    HELD = "HELD"  # claimed by one node, for one attempt
    OVER = "OVER"  # its outputs exist: a value or a failure


class ObjectState(StrEnum):
    """Where an object stands."""

    PROMISED = "PROMISED"  # its task is not over
    PRESENT = "PRESENT"  # it has a value, inline or in shared memory
    DROPPED = "DROPPED"  # nobody holds it, or its job is over


class GroupState(StrEnum):
    """Where a placement group stands."""

    PENDING = "PENDING"  # it waits for room for all its bundles
    PREPARED = "PREPARED"  # they have places, and some are not held yet
    CREATED = "CREATED"  # all are held
    RESCHEDULING = "RESCHEDULING"  # they were, and some look for another place
    REMOVED = "REMOVED"  # nobody wants it, or its job is over


class ActorState(StrEnum):
    """Where an actor stands.  It is a task too: its constructor, which is held while it lives."""

    MAKING = "MAKING"  # its constructor waits, runs, or is to run again
    OPEN = "OPEN"  # it takes calls
    OVER = "OVER"  # its object exists, and says of what it died


@dataclass(frozen=True, slots=True)
class Move:
    """One legal transition: from any of some states, to one."""

    start: frozenset[str]
    end: str
    why: str  # for the generated documentation


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A named set of moves.  A row comes into being in the state `born`."""

    name: str
    born: str
    found: Mapping[str, str]  # state -> the tables whose entry means that state
    moves: Mapping[str, Move]


TASK = Lifecycle(
    name="task",
    born=TaskState.WAITING,
    found={
        TaskState.WAITING: "task or range, wait",
        TaskState.READY: "task or range, ready",
        TaskState.HELD: "task, held",
        TaskState.OVER: "none",
    },
    moves={
        "wake": Move(
            frozenset({TaskState.WAITING}), TaskState.READY, "its last missing input exists"
        ),
        "claim": Move(frozenset({TaskState.READY}), TaskState.HELD, "a node has room for it"),
        "give_back": Move(
            frozenset({TaskState.HELD}), TaskState.READY, "its node has not begun it, and cannot"
        ),
        "put_off": Move(
            frozenset({TaskState.HELD}),
            TaskState.WAITING,
            "its node has not begun it, and inputs were lost; READY at once if they are there",
        ),
        "remake": Move(
            frozenset({TaskState.OVER}),
            TaskState.WAITING,
            "what it made was lost with a node; READY at once if its inputs are there",
        ),
        "retry": Move(
            frozenset({TaskState.HELD}), TaskState.READY, "the attempt failed; a retry is left"
        ),
        "redirect": Move(
            frozenset({TaskState.HELD}),
            TaskState.WAITING,
            "it ended by naming a task in its place; READY at once if that lacks nothing",
        ),
        "requeue": Move(frozenset({TaskState.HELD}), TaskState.READY, "its node is lost"),
        "finish": Move(frozenset({TaskState.HELD}), TaskState.OVER, "its node reports the result"),
        "fail": Move(frozenset({TaskState.HELD}), TaskState.OVER, "no retry is left"),
        "cancel": Move(
            frozenset({TaskState.WAITING, TaskState.READY}), TaskState.OVER, "nobody wants it"
        ),
    },
)

OBJECT = Lifecycle(
    name="object",
    born=ObjectState.PROMISED,
    found={
        ObjectState.PROMISED: "task (of its maker)",
        ObjectState.PRESENT: "object",
        ObjectState.DROPPED: "none",
    },
    moves={
        "settle": Move(frozenset({ObjectState.PROMISED}), ObjectState.PRESENT, "its task is over"),
        "lose": Move(
            frozenset({ObjectState.PRESENT}),
            ObjectState.PROMISED,
            "it lay on nodes that are lost, and its task runs again",
        ),
        "drop": Move(
            frozenset({ObjectState.PROMISED, ObjectState.PRESENT}),
            ObjectState.DROPPED,
            "the last holder let go; a promised one goes when it comes",
        ),
    },
)

ACTOR = Lifecycle(
    name="actor",
    born=ActorState.MAKING,
    found={
        ActorState.MAKING: "actor, task",
        ActorState.OPEN: "actor, task, host",
        ActorState.OVER: "none",
    },
    moves={
        "open": Move(frozenset({ActorState.MAKING}), ActorState.OPEN, "its constructor ended well"),
        "lose": Move(
            frozenset({ActorState.MAKING, ActorState.OPEN}),
            ActorState.MAKING,
            "its worker or node died; a restart is left",
        ),
        "end": Move(
            frozenset({ActorState.MAKING, ActorState.OPEN}),
            ActorState.OVER,
            "it was killed, nobody holds it, it wanted to, it could not be made, or no restart "
            "is left; its name is free",
        ),
    },
)

GROUP = Lifecycle(
    name="placement group",
    born=GroupState.PENDING,
    found={
        GroupState.PENDING: "groups (a bundle without a node)",
        GroupState.PREPARED: "groups (all bundles with nodes)",
        GroupState.CREATED: "groups (created, all bundles held)",
        GroupState.RESCHEDULING: "groups (created, some bundles not held)",
        GroupState.REMOVED: "none",
    },
    moves={
        "place": Move(
            frozenset({GroupState.PENDING}), GroupState.PREPARED, "there is room for all of it"
        ),
        "hold": Move(
            frozenset({GroupState.PREPARED, GroupState.RESCHEDULING}),
            GroupState.CREATED,
            "all its bundles are held",
        ),
        "give_up": Move(
            frozenset({GroupState.PREPARED}),
            GroupState.PENDING,
            "a node cannot hold a bundle, or is lost",
        ),
        "lose": Move(
            frozenset({GroupState.CREATED}), GroupState.RESCHEDULING, "a node of it is lost"
        ),
        "remove": Move(
            frozenset(set(GroupState) - {GroupState.REMOVED}),
            GroupState.REMOVED,
            "it was removed, or its job has ended",
        ),
    },
)

LIFECYCLES = (TASK, OBJECT, ACTOR, GROUP)
