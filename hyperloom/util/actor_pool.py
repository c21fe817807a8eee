"""`ActorPool`: values go to whichever of some actors is free.

The rule: an actor works on one value at a time, and is free as soon as that is done, whether
anybody has asked for the result yet or not.  A result belongs to its value, in the order of
submission; what is asked for, in order or not, is only which result comes next.

An actor that died leaves the pool: one that fails at once would else eat up all values.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from hyperloom import api, errors
from hyperloom.core import current
from hyperloom.core.refs import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hyperloom.core.actors.handle import ActorHandle

A = TypeVar("A")
V = TypeVar("V")
R = TypeVar("R")


class _Work:
    """One value, on its way to a result."""

    __slots__ = ("actor", "failure", "function", "result", "value")

    def __init__(self, function: Callable[[Any, Any], Any], value: object) -> None:
        self.function = function
        self.value = value
        self.actor: Any = None  # who works on it
        self.result: Any = None  # a ref, or a list of refs; None: it waits for an actor
        self.failure: Exception | None = None  # what `function` raised

    @property
    def ref(self) -> ObjectRef[Any]:
        """Ready when it is done: all results of a call are ready at once."""
        return cast("ObjectRef[Any]", self.result[0] if type(self.result) is list else self.result)

    def begin(self, actor: object) -> None:
        result = self.function(actor, self.value)
        first = result[0] if isinstance(result, list) and result else result
        if not isinstance(first, ObjectRef):
            raise TypeError(
                f"ActorPool: {self.function!r:.100} gave {result!r:.100} for a value, not a ref; "
                "it takes an actor and a value and returns actor.method.remote(value)"
            )
        self.result = result
        self.actor = actor
        self.function = self.value = cast("Any", None)  # nobody needs them any more


class ActorPool(Generic[A]):
    """Work for a fixed set of actors, each doing one thing at a time.

    >>> pool = ActorPool([Model.remote() for _ in range(4)])
    >>> list(pool.map(lambda model, text: model.score.remote(text), texts))

    A pool belongs to its process and thread; it is not passed on.
    """

    def __init__(self, actors: Iterable[A]) -> None:
        """A pool of these actors, which all wait for work.

        Args:
            actors: handles of actors, each once; from now on only this pool should call them.

        Raises:
            ValueError: an actor is there twice.
        """
        self._idle: list[A] = []
        self._busy: dict[ObjectRef[Any], _Work] = {}  # by what is ready when it is done
        self._waiting: deque[_Work] = deque()  # for a free actor
        self._wanted: dict[_Work, None] = {}  # whose results nobody got yet, as submitted
        for actor in actors:
            self._refuse_known(actor)
            self._idle.append(actor)

    # -- work ---------------------------------------------------------------------------------

    def submit(self, fn: Callable[[A, V], Any], value: V) -> None:
        """Have an actor work on a value: at once, or as soon as one is free.

        Args:
            fn: ``fn(actor, value)`` calls a method and returns the ref, or the list of refs.
            value: what it is called with.

        Raises:
            TypeError: `fn` gave no ref.
        """
        work = _Work(fn, value)
        if not self._idle:
            self._look(None, 0)
        if self._idle and not self._waiting:
            self._begin(work)
        else:
            self._waiting.append(work)
        self._wanted[work] = None

    @overload
    def map(self, fn: Callable[[A, V], ObjectRef[R]], values: Iterable[V]) -> Iterator[R]: ...
    @overload
    def map(self, fn: Callable[[A, V], Any], values: Iterable[V]) -> Iterator[Any]: ...

    def map(self, fn: Callable[[A, V], Any], values: Iterable[V]) -> Iterator[Any]:
        """Have the actors work on all values, which begins at once; the results in their order.

        Earlier work that nobody got the results of is done, but its results are dropped.
        """
        self._submit_all(fn, values)
        return self._results(self.get_next)

    @overload
    def map_unordered(
        self, fn: Callable[[A, V], ObjectRef[R]], values: Iterable[V]
    ) -> Iterator[R]: ...
    @overload
    def map_unordered(self, fn: Callable[[A, V], Any], values: Iterable[V]) -> Iterator[Any]: ...

    def map_unordered(self, fn: Callable[[A, V], Any], values: Iterable[V]) -> Iterator[Any]:
        """Like `map`, but each result as soon as it is there."""
        self._submit_all(fn, values)
        return self._results(self.get_next_unordered)

    def _submit_all(self, fn: Callable[[A, V], Any], values: Iterable[V]) -> None:
        self._wanted.clear()
        for value in values:
            self.submit(fn, value)

    def _results(self, get_next: Callable[[], Any]) -> Iterator[Any]:
        while self.has_next():
            yield get_next()

    # -- results ------------------------------------------------------------------------------

    def has_next(self) -> bool:
        """Whether there is a result that nobody got yet, ready or not."""
        return bool(self._wanted)

    def get_next(self, timeout: float | None = None, ignore_if_timedout: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002 - as in Ray
        """The result for the earliest value whose result nobody got yet.

        Args:
            timeout: seconds to wait for it; None: as long as it takes.
            ignore_if_timedout: after a timeout its result is not wanted any more, and the next
                `get_next` is about the next value.

        Raises:
            StopIteration: there are no more results.
            TimeoutError: it is not ready yet.
            RuntimeError: all actors of the pool have died.
            Exception: what the call raised; the next `get_next` is about the next value.
        """
        self._refuse_nothing()
        work = next(iter(self._wanted))
        return self._get(lambda: work if self._over(work) else None, timeout, ignore_if_timedout)

    def get_next_unordered(
        self,
        timeout: float | None = None,
        ignore_if_timedout: bool = False,  # noqa: FBT001, FBT002 - as in Ray
    ) -> Any:  # noqa: ANN401 - of any call
        """The result that is ready first; arguments and errors are those of `get_next`."""
        self._refuse_nothing()
        return self._get(self._first_over, timeout, ignore_if_timedout)

    def _refuse_nothing(self) -> None:
        if not self._wanted:
            raise StopIteration("this pool has no more results")

    def _get(
        self,
        found: Callable[[], _Work | None],
        timeout: float | None,
        ignore: bool,  # noqa: FBT001 - internal
    ) -> Any:  # noqa: ANN401 - of any call
        deadline = None if timeout is None else time.monotonic() + timeout
        self._look(None, 0)
        while (work := found()) is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise self._late(timeout, ignore)
            if not self._busy:
                raise RuntimeError(
                    f"all actors of this pool have died; {len(self._waiting)} values wait, and "
                    "are not lost: push() another actor"
                )
            self._look(1, left)
        del self._wanted[work]
        if work.failure is not None:
            raise work.failure
        return api.get(work.result)

    def _late(self, timeout: float | None, ignore: bool) -> TimeoutError:  # noqa: FBT001 - internal
        if not ignore:
            return TimeoutError(f"no result within {timeout} s; nothing is lost: ask again")
        self._wanted.pop(next(iter(self._wanted)))
        return TimeoutError(f"no result within {timeout} s; the earliest value's is given up")

    def _over(self, work: _Work) -> bool:
        done = work.result is not None and work.ref not in self._busy
        return done or work.failure is not None

    def _first_over(self) -> _Work | None:
        return next((work for work in self._wanted if self._over(work)), None)

    # -- actors -------------------------------------------------------------------------------

    def has_free(self) -> bool:
        """Whether an actor has nothing to do."""
        self._look(None, 0)
        return bool(self._idle)

    def pop_idle(self) -> A | None:
        """Take an actor that has nothing to do out of the pool; None if there is none."""
        return self._idle.pop() if self.has_free() else None

    def push(self, actor: A) -> None:
        """Add an actor, which begins with what waits.

        Raises:
            ValueError: it is in the pool.
        """
        self._refuse_known(actor)
        self._free(actor)

    def _refuse_known(self, actor: A) -> None:
        if actor in self._idle or any(work.actor == actor for work in self._busy.values()):
            raise ValueError(f"{actor!r} is in this pool already")

    def _begin(self, work: _Work) -> None:
        actor = self._idle.pop()
        try:
            work.begin(actor)
        except BaseException:
            self._idle.append(actor)
            raise
        self._busy[work.ref] = work

    def _free(self, actor: A) -> None:
        self._idle.append(actor)
        while self._idle and self._waiting:
            work = self._waiting.popleft()
            try:
                self._begin(work)
            except Exception as error:  # noqa: BLE001 - it is told to who asks for this result
                work.failure = error

    def _look(self, number: int | None, timeout: float | None) -> None:
        """Free the actors that are done; wait for the first `number` of them (None: for none)."""
        if not self._busy:
            return
        refs = list(self._busy)
        done, _ = api.wait(refs, num_returns=number or len(refs), timeout=timeout)
        for ref in done:
            actor = self._busy.pop(ref).actor
            if not _died(ref, actor):
                self._free(actor)


def _died(ref: ObjectRef[Any], actor: ActorHandle[Any]) -> bool:
    """Whether a call failed since its actor, and not some other, is over."""
    if not current.session().failed(ref.binary()):
        return False
    try:
        api.get(ref)
    except errors.ActorDied as error:
        return bool(error.details.task_id == actor._loom_id)  # noqa: SLF001 - a friend
    except BaseException:  # noqa: BLE001 - the call's, and told to who asks for its result
        return False
    return False
