"""What an executor makes of what a task raises."""

from __future__ import annotations

from typing import cast

from hyperloom.core.execution import Code, Executor
from hyperloom.ids import FunctionID
from hyperloom.specs import Template


def test_a_retry_option_that_cannot_be_read_hides_no_error() -> None:
    """The classes were pickled by reference, and their module is not where the worker runs."""
    gone = b"cno_such_module\nError\n."
    template = Template(
        function=FunctionID(b"f" * 12), name="task", returns=1, retries=3, priority=0, shape="",
        retry_exceptions=gone,
    )  # fmt: skip
    error = ValueError("the user's own")
    executor = Executor(b"n" * 8, cast("object", None))  # type: ignore[arg-type]
    assert not executor._tried_again(Code(template, b""), error)
    (note,) = error.__notes__
    assert "retry_exceptions of task cannot be read in this worker, ModuleNotFoundError" in note
