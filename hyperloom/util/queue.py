"""`Queue`: a first-in-first-out queue that any task or actor may use.

It is the standard library's `queue.Queue` in an actor: the same names, the same `Empty` and
`Full`.  Who waits does so in the actor, as a coroutine, and is woken there; nobody asks again and
again.  Who puts, who gets, and who asks at once are three concurrency groups, so that none of
them can keep out those that they wait for.

The rule: one call brings, or takes, all of its items or none.  They travel in a list, so that a
ref that is an item stays a ref.
"""

from __future__ import annotations

import asyncio
from queue import Empty, Full
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hyperloom import api, errors
from hyperloom.core import current
from hyperloom.core.actors.api import kill, method
from hyperloom.core.actors.typed import Actor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import NoReturn

    from hyperloom.core.refs import ObjectRef

__all__ = ["Empty", "Full", "Queue"]

T = TypeVar("T")
R = TypeVar("R")

_WAIT = 10_000  # may wait to put, and as many to get


class QueueActor(Actor, concurrency_groups={"put": _WAIT, "get": _WAIT}):
    """Where the items are.  Its answers: whether they went in; those that came out."""

    def __init__(self, maxsize: int) -> None:
        self._queue: asyncio.Queue[Any] = asyncio.Queue(maxsize)

    @method(concurrency_group="put")
    async def put(self, items: list[Any], timeout: float | None) -> bool:  # noqa: ASYNC109
        """Bring one item, when there is room."""
        try:
            async with asyncio.timeout(timeout):
                await self._queue.put(items[0])
        except TimeoutError:
            return False
        return True

    @method(concurrency_group="get")
    async def get(self, timeout: float | None) -> list[Any]:  # noqa: ASYNC109
        """Take one item, when there is one."""
        try:
            async with asyncio.timeout(timeout):
                return [await self._queue.get()]
        except TimeoutError:
            return []

    @method
    def put_at_once(self, items: list[Any]) -> bool:
        """Bring them all, if there is room for all."""
        if 0 < self._queue.maxsize < self._queue.qsize() + len(items):
            return False
        for item in items:
            self._queue.put_nowait(item)
        return True

    @method
    def get_at_once(self, number: int) -> list[Any]:
        """Take so many, if there are so many."""
        if number > self._queue.qsize():
            return []
        return [self._queue.get_nowait() for _ in range(number)]

    @method
    def qsize(self) -> int:
        """Items that are there."""
        return self._queue.qsize()


