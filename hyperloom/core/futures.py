"""Refs as futures, for callbacks, executors and ``await``.

The rule: a callback is user code, and may itself wait for refs.  So it is not called where its
value arrives, by a thread that reads the inbox with the session's lock held; it is put on
`Session.finished`, and called by that thread as soon as it has let go of both.

A future is waited for outside our code, in ways that we cannot see: an event loop, callbacks,
`concurrent.futures.wait`.  So a task counts as one that waits from `future()` on, until the value
is there.  It may compute meanwhile, and then shares its CPU; counted the other way, tasks that
do wait could lock up.
"""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from hyperloom.core import again, current
from hyperloom.core.blocking import nobody_minds
from hyperloom.core.waiting import Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session

T = TypeVar("T")


def future_of(session: Session, ref: ObjectRef[T]) -> Future[T]:
    """A future of the ref's value; it keeps the object alive until then."""
    return _future(session, [ref], lambda values: values[0])


def future_of_all(session: Session, refs: Sequence[ObjectRef[Any]]) -> Future[list[Any]]:
    """A future of the list of their values, or of the first failure that comes."""
    return _future(session, refs, lambda values: values)


def _future(
    session: Session, refs: Sequence[ObjectRef[Any]], result: Callable[[list[Any]], Any]
) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()  # it cannot be cancelled: others may want the value
    if not refs:
        future.set_result(result([]))
        return future
    if session.closed:
        current.refuse_fork()
        raise session.broken or current.closed(refs[0])
    oids = list(dict.fromkeys(ref.binary() for ref in refs))
    go_on = nobody_minds if all(session.ready(oids)) else session.blocked(oids)
    _when_there(session, oids, partial(_finish, session, future, refs, result, go_on))
    return future


def _when_there(session: Session, oids: Sequence[bytes], finish: Callable[[], None]) -> None:
    waiter = Waiter(
        len(oids), until_failure=True, when_done=partial(session.finished.append, finish)
    )
    session.register(waiter, oids)
    session.wake()


def _finish(
    session: Session,
    future: Future[Any],
    refs: Sequence[ObjectRef[Any]],
    result: Callable[[list[Any]], Any],
    go_on: Callable[[], None],
) -> None:
    if future.done():
        return  # to wait anew failed, below
    oids = [ref.binary() for ref in refs]
    failed = [oid for oid in oids if session.failed(oid)]
    if session.closed and not failed and not all(session.ready(oids)):
        go_on()
        future.set_exception(session.broken or current.closed(refs[0]))
        return
    try:
        forgotten = [] if failed or session.closed else again.come(session, oids)
        if forgotten:
            finish = partial(_finish, session, future, refs, result, go_on)
            _when_there(session, forgotten, finish)
            return
        values = [session.value_of(oid) for oid in failed[:1] or oids]
    except BaseException as error:  # noqa: BLE001 - it is the task's
        go_on()
        future.set_exception(error)
    else:
        go_on()
        future.set_result(result(values))
