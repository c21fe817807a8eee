"""`RemoteFunction`: a function whose calls become tasks.

The rule: what can be known at the decorator is computed there or at the first call, once;
``.remote()`` itself only packs the arguments and says the task to the outbox.
"""

# ruff: noqa: ANN401 - what is passed as a ref may be of any type, and so may what goes with it

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterable, Iterator
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    Never,
    ParamSpec,
    Self,
    TypeVar,
    Unpack,
    overload,
)

from hyperloom import errors
from hyperloom.core import current, visiting
from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask, Several
from hyperloom.core.options import refuse_kept_map, refuse_kept_stream
from hyperloom.core.refs import ObjectRef
from hyperloom.core.signatures import Arity

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.core.options import TaskChanges, TaskOptions
    from hyperloom.core.session import Session
    from hyperloom.core.streams import ObjectRefGenerator
    from hyperloom.core.submission import Submitter

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

Ref = ObjectRef[Any]
Input = Ref | BoundTask[Any] | BoundMap[Any] | BoundOutput


def remote_function(function: Any, options: TaskOptions) -> RemoteFunction[Any, Any]:
    """The task that a function becomes with these options.

    Raises:
        TypeError: it is nothing that could be a task.
    """
    function = _checked(function)
    returns = options.num_returns
    if returns == "streaming" or (returns is None and inspect.isgeneratorfunction(function)):
        refuse_kept_stream(options)
        return StreamingFunction(function, options)
    if returns in (None, 1):
        return RemoteFunction(function, options)
    return SeveralFunction(function, options)


def _checked(function: Any) -> Any:
    if isinstance(function, staticmethod):
        function = function.__func__
    name = getattr(function, "__qualname__", repr(function))
    if isinstance(function, RemoteFunction):
        raise TypeError(f"{function!r} is a task already; for other options: f.options(...)")
    if isinstance(function, type):
        raise TypeError(
            f"@loom.task decorates a function, and {name} is a class; a class becomes an actor: "
            "@loom.actor. For a task that makes an instance, write a function that returns it"
        )
    if hasattr(function, "remote"):  # an actor's class, or a method of one
        raise TypeError(
            f"{function!r} is called by .remote() as it is. For a task that makes or calls an "
            "actor, write a function that does"
        )
    if not callable(function):
        raise TypeError(f"@loom.task decorates a function, not {function!r:.100}")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{name} is an async function; a task is a plain one: write `def`, and "
            "asyncio.run(...) inside if it needs a loop"
        )
    return function


def _name_of(function: Any) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__qualname__", type(function).__qualname__))


