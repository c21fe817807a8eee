"""Streaming tasks: results that arrive one by one, while the task still runs.

A streaming task's items are its outputs 1, 2, 3, …; output 0 is the end of the stream: the
number of items, or the failure.  Items are told to the maker's inbox like all results.

The reader's side is `ObjectRefGenerator`; the worker's is `Items`.  With a limit on how far
the worker may be ahead, the reader says how many items it took, and the worker waits.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from hyperloom import errors
from hyperloom.core import current
from hyperloom.core.blocking import nobody_minds
from hyperloom.core.refs import ObjectRef
from hyperloom.core.waiting import Waiter
from hyperloom.gcs import codes
from hyperloom.gcs.delivery import Said
from hyperloom.gcs.recent import Recent
from hyperloom.ids import TASK_BYTES, index_of, object_id, short

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import AsyncIterator, Callable, Iterator

    from hyperloom.core.context import Running
    from hyperloom.core.session import Session
    from hyperloom.ids import TaskID

T_co = TypeVar("T_co", covariant=True)


class Stream(Protocol):
    """Who hears what arrives for a stream; called with the session's lock held."""

    def arrived(self, oid: bytes, value: bytes) -> None:
        """An item, or word of the reader."""


class ObjectRefGenerator(Generic[T_co]):
    """Iterate over it for the refs to a streaming task's items, each as soon as it exists.

    Also ``async for``.  An exception of the task is what the last ref raises.  Dropping the
    generator frees the items that were not read and stops the task at its next one.
    """

    def __init__(self, session: Session, task: TaskID, ahead: int) -> None:
        self._session = session
        self._task = task
        self._ahead = ahead
        self._end: ObjectRef[int] = session.promise(object_id(task, 0))
        self._read = 0  # items handed out
        self._finished = False
        self._reader = session.streams[task] = _Reader(session)

    def __iter__(self) -> Iterator[ObjectRef[T_co]]:
        return self

    def __next__(self) -> ObjectRef[T_co]:
        ref = self.next_ready(timeout=None)
        if ref is None:
            raise StopIteration
        return ref

    def next_ready(self, timeout: float | None = 0) -> ObjectRef[T_co] | None:
        """The next item's ref; None after the last one.

        Raises:
            GetTimeout: the task has not made the next item within `timeout` seconds.
        """
        if self._finished:
            return None
        session = self._session
        both = self._next()
        if not any(session.ready(both)) and not session.wait(both, Waiter(1), timeout):
            raise errors.GetTimeout(
                f"item {self._read + 1} of stream {short(self._task)} was not there within "
                f"{timeout} s; nothing is lost: ask again"
            )
        item = both[0]
        if session.values.get(item) in (None, codes.LOST):  # lost: asked about after the end
            return self._at_the_end(item)
        return self._handed_out(item)

    def _handed_out(self, item: bytes) -> ObjectRef[T_co]:
        session = self._session
        self._read += 1
        self._reader.read = self._read
        if self._ahead:
            session.outbox.tell("stream_consume", self._task, self._read)
        return ObjectRef(item, session)

    def _next(self) -> list[bytes]:
        """What there will be next: an item, or the end."""
        item = object_id(self._task, self._read + 1)
        self._session.values.setdefault(item, None)
        return [item, self._end.binary()]

    def _at_the_end(self, item: bytes) -> ObjectRef[T_co] | None:
        session, end = self._session, self._end
        failed = session.failed(end.binary())
        if not failed and self._read < session.value_of(end.binary()):  # type: ignore[operator]
            # The end overtook the item's notification; or a restored server has forgotten the item,
            # and there is nobody any more who would say it again: then `get` says that it is lost.
            session.ask([item])
            return self._handed_out(item)
        session.values.pop(item, None)
        session.streams.pop(self._task, None)
        self._finished = True
        return end if failed else None  # type: ignore[return-value]  # it raises

    def completed(self) -> ObjectRef[int]:
        """A ref to the number of items, there when the task has ended; raises its error."""
        return self._end

    def is_finished(self) -> bool:
        """Whether all items were handed out."""
        return self._finished

    async def __aiter__(self) -> AsyncIterator[ObjectRef[T_co]]:
        import asyncio  # noqa: PLC0415 - most programs never await

        session = self._session
        loop = asyncio.get_running_loop()
        while not self._finished:
            session.check_open()
            both = self._next()
            there = asyncio.Event()
            waiter = Waiter(1, when_done=partial(_call_soon, loop, there.set))
            session.register(waiter, both)
            session.wake()
            go_on = nobody_minds if waiter.done else session.blocked(both)
            try:
                await there.wait()
            finally:
                go_on()
                session.unregister(waiter, both)
            ref = self.next_ready(0)
            if ref is not None:
                yield ref

    def __del__(self) -> None:
        self._reader.abandon(self._task, tell=bool(self._ahead) and not self._finished)

    def __reduce__(self) -> Any:  # noqa: ANN401 - never returns
        raise TypeError("an ObjectRefGenerator stays where it is; pass on the refs it gives")

    def __repr__(self) -> str:
        return f"ObjectRefGenerator({short(self._task)}, {self._read} items read)"


