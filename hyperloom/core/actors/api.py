"""What users call about actors.  Thin: options are checked in `options`, the rest elsewhere."""

# ruff: noqa: ANN401 - what is passed as a ref may be of any type, and so may what goes with it

from __future__ import annotations

from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Literal,
    NoReturn,
    ParamSpec,
    TypeVar,
    Unpack,
    overload,
)

from hyperloom.core.actors.definition import METHOD, ActorClass, actor_class
from hyperloom.core.actors.options import ActorOptions, MethodOptions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from hyperloom.core.actors.handle import ActorHandle
    from hyperloom.core.actors.marks import AsItIs, Plain, Several, Streaming
    from hyperloom.core.actors.options import ActorChanges, MethodRest
    from hyperloom.core.actors.typed import Actor, Method
    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.streams import ObjectRefGenerator

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
A = TypeVar("A", bound="Actor")


@overload
def actor(cls: type[T], /) -> ActorClass[T]: ...
@overload
def actor(**options: Unpack[ActorChanges]) -> Callable[[type[T]], ActorClass[T]]: ...


def actor(cls: Any = None, /, **options: Any) -> Any:
    """Make a class an actor class: ``A.remote(...)`` makes an object in a worker of its own.

    An actor has what it asks for as long as it lives, whether it does anything or not; it asks
    for nothing by default, so that any number of them fits.  One that computes should say
    ``num_cpus=1``.  While a call waits for refs, its CPU is lent to others, as a task's is.

    Args:
        cls: the class, if there are no options.
        **options: all of these also at each actor, by ``A.options(...).remote(...)``:

            num_cpus, num_gpus, memory, resources, needs, priority, scheduling: as of a task
                (`hyperloom.task`), except that `num_cpus` is 0 by default.
            name: by which others find it (`get_actor`); there is one in a namespace at a time.
            namespace: of the name; the session's own if not given.  Other programs see names
                in a namespace that was given, here or to `hyperloom.init`, and those of
                detached actors.
            get_if_exists: with a name that is taken: that actor, instead of an error.
            lifetime: ``"detached"``: it needs neither handles nor its program to live, but a
                `kill` to end.
            max_restarts: how often it is made anew when its process or node dies; -1 without
                end. Default 0. Its state begins anew, too, unless it is kept:
            checkpoint_every: after so many calls its method ``checkpoint(self)`` is called, and
                what that returns is kept before the call's result is known to anybody. When
                the actor is made anew, ``restore(self, state)`` is called with the last one, after
                the constructor. Default 0, never. For actors that run one call at a time.
            max_task_retries: how often a call is made again that may have run when the actor
                was lost; -1 without end. Default 0: it fails, and says that it may have run.
            max_concurrency: calls that run at the same time, in threads; with async methods on
                one loop, 1000 by default, else 1.
            concurrency_groups: ``{name: calls at the same time}``: methods of a group
                (`hyperloom.method`) do not wait for those of others.
            allow_out_of_order: a call that waits for its input does not hold back the later ones
                of its caller. For actors that run several calls at the same time.
            max_pending_calls: calls of one handle that may wait; one more is refused
                (`PendingCallsExceeded`). Default -1, any number.

    Raises:
        InvalidOption: an option is unknown or cannot have its value.
        TypeError: what is decorated is no class.
    """
    checked = ActorOptions().with_(options)
    if cls is None:
        return lambda cls: actor_class(cls, checked)
    return actor_class(cls, checked)


@overload
def method(
    function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
) -> Method[P, ObjectRef[R], Coroutine[Any, Any, R]]: ...
@overload
def method(  # type: ignore[overload-overlap]  # an iterator is an object, and comes first
    function: Callable[Concatenate[Any, P], Iterator[R]], /
) -> Method[P, ObjectRefGenerator[R], Iterator[R]]: ...
@overload
def method(  # type: ignore[overload-overlap]  # of either kind
    function: Callable[Concatenate[Any, P], AsyncIterator[R]], /
) -> Method[P, ObjectRefGenerator[R], AsyncIterator[R]]: ...
@overload
def method(function: Callable[Concatenate[Any, P], R], /) -> Method[P, ObjectRef[R], R]: ...
@overload
def method(*, num_returns: Literal["streaming"], **options: Unpack[MethodRest]) -> Streaming: ...
@overload
def method(  # type: ignore[overload-overlap]  # 1 is an int, and comes first
    *, num_returns: Literal[1], **options: Unpack[MethodRest]
) -> Plain: ...
@overload
def method(*, num_returns: int, **options: Unpack[MethodRest]) -> Several: ...
@overload
def method(**options: Unpack[MethodRest]) -> AsItIs: ...


