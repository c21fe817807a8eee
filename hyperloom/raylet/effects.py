"""What a node's machine asks for; see `hyperloom.raylet.messages`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.raylet.held import Held


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Start a worker process for a job.  Answered by `WorkerReady` or `WorkerExited`."""

    worker: int
    job: bytes


@dataclass(frozen=True, slots=True)
class Run:
    """Send tasks to a worker."""

    worker: int
    tasks: Sequence[Held]
    gpus: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RunHere:
    """Run these light tasks in the raylet itself.  Answered by `RanHere`."""

    tasks: Sequence[Held]


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give tasks that were not begun back to the control plane, for other nodes to run."""

    tasks: Sequence[Held]


@dataclass(frozen=True, slots=True)
class AskBack:
    """Ask a worker to report what has ended (`TasksDone`) and return what it has not begun.

    Answered by `TasksReturned`.
    """

    worker: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask a worker to stop a task: cancelled, or its time is over."""

    worker: int
    task: Held
    why: str  # "cancelled", "timeout" or "removed" (its placement group)


@dataclass(frozen=True, slots=True)
class EndWorker:
    """Tell an idle worker to end; or one of an actor, after all that this was sent.

    `forget`: of its actor's calls it begins none any more.
    """

    worker: int
    forget: bool = False


@dataclass(frozen=True, slots=True)
class KillWorker:
    """End a worker now.  Answered by `WorkerExited`."""

    worker: int


@dataclass(frozen=True, slots=True)
class ReportLost:
    """Tell the control plane that an attempt came to nothing; it may be tried again.

    `died`: the worker died of it, as far as we know; else it was merely there.  `killed`: why
    we ended the worker, if we did: "oom" (of this one), "cancelled" or "timeout" (of another).
    """

    task: Held
    worker: int
    died: bool
    killed: str = ""


@dataclass(frozen=True, slots=True)
class OpenActor:
    """Tell the control plane that the actor takes calls."""

    actor: Held
    worker: int


@dataclass(frozen=True, slots=True)
class ReportActorLost:
    """Tell the control plane that an actor's worker is gone; `begun` calls may have run.

    `killed`: why we ended it, if we did: "oom" or "restart".
    """

    actor: Held
    worker: int
    begun: Sequence[Held]
    killed: str = ""


@dataclass(frozen=True, slots=True)
class ReportActorLeft:
    """Tell the control plane that the worker of an actor that was killed is gone."""

    actor: Held
    begun: Sequence[Held]  # calls that may have run


@dataclass(frozen=True, slots=True)
class Redirect:
    """Have the control plane put another record in the place of the task's."""

    task: Held
    worker: int
    record: bytes
    row: bytes = b""


@dataclass(frozen=True, slots=True)
class ReportFailed:
    """Tell the control plane that a task failed for good."""

    task: Held
    worker: int
    why: str  # "cancelled", "timeout" or "removed" (its placement group)


@dataclass(frozen=True, slots=True)
class CancelElsewhere:
    """Tell the control plane again: we do not have the task; maybe it is in a queue again."""

    task: bytes
    force: bool


@dataclass(frozen=True, slots=True)
class WarnStuck:
    """Tell the drivers: all workers that there may be wait for tasks that nobody can run."""

    workers: int


Effect = (
    StartWorker
    | Run
    | RunHere
    | GiveBack
    | AskBack
    | Stop
    | EndWorker
    | KillWorker
    | ReportLost
    | OpenActor
    | ReportActorLost
    | ReportActorLeft
    | Redirect
    | ReportFailed
    | CancelElsewhere
    | WarnStuck
)
