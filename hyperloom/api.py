"""What users call.  Thin: options are checked in `core.options`, state is in the session.

Importing this costs little; the parts that need Redis, processes or arrays come with the
first call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Protocol, TypeVar, Unpack, overload

from hyperloom import symbols
from hyperloom.connection import Connection, init, is_initialized, shutdown
from hyperloom.core import current
from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask
from hyperloom.core.options import TaskOptions
from hyperloom.core.refs import ObjectRef
from hyperloom.core.remote import remote_function
from hyperloom.errors import InvalidOption
from hyperloom.symbols import Symbol, checked_symbol, registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from hyperloom.core.context import Context
    from hyperloom.core.options import TaskChanges
    from hyperloom.core.remote import RemoteFunction, SeveralFunction, StreamingFunction
    from hyperloom.core.streams import ObjectRefGenerator
    from hyperloom.data import Data
    from hyperloom.plan.handle import PlanHandle

__all__ = [
    "Connection",
    "TaskDecorator",
    "as_completed",
    "attach",
    "available_resources",
    "cancel",
    "cluster_resources",
    "context",
    "durations",
    "get",
    "init",
    "is_initialized",
    "nodes",
    "put",
    "register",
    "shutdown",
    "submit",
    "symbol",
    "task",
    "wait",
]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class TaskDecorator(Protocol):
    """What `task` with options gives: it decorates the function."""

    @overload
    def __call__(self, function: Callable[P, Iterator[T]], /) -> StreamingFunction[P, T]: ...
    @overload
    def __call__(self, function: Callable[P, BoundTask[R]], /) -> RemoteFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> RemoteFunction[P, R]: ...


@overload
def task(function: Callable[P, Iterator[T]], /) -> StreamingFunction[P, T]: ...
@overload
def task(function: Callable[P, BoundTask[R]], /) -> RemoteFunction[P, R]: ...
@overload
def task(function: Callable[P, R], /) -> RemoteFunction[P, R]: ...
@overload
def task(
    *, num_returns: Literal["streaming"], **options: Unpack[TaskChanges]
) -> Callable[[Callable[P, Iterable[T]]], StreamingFunction[P, T]]: ...
@overload
def task(  # type: ignore[overload-overlap]  # 1 is an int, and comes first
    *, num_returns: Literal[1] | None = ..., **options: Unpack[TaskChanges]
) -> TaskDecorator: ...
@overload
def task(
    *, num_returns: int, **options: Unpack[TaskChanges]
) -> Callable[[Callable[P, R]], SeveralFunction[P, R]]: ...


def task(function: Any = None, /, **options: Any) -> Any:
    """Make a function a task: ``f.remote(...)`` runs it on the cluster, ``f(...)`` here.

    Args:
        function: the function, if there are no options.
        **options: all of these also at each call, by ``f.options(...).remote(...)``
            (``max_calls`` excepted):

            num_cpus: CPUs it takes, to four decimals. Default 1.
            num_gpus: GPUs, whole ones or a part of one. Default 0.
            memory: bytes it asks for. Not enforced, only counted. Default 0.
            resources: other amounts by name.
            num_returns: number of results, each with a ref of its own; ``"streaming"`` for a
                generator's items one by one (the default for generator functions).
            max_retries: how often to try again when a worker or node dies, or on
                `retry_exceptions`. Default 3; -1 without end. After three dead workers a
                task counts as poisoned (`TaskPoisoned`), unless it asks for more than 3.
            retry_exceptions: True, or the exception classes, that are tried again too.
            priority: tasks with more go first. Default 0.
            timeout_s: seconds after which it is stopped and fails with `TaskTimeout`.
            name: shown to people; the function's if not given.
            max_calls: the worker process ends after so many calls; 0 for never.
            scheduling: ``"default"``: wherever there is room; ``"spread"``: of several nodes with
                room, one with the most; ``"pack"``: one with the least; `NodeAffinity`: a certain
                node; `NodeLabels`: nodes with certain labels; a `PlacementGroup` or
                `GroupAffinity`: with what nodes keep for it.
            needs: symbols, such as ``"lab/align"``, that its node must have (`hyperloom.symbol`).
            stream_ahead: items that a stream may be ahead of its reader; 0 without limit.
            checkpoint: file to which the results are written too, before the task counts as
                finished; a later ``plan.submit(resume=True)`` goes on from it. Absolute, in a
                folder that is there, or relative to the option `checkpoint_dir`, which is made;
                True for a name made of the task's key.
            cache: True if the same call, in this program or in another, may have the results of
                an earlier one; they are kept on disk, in `cache_dir`.
            version: text that stands for the function's code in keys of checkpoints and cache.

    Raises:
        InvalidOption: an option is unknown or cannot have its value.
        TypeError: what is decorated is no plain function: a class, an async function.
    """
    checked = TaskOptions().with_(options)
    if function is None:
        return lambda function: remote_function(function, checked)
    return remote_function(function, checked)


@overload
def get(refs: ObjectRef[R], *, timeout: float | None = ...) -> R: ...
@overload
def get(refs: Sequence[ObjectRef[R]], *, timeout: float | None = ...) -> list[R]: ...


def get(refs: Any, *, timeout: float | None = None) -> Any:
    """The value of a ref, or the values of several, in their order; waits for them.

    A failed task's exception is raised, as its own class; of several refs the first failure
    is raised at once, without waiting for the others.

    Args:
        refs: a ref, or a sequence of them.
        timeout: seconds; 0 for what is there now; None waits without limit.

    Raises:
        GetTimeout: not all were there in time; nothing is lost, get them again.
        TypeError: something else than refs.
    """
    from hyperloom.core import getting  # noqa: PLC0415

    return getting.get(current.session_of(refs), refs, timeout)


def put(value: R) -> ObjectRef[R]:
    """Keep a value as an object: pass the ref on, and the value is sent once.

    Raises:
        TypeError: the value is a ref already.
        NotSerializable: it cannot travel.
        ObjectStoreFull: it is large and there is no room for it, not even on disk.
    """
    if isinstance(value, ObjectRef):
        raise TypeError(f"put({value!r}): this is a reference already; use it as it is")
    ref: ObjectRef[R] = current.session_of(value).put(value)
    return ref


def wait(
    refs: Sequence[ObjectRef[R]], *, num_returns: int = 1, timeout: float | None = None
) -> tuple[list[ObjectRef[R]], list[ObjectRef[R]]]:
    """Wait until some refs are ready: ``(ready, not_ready)``, each in the order given.

    At most `num_returns` are in the first list.  A failed or cancelled one counts as ready.  After
    `timeout` seconds it is what is ready by then, perhaps nothing.

    Raises:
        ValueError: a ref is there twice, or `num_returns` is not between 1 and their number.
        TypeError: something else than refs.
    """
    from hyperloom.core import getting  # noqa: PLC0415

    return getting.wait(current.session_of(refs), refs, num_returns, timeout)


def as_completed(
    refs: Iterable[ObjectRef[R]], *, timeout: float | None = None
) -> Iterator[ObjectRef[R]]:
    """The refs one by one, as they become ready; failed ones too.

    Raises:
        GetTimeout: `timeout` seconds after the call not all were.
    """
    from hyperloom.core import getting  # noqa: PLC0415

    several = refs if isinstance(refs, ObjectRef) else list(refs)
    return getting.as_completed(current.session_of(several), several, timeout)


def cancel(
    ref: ObjectRef[Any] | ObjectRefGenerator[Any], *, force: bool = False, recursive: bool = True
) -> None:
    """The task's result is not wanted any more; returns at once.

    A task that has not begun never runs; one that runs gets an exception (`KeyboardInterrupt`)
    in its main thread, once, so that it may clean up, and is killed if it has not ended
    `kill_grace_s` (5 seconds) later.  `get` of its result, and of all that depends on it,
    raises `TaskCancelled`.  A finished task stays.

    Args:
        ref: a result of the task, or its stream.
        force: kill the worker at once.
        recursive: the tasks that it submitted, too.

    Raises:
        TypeError: the ref is of no task but of `put`.
    """
    from hyperloom.core import cancelling  # noqa: PLC0415

    cancelling.cancel(current.session_of(ref), ref, force=force, recursive=recursive)


def submit(
    tasks: Iterable[BoundTask[Any] | BoundMap[Any] | BoundOutput] | BoundOutput,
    *,
    label: str = "",
    detach: bool = False,
    resume: bool = False,
    on_error: Literal["continue", "stop"] = "continue",
) -> PlanHandle:
    """Submit bound tasks, and all that they need, as one plan; their results are in its handle.

    Args:
        tasks: those whose results are wanted, or one of them.
        label: shown to people, where plans are listed.
        detach: it goes on when this program ends; see `Plan.submit`.
        resume: what has a valid checkpoint is not computed again; see `Plan.submit`.
        on_error: ``"stop"`` cancels the rest when any task fails; see `Plan.submit`.

    Raises:
        Cycle: a task needs its own output; nothing was submitted.
        NotSerializable: an argument cannot travel; nothing was submitted.
        TypeError: something else than what `bind` or `bind_map` made.
        ValueError: `detach` where nothing would outlive this program.
    """
    from hyperloom.plan.plan import Plan  # noqa: PLC0415

    alone = isinstance(tasks, (BoundTask, BoundMap, BoundOutput))
    plan = Plan([tasks] if alone else tasks, label=label)  # type: ignore[list-item,arg-type]
    return plan.submit(detach=detach, resume=resume, on_error=on_error)


def attach(id: str) -> PlanHandle:  # noqa: A002 - that is what it is
    """Take up a plan, from any process that is connected to its cluster.

    The handle of a detached plan is as good as that of the process which submitted it; several may
    have one.  What its methods take as tasks are labels, or tasks of `PlanHandle.plan`.

    A plan that is not detached can be taken up as long as its process has its handle: to watch
    it, wait for it, fetch from it and cancel it.  Who has taken it up holds its results, and may go
    on when that process lets go of them, or ends.  What needs the bound tasks (`PlanHandle.plan`,
    `state`, `ref`, `retry_failed`) is for that process alone.

    Args:
        id: a plan's (``handle.id``); or a job's, for all its plans as one handle.

    Raises:
        NotFound: nothing has this id; it was released, or it is at another cluster.
        ValueError: this is no id.
        RuntimeError: with ``mode="inline"``, where there is nothing but this process.
    """
    from hyperloom.plan.attaching import attach  # noqa: PLC0415

    return attach(id)


def register(
    symbol: str,
    /,
    *,
    task: Callable[..., Any] | None = None,
    data: type[Data] | None = None,
    resource: Callable[[], float] | None = None,
) -> None:
    """Give `symbol` a meaning in this process: one, for as long as it lives.

    The same function or class again, or one defined anew in its place, is fine.

    Args:
        symbol: a path such as ``"lab/align"``; ``loom/`` is reserved.
        task: the function that ``loom.symbol("lab/align")`` runs.  It travels with its tasks, as
            the function of any task does, so every node can run it.
        data: a class of data objects, mostly a `hyperloom.data.Extension`.
        resource: says how much of the resource of this name this machine has.  Asked when this
            process starts a node (an embedded one, for example), so register it before.

    Raises:
        InvalidOption: the symbol cannot be one, or is reserved; it is said to be nothing; or it
            means something else already, which stays.
        TypeError: what is given cannot be that.
    """
    name = symbols.checked_own(symbol)
    if task is None and data is None and resource is None:
        raise InvalidOption(f"register({name!r}) says nothing: give task=, data= or resource=")
    if task is not None:
        symbols.register_task(name, task)
    if resource is not None:
        symbols.register_resource(name, resource)
    if data is not None:
        from hyperloom.data.dataobject import register_type  # noqa: PLC0415 - for who has data

        register_type(name, data)


def symbol(name: str, /, **options: Unpack[TaskChanges]) -> RemoteFunction[..., Any]:
    """The task of this symbol: ``loom.symbol("lab/align").remote(...)``, or ``.bind(...)``.

    What it runs was registered in this process (`register`), or comes with a package that is
    installed on some of the nodes.  This process need not have that package; its tasks run where
    it is.

    Args:
        name: the symbol.
        **options: as of `task`.

    Raises:
        InvalidOption: it cannot be a symbol, or an option cannot have its value.
        UnknownSymbol: from ``.remote`` and `submit`: no node has it; nothing was submitted.
    """
    name = checked_symbol(name)
    checked = TaskOptions(name=name).with_(options)
    function = registered(name)
    if function is None:
        function = Symbol(name)
        checked = checked.with_({"needs": [name, *checked.needs]})
    return remote_function(function, checked)


def context() -> Context:
    """Where this code runs: job, node, and inside a task which one; see `Context`."""
    here: Context = current.session().context()
    return here


def durations() -> dict[str, float]:
    """Seconds that an attempt took on average, by function name, of this job's tasks so far.

    As far as the job's events are kept; nothing with ``mode="inline"`` or ``events=False``.
    ``plan.explain(loom.durations())`` finds the chain of a plan that takes longest.
    """
    session = current.session()
    if session.address.url == "inline":
        return {}
    from hyperloom.watch import tasks  # noqa: PLC0415 - for who looks
    from hyperloom.watch.cluster import Cluster  # noqa: PLC0415
    from hyperloom.watch.live import Live  # noqa: PLC0415

    cluster = Cluster(Live(session.address))
    try:
        rows = tasks.names(cluster, bytes(session.job))
    finally:
        cluster.close()
    return {row["name"]: row["mean_s"] for row in rows if row["mean_s"] is not None}


def nodes() -> list[dict[str, Any]]:
    """The nodes of the cluster: id, host, resources, what is free, whether alive."""
    from hyperloom.core import cluster  # noqa: PLC0415

    return cluster.nodes(current.session())


def cluster_resources() -> dict[str, float]:
    """What all nodes together have.  Memory for objects is in ``store`` of each of the `nodes`."""
    from hyperloom.core import cluster  # noqa: PLC0415

    return cluster.total(current.session(), "resources")


def available_resources() -> dict[str, float]:
    """What of it was free when the nodes last said so, some seconds ago; 0.0 if all is taken."""
    from hyperloom.core import cluster  # noqa: PLC0415

    return cluster.total(current.session(), "free")