def method(function: Any = None, /, **options: Any) -> Any:
    """Options of one method of an actor class; methods without any need no decorator.

    Args:
        function: the method, if there are no options.
        **options: all of these also at each call, by ``handle.method.options(...)``:

            num_returns: number of results, each with a ref of its own; ``"streaming"`` for a
                generator's items one by one (the default for generators).
            concurrency_group: in which its calls run; see `hyperloom.actor`.
            max_task_retries: of its calls, instead of the actor's.
            retry_exceptions: True, or the exception classes, that are tried again at once,
                as often as `max_task_retries` says.
            stream_ahead: items that a stream may be ahead of its reader; 0 without limit.

    Raises:
        InvalidOption: an option is unknown or cannot have its value.
    """
    checked = MethodOptions().with_(options)

    def mark(function: Any) -> Any:
        setattr(function, METHOD, checked)
        return function

    return mark if function is None else mark(function)


@overload
def get_actor(name: str, *, namespace: str | None = None) -> ActorHandle[Any]: ...
@overload
def get_actor(name: str, namespace: str | None, /) -> ActorHandle[Any]: ...
@overload
def get_actor(name: str, of: ActorClass[T], namespace: str | None = None) -> ActorHandle[T]: ...
@overload
def get_actor(  # type: ignore[overload-overlap]  # its handles are of the class itself
    name: str, of: type[A], namespace: str | None = None
) -> A: ...
@overload
def get_actor(name: str, of: type[T], namespace: str | None = None) -> ActorHandle[T]: ...


def get_actor(name: str, of: Any = None, namespace: str | None = None) -> Any:
    """The actor with this name; of this session's namespace if none is given.

    It may be another program's, if it is detached or its namespace was given.

    Args:
        name: as it was given to `options`.
        of: the actor's class (it may be left out, and the namespace stand in its place): then type
            checkers know what the handle is one of, and an actor of another class is none.
        namespace: in which the name was given.

    Raises:
        ActorNotFound: there is none (a `ValueError`, too).
    """
    from hyperloom.core.actors import naming  # noqa: PLC0415

    if isinstance(of, str):
        of, namespace = None, of
    return naming.find(name, of, namespace)


def list_named_actors(*, all_namespaces: bool = False) -> list[Any]:
    """The names that actors have now, of this session's namespace; sorted.

    Args:
        all_namespaces: of all of them, each as ``{"namespace": ..., "name": ...}``.
    """
    from hyperloom.core.actors import naming  # noqa: PLC0415

    return naming.names(all_namespaces=all_namespaces)


def kill(actor: ActorHandle[Any] | Actor | str, *, no_restart: bool = True) -> None:
    """End an actor now, whatever it does; no hook of it is called, and its name is free at once.

    Calls that it has not answered fail with `ActorDied`.

    Args:
        actor: its handle; or its id, as ``loom ls actors --json`` shows it.
        no_restart: False: only its process is killed, and it starts again as its `max_restarts`
            allows.

    Raises:
        TypeError: this is no handle of an actor.
        ActorNotFound: no actor that lives has this id (a `ValueError`, too).
    """
    from hyperloom.core.actors import naming  # noqa: PLC0415

    naming.kill(actor, no_restart=no_restart)


def exit_actor() -> NoReturn:
    """End the actor that calls this, in one of its methods, after what it has answered.

    This call, and those that wait, fail with `ActorDied`; its `on_exit` is called; it is not
    started again.  ``sys.exit()`` in a method does the same.

    Raises:
        RuntimeError: no actor's method calls this.
    """
    from hyperloom.core.actors.hosting import ActorExit, lives_here  # noqa: PLC0415

    if not lives_here():
        raise RuntimeError("exit_actor() is for the methods of an actor; nothing was ended")
    raise ActorExit
