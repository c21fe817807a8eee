"""What `hyperloom.method` with options makes of a function, as type checkers see it."""

# ruff: noqa: D102 - all of them are `hyperloom.method`, of functions of any type

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from hyperloom.core.actors.typed import Method
    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.streams import ObjectRefGenerator

P = ParamSpec("P")
R = TypeVar("R")


class AsItIs(Protocol):
    """By what kind of function it is."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
    ) -> Method[P, ObjectRef[R], Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]  # an iterator is an object, and comes first
        self, function: Callable[Concatenate[Any, P], Iterator[R]], /
    ) -> Method[P, ObjectRefGenerator[R], Iterator[R]]: ...
    @overload
    def __call__(  # type: ignore[overload-overlap]  # of either kind
        self, function: Callable[Concatenate[Any, P], AsyncIterator[R]], /
    ) -> Method[P, ObjectRefGenerator[R], AsyncIterator[R]]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], R], /
    ) -> Method[P, ObjectRef[R], R]: ...


class Plain(Protocol):
    """``num_returns=1``."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
    ) -> Method[P, ObjectRef[R], Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], R], /
    ) -> Method[P, ObjectRef[R], R]: ...


class Several(Protocol):
    """Any other number: a list of so many refs, or None if it is 0."""

    def __call__(
        self, function: Callable[Concatenate[Any, P], R], /
    ) -> Method[P, list[ObjectRef[Any]], R]: ...


class Streaming(Protocol):
    """``num_returns="streaming"``."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], Iterator[R]], /
    ) -> Method[P, ObjectRefGenerator[R], Iterator[R]]: ...
    @overload
    def __call__(
        self, function: Callable[Concatenate[Any, P], R], /
    ) -> Method[P, ObjectRefGenerator[Any], R]: ...
