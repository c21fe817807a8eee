"""A task that fails, without a cluster: its exception there and back."""

from __future__ import annotations

from hyperloom.serialization import failure_from_exception, to_exception

WHERE = {"task_id": bytes(15) + b"\7", "attempt": 2, "node": b"node0001", "pid": 42}


def fail(exc, name="train"):
    """What `get` raises for a task that raises `exc`, and the record in between."""
    try:
        raise exc  # noqa: TRY301
    except BaseException as raised:  # noqa: BLE001
        record = failure_from_exception(raised, name=name, **WHERE)
    return to_exception(record), record


class NeedsArguments(Exception):
    def __init__(self, code, *, reason):
        super().__init__(f"code {code}: {reason}")
        self.code = code
        self.reason = reason