class RemoteFunction(Generic[P, R]):
    """Made by `hyperloom.task`.  Call ``f.remote(...)`` for a task, ``f(...)`` to run it here."""

    streams = False
    takes_data = False
    gives_value = False
    light = False

    def __init__(self, function: Callable[P, R], options: TaskOptions) -> None:
        self.function = function
        self.task_options = options
        self.name: str = options.name or _name_of(function)
        self.arity = Arity(function, self.name)
        self._submitter: Submitter | None = None
        self._elsewhere: tuple[Session, Submitter] | None = None  # in another job
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here and now, as an ordinary call."""
        return self.function(*args, **kwargs)

    # 1: the exact signature; 2 to 4: an argument is a reference to its value.
    @overload
    def remote(self, *args: P.args, **kwargs: P.kwargs) -> ObjectRef[R]: ...
    @overload
    def remote(self, a: Ref, /, *args: Any, **kwargs: Any) -> ObjectRef[R]: ...
    @overload
    def remote(self, a: Any, b: Ref, /, *args: Any, **kwargs: Any) -> ObjectRef[R]: ...
    @overload
    def remote(self, a: Any, b: Any, c: Ref, /, *args: Any, **kwargs: Any) -> ObjectRef[R]: ...

    def remote(self, *args: Any, **kwargs: Any) -> Any:
        """Submit a task; the ref to its result at once.

        A list of refs if ``num_returns`` is not 1 (None if it is 0), an `ObjectRefGenerator`
        if it streams.  Costs some microseconds and does not wait; what is submitted is sent
        within milliseconds, or with the next `get`.

        An argument that is a ref is waited for and arrives as its value; refs inside
        arguments stay refs.

        Raises:
            TypeError: the arguments do not fit the function.
            NotSerializable: an argument, or something that the function captured, cannot
                travel; the message names the part.
            TooLarge: the function and what it captured are too much for a task.
            SessionClosed: an argument is a ref of an earlier session.
            OtherJob: refs of several jobs.  If all are of one other job, the task is, too.
        """
        submitter = self._submitter
        if submitter is None or submitter.closed:
            submitter = self.submitter((*args, *kwargs.values()))
        try:
            return submitter.submit(args, kwargs)
        except errors.OtherJob as error:
            there = self.submitter_in(visiting.session_there(error))
        return there.submit(args, kwargs)

    @property
    def returns(self) -> int:
        """How many results a call has."""
        number = self.task_options.num_returns
        return number if isinstance(number, int) else 1

    # 1 to 3: an argument stands for many; 4: the exact signature; 5 to 7: an argument is an input.
    @overload
    def bind(self, a: Several, /, *args: Any, **kwargs: Any) -> BoundTask[list[R]]: ...
    @overload
    def bind(self, a: Any, b: Several, /, *args: Any, **kwargs: Any) -> BoundTask[list[R]]: ...
    @overload
    def bind(
        self, a: Any, b: Any, c: Several, /, *args: Any, **kwargs: Any
    ) -> BoundTask[list[R]]: ...
    @overload
    def bind(self, *args: P.args, **kwargs: P.kwargs) -> BoundTask[R]: ...
    @overload
    def bind(self, a: Input, /, *args: Any, **kwargs: Any) -> BoundTask[R]: ...
    @overload
    def bind(self, a: Any, b: Input, /, *args: Any, **kwargs: Any) -> BoundTask[R]: ...
    @overload
    def bind(self, a: Any, b: Any, c: Input, /, *args: Any, **kwargs: Any) -> BoundTask[R]: ...

    def bind(self, *args: Any, **kwargs: Any) -> Any:
        """A call for a plan: nothing runs before it is submitted (`hyperloom.submit`).

        An argument that is another bound task is an input: it arrives as that one's value.
        Refs and constants are taken as by `remote`.  One that `hyperloom.tasks.dget` or `dslice`
        made stands for many: it is a call for each of them, and gives the list of their results.

        Raises:
            TypeError: the arguments do not fit the function, or it streams.
        """
        if self.streams:
            raise TypeError(f"{self!r} streams its results, and a plan cannot have streams yet")
        self.arity.check(args, kwargs)
        for value in (*args, *kwargs.values()) if kwargs else args:
            several = value.function if type(value) is BoundTask else value
            if isinstance(several, Several):
                return several.bound(self, args, kwargs)
        return BoundTask(self, args, kwargs)

    def bind_map(self, items: Iterable[Any], /, *more: Never, **constants: Any) -> BoundMap[R]:
        """A call for each item, as one node of a plan; it travels compactly.

        An item is the function's first argument, `constants` are the others, the same for all
        tasks.  Items and constants may be bound tasks, other maps' outputs and refs, which arrive
        as their values.  Each item is a task of its own: it is scheduled, retried, cancelled and
        fails by itself.

        The items are those that there are now.  A ``range`` costs nothing, however long it is.

        Raises:
            TypeError: the function does not take an item and these constants, `items` cannot be
                iterated over, or the function streams.
            ValueError: `num_returns` is not 1.
            InvalidOption: the function has `checkpoint` or `cache`.
        """
        if more:
            raise TypeError(
                f"bind_map() goes through one sequence of items, and got {1 + len(more)}: to go "
                f"through several in step, write [{self.name}.bind(*each) for each in "
                "zip(...)]; what is the same for all items is said by its name"
            )
        refuse_kept_map(self.task_options, self.name)
        if self.streams:
            raise TypeError(f"{self!r} streams its results, and a plan cannot have streams yet")
        if self.returns != 1:
            raise ValueError(f"{self.name} has num_returns={self.returns}; bind_map needs 1")
        if not isinstance(items, Iterable):
            raise TypeError(
                f"bind_map() takes the items, of each of which {self.name} is called, not "
                f"{items!r:.100}, which cannot be iterated over{getattr(items, 'instead', '')}"
            )
        for name, value in constants.items():
            if isinstance(value, Several):
                raise TypeError(f"{name} of bind_map() is the same for all items, not {value!r}")
        self.arity.check((None,), constants)
        return BoundMap(self, items, constants)

    @overload
    def options(
        self, *, num_returns: Literal["streaming"], **changes: Unpack[TaskChanges]
    ) -> StreamingFunction[P, Any]: ...
    @overload
    def options(  # type: ignore[overload-overlap]  # 1 is an int, and comes first
        self, *, num_returns: Literal[1] | None, **changes: Unpack[TaskChanges]
    ) -> RemoteFunction[P, R]: ...
    @overload
    def options(
        self, *, num_returns: int, **changes: Unpack[TaskChanges]
    ) -> SeveralFunction[P, R]: ...
    @overload
    def options(self, **changes: Unpack[TaskChanges]) -> Self: ...

    def options(self, **changes: Any) -> Any:
        """The same function with other options (see `hyperloom.task`); this one stays as it is.

        Raises:
            InvalidOption: an option is unknown or cannot have its value.
            TypeError: `max_calls`, which belongs to the function and not to a call.
        """
        if "max_calls" in changes:
            raise TypeError("max_calls belongs to the function: write it at the decorator")
        return remote_function(self.function, self.task_options.with_(changes))

    def map(self, items: Iterable[Any], *, chunk: int | None = None) -> list[ObjectRef[R]]:
        """The function of each item, submitted in bulk; the refs in the items' order.

        An item is the function's one argument; a ref among them arrives as its value.
        A task takes `chunk` items one after the other.  Each has its own result and its own
        error, but they are retried together, and placed together.  Without `chunk` it is
        chosen so that each CPU gets at least 32 tasks, of at most 64 items; 1 makes every
        item a task of its own.

        Raises:
            ValueError: `chunk` is no number of items, or `num_returns` is not 1.
            TypeError: the function does not take one argument.
            NotSerializable: an item cannot travel; those before it were submitted.
        """
        return self.submitter_in(current.session_of(items)).map(items, chunk)

    def submitter(self, things: object = ()) -> Submitter:
        """What turns calls into tasks of this process's session, which may have to begin.

        Raises:
            SessionClosed: there is none, and refs of an earlier one are among `things`.
        """
        submitter = self._submitter
        if submitter is None or submitter.closed:
            session = current.session_of(things).home
            submitter = self._submitter = session.submitter(self)
        return submitter

    def submitter_in(self, session: Session) -> Submitter:
        """What turns calls into tasks of that session, which may be one in another job."""
        if session.home is session:
            return self.submitter()
        known = self._elsewhere
        if known is None or known[0] is not session:
            known = self._elsewhere = (session, session.submitter(self))
        return known[1]

    def __getstate__(self) -> dict[str, Any]:
        # Sent to workers inside closures: there it finds its own session.
        return {**self.__dict__, "_submitter": None, "_elsewhere": None}

    def __repr__(self) -> str:
        return f"<task {self.name}>"


class StreamingFunction(RemoteFunction[P, Iterator[T]], Generic[P, T]):
    """A task whose results arrive one by one: a generator function, mostly."""

    streams = True

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def remote(self, *args: P.args, **kwargs: P.kwargs) -> ObjectRefGenerator[T]: ...
        @overload
        def remote(self, a: Ref, /, *args: Any, **kwargs: Any) -> ObjectRefGenerator[T]: ...
        @overload
        def remote(self, a: Any, b: Ref, /, *args: Any, **kwargs: Any) -> ObjectRefGenerator[T]: ...
        @overload
        def remote(
            self, a: Any, b: Any, c: Ref, /, *args: Any, **kwargs: Any
        ) -> ObjectRefGenerator[T]: ...

        def remote(self, *args: Any, **kwargs: Any) -> Any:
            """Submit a task; see `RemoteFunction.remote`."""


class SeveralFunction(RemoteFunction[P, R]):
    """A task with another number of results than one, each with a ref of its own."""

    if TYPE_CHECKING:

        @overload  # type: ignore[override]
        def remote(self, *args: P.args, **kwargs: P.kwargs) -> list[ObjectRef[Any]]: ...
        @overload
        def remote(self, a: Ref, /, *args: Any, **kwargs: Any) -> list[ObjectRef[Any]]: ...
        @overload
        def remote(self, a: Any, b: Ref, /, *args: Any, **kwargs: Any) -> list[ObjectRef[Any]]: ...
        @overload
        def remote(
            self, a: Any, b: Any, c: Ref, /, *args: Any, **kwargs: Any
        ) -> list[ObjectRef[Any]]: ...

        def remote(self, *args: Any, **kwargs: Any) -> Any:
            """Submit a task; see `RemoteFunction.remote`."""
