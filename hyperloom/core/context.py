"""`loom.context()`: what a task may know about itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hyperloom import bundles
from hyperloom.resources import ResourceSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hyperloom.core.actors.handle import ActorHandle
    from hyperloom.core.session import Session
    from hyperloom.ids import TaskID
    from hyperloom.specs import Template


@dataclass(frozen=True, slots=True)
class Context:
    """Where the caller runs.  Ids are hexadecimal text; the task's are None in a driver.

    Attributes:
        fence: (task id, attempt): give it to whatever the task changes outside, and let that
            refuse a lower attempt than the highest it has seen.  A task may run twice, when
            its node was given up for dead and was not; its result is committed once.
        assigned_resources: what the task asked for, such as ``{"CPU": 1.0}``.
        gpu_ids: the node's GPUs that are this task's.
        placement_group_id: the `PlacementGroup` in which it runs, or None.
        label: what the task of a plan was named; see `BoundTask.named`.
        metadata: what it was given by `BoundTask.with_metadata`.
        actor_id: of the actor that runs this, or None; `actor` is a handle of it.
    """

    job_id: str
    node_id: str
    process_id: str
    namespace: str = ""
    task_id: str | None = None
    task_name: str | None = None
    attempt: int | None = None
    assigned_resources: dict[str, float] = field(default_factory=dict)
    gpu_ids: tuple[int, ...] = ()
    placement_group_id: str | None = None
    label: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    actor_id: str | None = None
    _is_cancelled: Callable[[], bool] | None = field(default=None, repr=False)

    @property
    def fence(self) -> tuple[str, int] | None:
        """See the class."""
        if self.task_id is None or self.attempt is None:
            return None
        return self.task_id, self.attempt

    @property
    def actor(self) -> ActorHandle[Any] | None:
        """A handle of the actor that runs this, to pass on; None in a task and in a driver.

        An actor that keeps a handle of itself lives until it is killed.
        """
        from hyperloom.core.actors import hosting  # noqa: PLC0415 - it knows what runs, and so us

        return hosting.resident()

    def is_cancelled(self) -> bool:
        """Whether somebody cancelled this task: a long one may look and stop by itself."""
        return self._is_cancelled is not None and self._is_cancelled()


@dataclass(slots=True)
class Running:
    """What a worker runs now; `context()` is made from it when asked for."""

    task: TaskID
    attempt: int
    template: Template
    gpus: tuple[int, ...] = ()
    cancelled: bytes = b""  # the failure that its outputs become, once somebody cancelled it
    label: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    home: Template = field(
        init=False, repr=False, compare=False
    )  # of a call: its actor's; says where they run
    was_interrupted: bool = False  # the exception that says so was raised in it

    def context(self, job: bytes, node: bytes, process: bytes, namespace: str) -> Context:
        """For the user."""
        shape, home = ResourceSet.parse(self.template.shape), ResourceSet.parse(self.home.shape)
        return Context(
            job_id=job.hex(),
            node_id=node.hex(),
            process_id=process.hex(),
            namespace=namespace,
            task_id=self.task.hex(),
            task_name=self.template.name,
            attempt=self.attempt,
            assigned_resources=shape.plain().as_dict(),
            placement_group_id=bundles.group_of(name for name, _ in home.items()) or None,
            gpu_ids=self.gpus,
            label=self.label,
            metadata=self.metadata,
            actor_id=_actor_id(),
            _is_cancelled=lambda: bool(self.cancelled),
        )


def context_of(session: Session) -> Context:
    """Where the caller runs, whose session this is."""
    job, node, process = session.job, session.node, session.process
    running = None if session.running is None else session.running()
    if running is not None:
        return running.context(job, node, process, session.user_namespace)
    return Context(
        job_id=job.hex(),
        node_id=node.hex(),
        process_id=process.hex(),
        namespace=session.user_namespace,
        actor_id=_actor_id(),
    )


def _actor_id() -> str | None:
    from hyperloom.core.actors import hosting  # noqa: PLC0415 - see above

    return hosting.resident_id()