class Queue(Generic[T]):
    """A queue between tasks and actors: first in, first out.

    Pass it on like an actor's handle: all copies are the same queue, which ends, with what is in
    it, when the last of them is gone.  Items are values as arguments are, and pass through the
    actor's process: of a large one put a ref (`hyperloom.put`), which comes out as a ref.

    With ``mode="inline"`` nobody else works while a call waits, so that one that would is `Empty`
    or `Full` at once.

    Any method raises `hyperloom.errors.ActorDied` when the queue has been shut down, or its
    process has died; what was in it is gone then.

    Args:
        maxsize: items that it has room for; 0: any number.
        actor_options: of its actor, as in `hyperloom.actor`; say, ``{"name": "orders"}``.
    """

    def __init__(self, maxsize: int = 0, actor_options: Mapping[str, Any] | None = None) -> None:
        if isinstance(maxsize, bool) or not isinstance(maxsize, int):
            raise TypeError(f"maxsize={maxsize!r} cannot be: it is a whole number of items")
        self.maxsize = max(0, maxsize)
        self.actor: Any = QueueActor.options(**(actor_options or {})).remote(self.maxsize)

    def __len__(self) -> int:
        return self.qsize()

    def __bool__(self) -> bool:
        return True  # as the standard library's; empty() tells what is in it

    def __repr__(self) -> str:
        return f"Queue(maxsize={self.maxsize}, {self.actor!r})"

    # -- how it stands ------------------------------------------------------------------------

    def qsize(self) -> int:
        """Items in it now; others may change that at any time."""
        number: int = _answer(self.actor.qsize.remote())
        return number

    size = qsize

    def empty(self) -> bool:
        """Whether nothing is in it now."""
        return self.qsize() == 0

    def full(self) -> bool:
        """Whether there is no room in it now."""
        return 0 < self.maxsize <= self.qsize()

    # -- one item -----------------------------------------------------------------------------

    def put(self, item: T, block: bool = True, timeout: float | None = None) -> None:  # noqa: FBT001, FBT002 - the standard library's
        """Put an item in.

        Args:
            item: what goes in.
            block: wait until there is room.
            timeout: seconds to wait at most; None: as long as it takes.

        Raises:
            Full: there was no room; it is not in the queue.
            ValueError: the timeout is negative.
        """
        if not block:
            self.put_nowait(item)
        elif not _answer(self.actor.put.remote([item], _checked(timeout))):
            self._full(1, timeout)

    def get(self, block: bool = True, timeout: float | None = None) -> T:  # noqa: FBT001, FBT002 - the standard library's
        """Take the oldest item out.

        Args:
            block: wait until there is one.
            timeout: seconds to wait at most; None: as long as it takes.

        Raises:
            Empty: there was none.
            ValueError: the timeout is negative.
        """
        if not block:
            return self.get_nowait()
        items: list[T] = _answer(self.actor.get.remote(_checked(timeout)))
        return items[0] if items else self._empty(1, timeout)

    async def put_async(self, item: T, block: bool = True, timeout: float | None = None) -> None:  # noqa: ASYNC109, FBT001, FBT002 - the standard library's
        """Like `put`, awaiting."""
        call = self.actor.put.remote([item], _checked(timeout) if block else 0)
        if not await _awaited(call):
            self._full(1, timeout if block else None)

    async def get_async(self, block: bool = True, timeout: float | None = None) -> T:  # noqa: ASYNC109, FBT001, FBT002 - the standard library's
        """Like `get`, awaiting."""
        call = self.actor.get.remote(_checked(timeout) if block else 0)
        items: list[T] = await _awaited(call)
        return items[0] if items else self._empty(1, timeout if block else None)

    # -- at once ------------------------------------------------------------------------------

    def put_nowait(self, item: T) -> None:
        """Put an item in, if there is room.

        Raises:
            Full: there is none.
        """
        self.put_nowait_batch([item])

    def get_nowait(self) -> T:
        """Take the oldest item out, if there is one.

        Raises:
            Empty: there is none.
        """
        return self.get_nowait_batch(1)[0]

    def put_nowait_batch(self, items: Iterable[T]) -> None:
        """Put all of these in, one after the other; in one call.

        Raises:
            Full: there is not room for all of them; none is in the queue.
        """
        batch = list(items)
        if batch and not _answer(self.actor.put_at_once.remote(batch)):
            self._full(len(batch))

    def get_nowait_batch(self, num_items: int) -> list[T]:
        """Take so many of the oldest items out, in one call.

        Raises:
            Empty: there are fewer; all stay in the queue.
            ValueError: the number is negative.
            TypeError: it is no whole number.
        """
        if isinstance(num_items, bool) or not isinstance(num_items, int):
            raise TypeError(f"num_items={num_items!r} cannot be: it is a whole number of items")
        if num_items < 0:
            raise ValueError(f"num_items={num_items} cannot be: it is at least 0")
        items = _answer(self.actor.get_at_once.remote(num_items)) if num_items else []
        return items if len(items) == num_items else self._empty(num_items)

    # -- its end ------------------------------------------------------------------------------

    def shutdown(self, force: bool = False, grace_period_s: float = 5) -> None:  # noqa: FBT001, FBT002 - as in Ray
        """End the queue, with all that is in it; who waits gets `ActorDied`.

        Args:
            force: at once, without answering calls that this process has made before.
            grace_period_s: seconds that they have to be answered, else.
        """
        if not force:
            api.wait([self.actor.qsize.remote()], timeout=grace_period_s)
        kill(self.actor)

    def _full(self, number: int, timeout: float | None = None) -> NoReturn:
        waited = "" if timeout is None else f" within {timeout} s"
        raise Full(f"{self!r} had no room for {number} more{waited}; nothing was put in")

    def _empty(self, number: int, timeout: float | None = None) -> NoReturn:
        waited = "" if timeout is None else f" within {timeout} s"
        raise Empty(f"{self!r} did not have {number} in it{waited}; nothing was taken out")


def _checked(timeout: float | None) -> float | None:
    if timeout is not None and not timeout >= 0:
        raise ValueError(f"timeout={timeout!r} cannot be: it is at least 0 seconds, or None")
    # Inline nobody else works while a call waits: it is answered now, or never would be.
    return 0 if hasattr(current.session(), "plane") else timeout


def _answer(call: ObjectRef[R]) -> R:
    try:
        return api.get(call)
    except errors.TaskError:
        raise
    except BaseException:
        # Who is interrupted waits no longer, and shall not be given anything.
        api.cancel(call)
        raise


async def _awaited(call: ObjectRef[R]) -> R:
    try:
        return await call
    except asyncio.CancelledError:
        api.cancel(call)
        raise
