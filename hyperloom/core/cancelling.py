"""`cancel`: a task, and the tasks that it submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import failures
from hyperloom.core.explain import where
from hyperloom.core.getting import checked
from hyperloom.core.streams import ObjectRefGenerator
from hyperloom.failures import Attempt
from hyperloom.ids import TASK_BYTES, cut, task_of
from hyperloom.serialization import failure_inline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session

_AT_ONCE = 500


def cancel(
    session: Session,
    ref: ObjectRef[Any] | ObjectRefGenerator[Any],
    *,
    force: bool,
    recursive: bool,
) -> None:
    """See `hyperloom.cancel`."""
    if isinstance(ref, ObjectRefGenerator):
        ref = ref.completed()
    oid = checked(session, ref)
    if oid in session.was_put:
        raise TypeError(f"{ref!r} was made by put(): there is no task to cancel")
    cancel_tasks(session, [task_of(oid)], force=force, recursive=recursive)  # type: ignore[arg-type]


def cancel_tasks(
    session: Session, tasks: Sequence[bytes], *, force: bool = False, recursive: bool = True
) -> None:
    """Cancel these, in this order; `recursive`: and then the tasks that they submitted."""
    level = list(tasks)
    while level:
        below: list[bytes] = []
        for first in range(0, len(level), _AT_ONCE):
            part = level[first : first + _AT_ONCE]
            for (name, role), of_name in _by_name(session, part).items():
                one = of_name[0] if len(of_name) == 1 else b""
                who = Attempt(one, name, 0, b"", role=role)
                failure = failure_inline(failures.cancelled(who))
                reply = session.outbox.call("task_cancel", failure, int(force), *of_name)
                for children in reply[1::2]:
                    below += cut(children, TASK_BYTES)
        level = below if recursive else []


def _by_name(session: Session, tasks: Sequence[bytes]) -> dict[tuple[str, str], list[bytes]]:
    """What has not run yet fails with what we say here, so it must say which task that was."""
    named: dict[tuple[str, str], list[bytes]] = {}
    for task, stand in zip(tasks, where(session, tasks), strict=True):
        named.setdefault((stand.known_as(), stand.role), []).append(task)
    return named
