"""`Actor`: a base class whose `remote` gives handles of exact types.

A class decorator cannot change what type checkers think of a class; a base class can. ::

    class Counter(loom.Actor, max_restarts=1):
        def __init__(self, start: int) -> None:
            self.total = start

        @loom.method
        def add(self, n: int) -> int: ...

    counter = Counter.remote(0)      # arguments are checked
    ref = counter.add.remote(2)      # ObjectRef[int]

At run time it is the same as ``loom.actor(max_restarts=1)(Counter)``; plain ``Counter(0)`` is an
ordinary object.
"""

# ruff: noqa: ANN401 - what is passed as a ref may be of any type, and so may what goes with it

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, ParamSpec, Protocol, TypeVar, overload

from hyperloom.core.actors.definition import ActorClass, actor_class
from hyperloom.core.actors.options import ActorOptions

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Unpack

    from hyperloom.core.actors.options import ActorChanges, MethodRest
    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.streams import ObjectRefGenerator

P = ParamSpec("P")
C = TypeVar("C")
C_co = TypeVar("C_co", covariant=True)
D_co = TypeVar("D_co", covariant=True)
R_co = TypeVar("R_co", covariant=True)


class Actor:
    """Inherit from it, with the options of `hyperloom.actor` as keywords of the class."""

    __loom_options: ClassVar[ActorOptions] = ActorOptions()
    __loom_class: ClassVar[ActorClass[Any] | None] = None

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__()
        cls.__loom_options = cls.__loom_options.with_(options)
        cls.__loom_class = None

    @classmethod
    def __loom_actor_class(cls) -> ActorClass[Any]:
        if cls.__loom_class is None:
            cls.__loom_class = actor_class(cls, cls.__loom_options)
        return cls.__loom_class

    if TYPE_CHECKING:

        @classmethod
        def remote(cls: Callable[P, C], *args: P.args, **kwargs: P.kwargs) -> C:
            """A new actor; see `ActorClass.remote`."""

        @classmethod
        def options(cls: Callable[P, C], **changes: Unpack[ActorChanges]) -> Changed[P, C]:
            """The same class with other options; see `ActorClass.options`."""

    else:

        @classmethod
        def remote(cls, *args: Any, **kwargs: Any) -> Any:
            """A new actor; see `ActorClass.remote`."""
            return cls.__loom_actor_class().remote(*args, **kwargs)

        @classmethod
        def options(cls, **changes: Any) -> Any:
            """The same class with other options; see `ActorClass.options`."""
            return cls.__loom_actor_class().options(**changes)


class Changed(Protocol[P, C_co]):
    """The class with other options, as type checkers see it."""

    def remote(self, *args: P.args, **kwargs: P.kwargs) -> C_co:
        """A new actor; see `ActorClass.remote`."""

    def options(self, **changes: Unpack[ActorChanges]) -> Changed[P, C_co]:
        """The same class with other options; see `ActorClass.options`."""


class BoundMethod(Protocol[P, R_co, D_co]):
    """A method of a handle, as type checkers see it."""

    @overload
    def remote(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...
    @overload
    def remote(self, a: ObjectRef[Any], /, *args: Any, **kwargs: Any) -> R_co: ...
    @overload
    def remote(self, a: Any, b: ObjectRef[Any], /, *args: Any, **kwargs: Any) -> R_co: ...

    @overload
    def options(
        self, *, num_returns: Literal["streaming"], **changes: Unpack[MethodRest]
    ) -> BoundMethod[P, ObjectRefGenerator[Any], D_co]: ...
    @overload
    def options(  # type: ignore[overload-overlap]  # 1 is an int, and comes first
        self, *, num_returns: Literal[1], **changes: Unpack[MethodRest]
    ) -> BoundMethod[P, ObjectRef[D_co], D_co]: ...
    @overload
    def options(
        self, *, num_returns: int, **changes: Unpack[MethodRest]
    ) -> BoundMethod[P, list[ObjectRef[Any]], D_co]: ...
    @overload
    def options(self, **changes: Unpack[MethodRest]) -> BoundMethod[P, R_co, D_co]: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> D_co:
        """Within the class: an ordinary call."""


class Method(Protocol[P, R_co, D_co]):
    """A method of an actor class, as type checkers see it: of the arguments, what a call gives.

    That of a remote call is a ref or a stream, that of an ordinary one what the function returns.
    """

    def __get__(self, instance: object, owner: Any = None) -> BoundMethod[P, R_co, D_co]: ...
