"""`RemoteFunction`: a function whose calls become tasks.

The rule: what can be known at the decorator is computed there or at the first call, once;
``.remote()`` itself only packs the arguments and says the task to the outbox.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from hyperloom.core import current
from hyperloom.core.options import TaskOptions
from hyperloom.core.refs import ObjectRef
from hyperloom.core.signatures import Arity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hyperloom.core.submission import Submitter

P = ParamSpec("P")
R = TypeVar("R")

Ref = ObjectRef[Any]


class RemoteFunction(Generic[P, R]):
    """Made by `hyperloom.task`.  Call ``f.remote(...)`` for a task, ``f(...)`` to run it here."""

    def __init__(self, function: Callable[P, R], options: TaskOptions) -> None:
        if inspect.iscoroutinefunction(function):
            raise TypeError(
                f"{function.__qualname__} is an async function; a task is a plain one: write "
                "`def`, and asyncio.run(...) inside if it needs a loop"
            )
        if not callable(function):
            raise TypeError(f"@loom.task decorates a function, not {function!r}")
        self.function = function
        self.task_options = options
        self.streams = options.num_returns == "streaming" or (
            options.num_returns is None and inspect.isgeneratorfunction(function)
        )
        self.name: str = options.name or str(
            getattr(function, "__qualname__", type(function).__name__)
        )
        self.arity = Arity(function, self.name)
        self._submitter: Submitter | None = None
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

        A list of refs if ``num_returns`` is not 1, an `ObjectRefGenerator` if it streams.
        An argument that is a ref is waited for and arrives as its value; refs inside
        arguments stay refs.

        Raises:
            TypeError: the arguments do not fit the function.
            NotSerializable: an argument cannot travel; the message names the part.
        """
        submitter = self._submitter
        if submitter is None or submitter.closed:
            submitter = self._submitter = current.session().submitter(self)
        return submitter.submit(args, kwargs)

    def options(self, **changes: Any) -> RemoteFunction[P, R]:
        """The same function with other options (see `hyperloom.task`)."""
        if "max_calls" in changes:
            raise TypeError("max_calls belongs to the function: write it at the decorator")
        return RemoteFunction(self.function, self.task_options.with_(changes))

    def map(self, items: Iterable[Any], *, chunk: int = 1) -> list[ObjectRef[R]]:
        """A task for each item, submitted in bulk; the refs in the items' order.

        An item is the function's one argument; a ref among them arrives as its value.
        With ``chunk`` greater than 1 a task takes so many items one after the other; each
        still has its own result and its own error, but they are retried together.
        """
        submitter = self._submitter
        if submitter is None or submitter.closed:
            submitter = self._submitter = current.session().submitter(self)
        return submitter.map(items, chunk)

    def __getstate__(self) -> dict[str, Any]:
        # Sent to workers inside closures: there it finds its own session.
        return {**self.__dict__, "_submitter": None}

    def __repr__(self) -> str:
        return f"<task {self.name}>"
