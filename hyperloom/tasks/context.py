"""What a function gets as its first argument that was declared with ``context=True``."""

from __future__ import annotations

import logging
from typing import Any

from hyperloom import data
from hyperloom.core import current

_log = logging.getLogger("hyperloom.task")


class TaskContext:
    """Where a function runs, a log of its own, and `wrap`."""

    @property
    def task_id(self) -> str:
        """The task's id, 32 hexadecimal digits."""
        task: str | None = current.session().context().task_id
        assert task is not None, "it is only made in tasks"
        return task

    def wrap(self, value: object) -> data.Data:
        """Any Python object as a `PyObj`, bytes too; a data object as it is."""
        return value if isinstance(value, data.Data) else data.PyObj(value)

    def log_debug(self, message: str) -> None:
        """Say it to the logger ``hyperloom.task``, with the task's id."""
        self._say(logging.DEBUG, message)

    def log_info(self, message: str) -> None:
        """Say it to the logger ``hyperloom.task``, with the task's id."""
        self._say(logging.INFO, message)

    def log_warn(self, message: str) -> None:
        """Say it to the logger ``hyperloom.task``, with the task's id."""
        self._say(logging.WARNING, message)

    def log_error(self, message: str) -> None:
        """Say it to the logger ``hyperloom.task``, with the task's id."""
        self._say(logging.ERROR, message)

    def log_critical(self, message: str) -> None:
        """Say it to the logger ``hyperloom.task``, with the task's id."""
        self._say(logging.CRITICAL, message)

    def _say(self, level: int, message: str) -> None:
        if _log.isEnabledFor(level):
            _log.log(level, "task %s: %s", self.task_id, message)

    def __reduce__(self) -> Any:  # noqa: ANN401 - as pickle wants it
        return TaskContext, ()
