"""`get`, `wait`, `as_completed`: from refs to values."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from hyperloom import errors
from hyperloom.core import again, current, patience
from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask
from hyperloom.core.explain import explain
from hyperloom.core.refs import ObjectRef
from hyperloom.core.streams import ObjectRefGenerator
from hyperloom.core.waiting import Gathering, Waiter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hyperloom.core.session import Session

R = TypeVar("R")

_SHOWN = 10  # refs that a GetTimeout explains


def get(session: Session, refs: Any, timeout: float | None) -> Any:  # noqa: ANN401 - see the API
    """See `hyperloom.get`."""
    check_timeout(timeout)
    if isinstance(refs, ObjectRef):
        oids = [checked(session, refs)]
        _have_all(session, oids, timeout)
        return session.value_of(oids[0])
    if isinstance(refs, (str, bytes)) or not isinstance(refs, Sequence):
        raise TypeError(
            f"get() takes an ObjectRef or a sequence of them, not {refs!r:.100}, which is of type "
            f"{type(refs).__name__}{_advice(refs)}"
        )
    oids = [checked(session, ref) for ref in refs]
    if oids:
        _have_all(session, oids, timeout)
    return [session.value_of(oid) for oid in oids]


def _advice(thing: object) -> str:
    if isinstance(thing, ObjectRefGenerator):
        return (
            "; iterate over it, or call next_ready(timeout), for the ObjectRef of each item; "
            "completed() is the ObjectRef of its end"
        )
    if isinstance(thing, (BoundTask, BoundMap, BoundOutput)):
        return "; it was not submitted: write loom.submit(...).gather()"
    if hasattr(type(thing), "_loom_id"):  # a handle: its other attributes are the user's methods
        return "; what is waited for and cancelled are its calls; to end the actor: loom.kill(...)"
    if hasattr(thing, "remote"):
        return "; it was not called: write get(f.remote(...))"
    return str(getattr(thing, "instead", ""))


def check_timeout(timeout: object) -> None:
    """Refuse what is no number of seconds.

    Raises:
        TypeError: no number at all.
        ValueError: a number that no time can be.
    """
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout={timeout!r} cannot be: it is a number of seconds, or None")
    if not timeout >= 0:  # a NaN neither
        raise ValueError(f"timeout={timeout!r} cannot be: it is at least 0 seconds, or None")


def checked(session: Session, ref: object) -> bytes:
    """The object's id.

    Raises:
        TypeError: this is no ref.
        errors.SessionClosed: it is one of an earlier session.
        errors.OtherJob: it is one of another job than the refs before it.
    """
    if not isinstance(ref, ObjectRef):
        kind = type(ref).__name__
        raise TypeError(f"{ref!r:.100} is of type {kind}, not an ObjectRef{_advice(ref)}")
    if ref._session is not session:  # noqa: SLF001 - a friend
        raise current.not_ours(ref, session.job)
    return ref.binary()


def _have_all(session: Session, oids: Sequence[bytes], timeout: float | None) -> None:
    """Wait until they exist, and are on this node."""
    deadline = None if timeout is None else time.monotonic() + timeout
    left = timeout
    values = session.values
    while True:
        _wait_for_all(session, oids, left)
        left = None if deadline is None else max(0.001, deadline - time.monotonic())
        forgotten = again.come(session, oids)
        lost = session.store.gather([(oid, value) for oid in oids if (value := values[oid])], left)
        if not lost and not forgotten:
            return
        again.forget_values(session, lost)
        left = None if deadline is None else max(0.0, deadline - time.monotonic())


def _wait_for_all(session: Session, oids: Sequence[bytes], timeout: float | None) -> None:
    values = session.values
    missing = list(dict.fromkeys([oid for oid in oids if values.get(oid) is None]))
    if missing:
        patience_s = patience.of(session)
        waiter = Waiter(len(missing), until_failure=True)
        if patience_s is None or (timeout is not None and timeout <= patience_s):
            there = session.wait(missing, waiter, timeout)
        else:
            there = session.wait(missing, waiter, patience_s)
            if not there:
                patience.ends(session, missing, patience_s)
                left = [oid for oid in missing if values.get(oid) is None]
                again = Waiter(len(left), until_failure=True)
                there = session.wait(left, again, timeout and timeout - patience_s)
        if not there:
            raise _timeout(session, oids, timeout)
    failed = next((oid for oid in oids if session.failed(oid)), None)
    if failed is not None:
        session.value_of(failed)  # raises


def _timeout(session: Session, oids: Sequence[bytes], timeout: float | None) -> errors.GetTimeout:
    missing = [oid for oid in dict.fromkeys(oids) if session.values.get(oid) is None]
    lines = [f"  {line}" for line in explain(session, missing[:_SHOWN])]
    if len(missing) > _SHOWN:
        lines.append(f"  … and {len(missing) - _SHOWN} more")
    return errors.GetTimeout(
        f"waited {timeout} s; {len(missing)} of {len(set(oids))} objects are not ready.\n"
        + "\n".join(lines)
        + "\n  Nothing is lost: call get() again, or pass a longer timeout=."
    )


def wait(
    session: Session, refs: Sequence[ObjectRef[R]], num_returns: int, timeout: float | None
) -> tuple[list[ObjectRef[R]], list[ObjectRef[R]]]:
    """See `hyperloom.wait`."""
    if isinstance(refs, ObjectRef) or not isinstance(refs, (list, tuple)):
        kind = type(refs).__name__
        raise TypeError(
            f"wait() takes a list of ObjectRefs, not {refs!r:.100}, of type {kind}{_advice(refs)}"
        )
    if isinstance(num_returns, bool) or not isinstance(num_returns, int):
        raise TypeError(f"num_returns={num_returns!r} cannot be: it is a whole number of refs")
    check_timeout(timeout)
    oids = [checked(session, ref) for ref in refs]
    if len(set(oids)) < len(oids):
        raise ValueError("wait() was given a ref twice; pass each once: list(dict.fromkeys(refs))")
    if not oids:
        return [], []
    if not 1 <= num_returns <= len(oids):
        raise ValueError(f"num_returns={num_returns} must be from 1 to {len(oids)}, their number")
    ready = session.ready(oids)
    if sum(ready) < num_returns:
        session.wait(oids, Waiter(num_returns), timeout)
        ready = session.ready(oids)
    first: list[ObjectRef[R]] = []
    rest: list[ObjectRef[R]] = []
    for ref, is_ready in zip(refs, ready, strict=True):
        (first if is_ready and len(first) < num_returns else rest).append(ref)
    return first, rest


def as_completed(
    session: Session, refs: Iterable[ObjectRef[R]], timeout: float | None
) -> Iterator[ObjectRef[R]]:
    """See `hyperloom.as_completed`."""
    check_timeout(timeout)
    if isinstance(refs, ObjectRef):
        raise TypeError(f"as_completed() takes several ObjectRefs, not one: {refs!r}")
    left = {checked(session, ref): ref for ref in refs}
    return _completing(session, left, timeout)


def _completing(
    session: Session, left: dict[bytes, ObjectRef[R]], timeout: float | None
) -> Iterator[ObjectRef[R]]:
    """It stays registered: to look at all that is left for each that comes would take for ever."""
    deadline = None if timeout is None else time.monotonic() + timeout
    oids, come = list(left), Gathering()
    try:
        session.register(come, oids)
        while left:
            remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not session.wait_on(oids, come, remaining):
                raise _timeout(session, list(left), timeout)
            for oid in come.take():
                yield left.pop(oid)
    finally:
        session.unregister(come, left)
