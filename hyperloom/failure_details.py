"""Which task failed, and the way from it to what was asked for."""

from __future__ import annotations

from typing import NamedTuple

from hyperloom.ids import short


class FailureDetails(NamedTuple):
    """Which task failed, where, and the way from it to what was asked for."""

    task_id: bytes = b""
    task_name: str = ""
    attempt: int = 0
    node: bytes = b""
    pid: int = 0
    # Names of the tasks from the one that failed to the one asked for: all between
    # failed because the one before did.  One with a label has its function's name after it.
    path: tuple[str, ...] = ()
    remote_traceback: str = ""
    role: str = ""  # what failed: a plain task, an "actor", or a "call" of one

    def header(self) -> str:
        """Indented lines for the reader of a message; empty if no task is known."""
        lines = []
        if self.task_id or self.task_name:
            what = f"in {self.role or 'task'} {self.task_name or short(self.task_id)}"
            what += f" ({short(self.task_id)})" if self.task_id and self.task_name else ""
            what += f", attempt {self.attempt}" if self.attempt else ""
            what += f", node {short(self.node)}" if self.node else ""
            what += f", pid {self.pid}" if self.pid else ""
            lines.append(f"  {what}")
        if len(self.path) > 1:
            lines.append(f"  which these waited for: {' -> '.join(self.path)}")
        return "\n".join(lines)


def describe_failure(
    error: BaseException, message: str, details: FailureDetails, cause: BaseException | None
) -> None:
    """Give `error` its fields, except those that the user's exception already has."""
    # Past __setattr__: the user's class may be a frozen dataclass.
    fields = error.__dict__
    for name, value in (*details._asdict().items(), ("cause", cause)):
        if not hasattr(error, name):
            fields[name] = value
    fields["details"] = details
    fields["_message"] = message
    if cause is not None:
        BaseException.__setattr__(error, "__cause__", cause)