def _call_soon(loop: AbstractEventLoop, function: Callable[[], None]) -> None:
    if not loop.is_closed():  # else nobody waits there any more
        loop.call_soon_threadsafe(function)


class _Reader:
    """Keeps items that arrive before they are asked for; drops those that come too late."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._abandoned = False
        self.read = 0

    def arrived(self, oid: bytes, value: bytes) -> None:
        index = index_of(oid)  # type: ignore[arg-type]
        if index == 0:  # the end of a stream whose generator is gone: all its items have come
            self._session.streams.pop(oid[:TASK_BYTES], None)
            return
        # An item that was read and dropped may come again: a retry has made it anew.
        if self._abandoned or index <= self.read:
            self._session.outbox.release(oid, made=True)
        else:
            self._session.values[oid] = value

    def abandon(self, task: TaskID, *, tell: bool) -> None:
        """Nobody will read on.  Called by ``__del__``: takes no lock."""
        self._abandoned = True
        index = self.read + 1
        values = self._session.values
        asked_for = object_id(task, index)
        value = values.pop(asked_for, None)
        if value is not None:
            values[asked_for] = value
        while values.get(object_id(task, index)) is not None:
            self._session.dropped.append(object_id(task, index))
            index += 1
        if tell:
            self._session.last_words.append(("stream_consume", task, codes.FOR_EVER))
        self._session.wake()


class Items:
    """The worker's side of one streaming task: it reports item after item."""

    def __init__(self, session: Session, node: bytes, running: Running, ahead: int) -> None:
        self._session = session
        self._node = node
        self._running = running
        self._task = task = running.task
        self._ahead = ahead
        self._made = 0
        self._consumed = 0
        self._recent = Recent()  # items said of late, by their numbers
        self._connections = session.outbox.connections()  # when the last of them was said
        self._name = codes.CONSUMED + task
        if ahead:
            session.streams[self._name] = self
            self._consumed = session.outbox.call("stream_open", task, session.process)

    def arrived(self, oid: bytes, value: bytes) -> None:
        """The reader took so many items."""
        del oid
        self._consumed = max(self._consumed, int(value))

    def add(self, value: object, what: str) -> bool:
        """Report the next item; False: nobody reads any more, or it was cancelled.

        Waits while the reader is too far behind.
        """
        while self._too_far_ahead():
            waiter = Waiter(1)
            if not self._session.wait([self._name], waiter, self._session.config.reconcile_s):
                self.confirm()
                consumed = self._session.outbox.call(
                    "stream_open", self._task, self._session.process
                )
                self._consumed = max(self._consumed, consumed)
        if self._running.cancelled:
            return False
        self._made += 1
        oid = object_id(self._task, self._made)
        kept, contained = self._session.store.keep(oid, value, what=what)
        if contained:
            current.own(contained, self._session.job)
            self._session.outbox.contain(oid, contained)
        self._recent.add(Said(kept, self._made), time.monotonic())
        return self._say(self._made, kept)

    def confirm(self) -> None:
        """A server that came back may have forgotten items: they are said again.

        Who reads waits for them, and no other attempt will make them.
        """
        if self._made and self._connections != self._session.outbox.connections():
            for last in self._recent.after(self._made - 1, 0.0) or ():
                self._say(self._made, last.words)

    def _say(self, index: int, kept: bytes) -> bool:
        self._connections = self._session.outbox.connections()
        answer = self._yields(index, kept)
        while isinstance(answer, int):  # the server has forgotten all items behind this number
            forgotten = self._recent.after(answer, 0.0)
            if forgotten is None:
                raise errors.ClusterStateLost(
                    f"the control plane has lost items of stream {short(self._task)} that it had "
                    f"answered: it knows {answer} of {index} (its server was restored from an "
                    "older state). What was read of it stays; call the function again"
                )
            for item in forgotten:
                answer = self._yields(item.number, item.words)
                if answer != b"KEPT":
                    break
        return bool(answer == b"KEPT")

    def _yields(self, index: int, kept: bytes) -> Any:  # noqa: ANN401 - Redis' own reply
        return self._session.outbox.call(
            "task_yield", self._node, self._task, self._running.attempt, index, kept
        )

    def _too_far_ahead(self) -> bool:
        behind = self._made - self._consumed
        return 0 < self._ahead <= behind and not self._running.cancelled

    @property
    def made(self) -> int:
        """Items so far."""
        return self._made

    def close(self) -> None:
        """The task has ended."""
        self._session.streams.pop(self._name, None)
