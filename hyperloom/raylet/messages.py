"""What a node's machine hears (events) and what it asks for (effects).

This is the whole vocabulary between `hyperloom.raylet.machine`, which decides, and
`hyperloom.raylet.agent`, which acts.  All are frozen and print as they are written in a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hyperloom.raylet.effects import (
    AskBack,
    CancelElsewhere,
    Effect,
    EndWorker,
    GiveBack,
    KillWorker,
    OpenActor,
    Redirect,
    ReportActorLeft,
    ReportActorLost,
    ReportFailed,
    ReportLost,
    Run,
    RunHere,
    StartWorker,
    Stop,
    WarnStuck,
)
from hyperloom.raylet.held import LIGHT_BYTES, Begun, Held, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [  # part of this vocabulary, from files of their own
    "LIGHT_BYTES",
    "AskBack",
    "Begun",
    "CancelElsewhere",
    "Effect",
    "EndWorker",
    "GiveBack",
    "Held",
    "KillWorker",
    "Kind",
    "OpenActor",
    "Redirect",
    "ReportActorLeft",
    "ReportActorLost",
    "ReportFailed",
    "ReportLost",
    "Run",
    "RunHere",
    "StartWorker",
    "Stop",
    "WarnStuck",
]


# -- events: something happened ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TasksClaimed:
    """The control plane gave this node tasks."""

    tasks: Sequence[Held]


@dataclass(frozen=True, slots=True)
class RanHere:
    """The raylet ran these light tasks itself; the others turned out to be a worker's."""

    done: Sequence[bytes]
    refused: Sequence[Held]


@dataclass(frozen=True, slots=True)
class CallsDealt:
    """The control plane gave this node calls of an actor that lives here."""

    actor: bytes
    calls: Sequence[Held]


@dataclass(frozen=True, slots=True)
class ActorOpened:
    """A worker's constructor has ended well: the worker is an actor now, and takes calls.

    `farewell`: there is something that it wants to do at its end.
    """

    worker: int
    farewell: bool = False


@dataclass(frozen=True, slots=True)
class ActorEnded:
    """A worker's actor has ended by itself; that is reported, and the worker will end."""

    worker: int


@dataclass(frozen=True, slots=True)
class ActorUnwanted:
    """An actor shall end, or start again.

    Unless it is "restart", it is over already; or will be soon ("part"): its program ends.
    """

    actor: bytes
    how: Literal["kill", "rest", "part", "restart"]


@dataclass(frozen=True, slots=True)
class TasksLacking:
    """The control plane gave us these too, and their inputs are being fetched from other nodes."""

    tasks: Sequence[Held]


@dataclass(frozen=True, slots=True)
class InputsHere:
    """All that could be fetched for a task is here; or the task was handed on, or put off."""

    task: bytes
    handed_on: bool = False


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """A worker process has started."""

    worker: int


@dataclass(frozen=True, slots=True)
class TasksDone:
    """A worker reported results, in the order in which it was given the tasks."""

    worker: int
    tasks: Sequence[bytes]
    seconds: float


@dataclass(frozen=True, slots=True)
class TaskToRetry:
    """A worker's task raised what its options say to retry."""

    worker: int
    task: bytes


@dataclass(frozen=True, slots=True)
class TaskRedirected:
    """A worker's task goes on as another one: its record from now on, and what is told of it."""

    worker: int
    task: bytes
    record: bytes
    row: bytes = b""


@dataclass(frozen=True, slots=True)
class WorkerBlocked:
    """A worker's task waits for objects; the worker returned what it had not begun."""

    worker: int
    unbegun: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class WorkerUnblocked:
    """It goes on."""

    worker: int


@dataclass(frozen=True, slots=True)
class TasksReturned:
    """A worker returned what it had not begun, because we asked."""

    worker: int
    unbegun: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class WorkerLeaving:
    """A worker will end by itself."""

    worker: int


@dataclass(frozen=True, slots=True)
class WorkerExited:
    """A worker process is gone, asked to or not, having begun so many tasks in all.

    `in_groups`: and so many calls of its actor, by concurrency group.
    """

    worker: int
    begun: int
    in_groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Somebody does not want a task any more."""

    task: bytes
    force: bool


@dataclass(frozen=True, slots=True)
class MemoryShort:
    """The machine is about to run out of memory; this worker's task shall go."""

    worker: int


@dataclass(frozen=True, slots=True)
class WorkersAsleep:
    """These wait for something in their tasks, and use no CPU just now; all others do."""

    workers: frozenset[int]


@dataclass(frozen=True, slots=True)
class JobEnded:
    """Nothing of a job is wanted any more."""

    job: bytes


@dataclass(frozen=True, slots=True)
class NodeGivenUp:
    """The cluster gave this node up: what it held runs elsewhere by now."""


@dataclass(frozen=True, slots=True)
class TasksDisowned:
    """The control plane does not know that this node has these (any more): nobody wants them."""

    entries: set[bytes]


@dataclass(frozen=True, slots=True)
class NodeDrains:
    """This node is to leave, and takes nothing new; or (`on` is False) it serves again."""

    on: bool


@dataclass(frozen=True, slots=True)
class QueuesSeen:
    """A job has tasks in these queues ("priority|shape") that no node has taken yet."""

    job: bytes
    queues: Sequence[str]


@dataclass(frozen=True, slots=True)
class OthersStandIdle:
    """Other nodes wait for tasks of a job, with these offers."""

    job: bytes
    offers: Sequence[str]


@dataclass(frozen=True, slots=True)
class FirstSeen:
    """This task stands first in its queue, and would lack so much if this node had it."""

    task: Held


@dataclass(frozen=True, slots=True)
class RoomSeen:
    """So many bytes of memory for objects may be taken for what is fetched ahead."""

    bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A bundle that this node is to keep: its group's id with its number in decimals."""

    bundle: bytes
    needs: Mapping[str, int]
    open: bool  # tasks may run in it
    patience_s: float  # until it is given up if tasks still have what it takes


@dataclass(frozen=True, slots=True)
class BundlesTold:
    """The control plane said which bundles this node is to keep, and which groups are gone."""

    kept: Sequence[Kept]
    gone: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """The moment has come that the machine named; see `NodeState.due`."""


Event = (
    TasksClaimed
    | RanHere
    | CallsDealt
    | ActorOpened
    | ActorEnded
    | ActorUnwanted
    | TasksLacking
    | InputsHere
    | WorkerReady
    | TasksDone
    | TaskToRetry
    | TaskRedirected
    | WorkerBlocked
    | WorkerUnblocked
    | TasksReturned
    | WorkerLeaving
    | WorkerExited
    | CancelAsked
    | MemoryShort
    | WorkersAsleep
    | JobEnded
    | NodeGivenUp
    | NodeDrains
    | TasksDisowned
    | QueuesSeen
    | OthersStandIdle
    | FirstSeen
    | RoomSeen
    | BundlesTold
    | Tick
)
