"""`ObjectRef`: a counted reference to an object, usable before the object exists.

The rule: a ref is as cheap as its id.  It knows its runtime and nothing else; what is known
of the object is in the runtime.  Its death is noted in a deque, the only thing that is safe
to do in ``__del__``, and acted upon with the next flush.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from hyperloom.core import current
from hyperloom.ids import JOB_BYTES, ObjectID, job_of, short, task_of
from hyperloom.serialization import note_ref

if TYPE_CHECKING:
    import concurrent.futures
    from collections.abc import Callable, Generator

    from hyperloom.core.session import Session

T_co = TypeVar("T_co", covariant=True)


class ObjectRef(Generic[T_co]):
    """A reference to a value that exists or will exist.

    Copies are cheap; the value is kept as long as any process holds a ref to it, a task
    takes it, or an object contains one.  ``await ref`` gives the value in async code.
    """

    __slots__ = ("__weakref__", "_id", "_session")

    def __init__(self, oid: bytes, session: Session) -> None:
        self._id = oid
        self._session = session

    def hex(self) -> str:
        """The object's id, 40 hexadecimal digits."""
        return self._id.hex()

    def binary(self) -> bytes:
        """The object's id, 20 bytes."""
        return self._id

    def task_id(self) -> str:
        """The task that makes the object, as `loom.context()` calls it; of a `put`, its own."""
        return task_of(ObjectID(self._id)).hex()

    def job_id(self) -> str:
        """The job that the object belongs to, as `loom.context()` calls it."""
        return job_of(ObjectID(self._id)).hex()

    def future(self) -> concurrent.futures.Future[T_co]:
        """A `concurrent.futures.Future` of the value, for callbacks and executors.

        A task that has asked for one counts as one that waits, until the value is there: others
        get its CPU.
        """
        from hyperloom.core.futures import future_of  # noqa: PLC0415 - most programs need none

        return future_of(self._session, self)

    def __await__(self) -> Generator[Any, None, T_co]:
        import asyncio  # noqa: PLC0415 - most programs never await

        return asyncio.wrap_future(self.future()).__await__()

    def __del__(self) -> None:
        # May run anywhere, so it takes no lock; waking the pump is writing to a pipe, if at all.
        self._session.dropped.append(self._id)
        self._session.wake()

    def __reduce__(self) -> tuple[Callable[[bytes], object], tuple[bytes]]:
        if self._session is not current.current() and not current.visits(self._session):
            current.refuse_fork()
            raise current.closed(self)
        self._session.exported(self._id)
        note_ref(self._id)
        return restored, (self._id,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectRef) and other._id == self._id

    def __hash__(self) -> int:
        return hash(self._id)

    def __repr__(self) -> str:
        return f"ObjectRef({short(self._id)})"

    def _repr_html_(self) -> str:
        value = self._session.values.get(self._id)
        state = "not there yet" if value is None else "there"
        if self._session.failed(self._id):
            state = "failed"
        return f"<code>ObjectRef({short(self._id)})</code>: {state}"

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} is a reference, not yet a value, so it is neither true nor false; "
            "get the value first: loom.get(ref)"
        )

    def __iter__(self) -> Any:  # noqa: ANN401 - never returns
        raise TypeError(
            f"{self!r} is a reference and cannot be iterated over; get the value first: "
            "loom.get(ref), or ask for several refs: @loom.task(num_returns=n)"
        )


def restored(oid: bytes) -> ObjectRef[Any]:
    """The ref with this id, which came here in a value or with a handle.

    Raises:
        errors.NotFound: its job is over.
    """
    session = current.session()
    if oid[:JOB_BYTES] != session.job:
        from hyperloom.core.visiting import session_in  # noqa: PLC0415 - it needs us

        session = session_in(job_of(ObjectID(oid)))
    ref: ObjectRef[Any] = session.adopt(oid)
    return ref
