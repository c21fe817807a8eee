"""What an executor makes of what a task raises."""

from __future__ import annotations

from typing import cast

from hyperloom.core.code import Code, Function
from hyperloom.core.execution import Executor
from hyperloom.ids import FunctionID
from hyperloom.serialization import pack_function
from hyperloom.specs import Template, encode_template


def test_a_retry_option_that_cannot_be_read_hides_no_error() -> None:
    """The classes were pickled by reference, and their module is not where the worker runs."""
    gone = b"cno_such_module\nError\n."
    template = Template(
        function=FunctionID(b"f" * 12), name="task", returns=1, retries=3, priority=0, shape="",
        retry_exceptions=gone,
    )  # fmt: skip
    error = ValueError("the user's own")
    executor = Executor(b"n" * 8, cast("object", None))  # type: ignore[arg-type]
    assert not executor._tried_again(Code(template, Function(b"")), error)
    (note,) = error.__notes__
    assert "retry_exceptions of task cannot be read in this worker, ModuleNotFoundError" in note


def test_a_function_is_the_same_for_all_its_templates() -> None:
    """What it keeps in globals is there for the tasks of each of them."""
    executor = Executor(b"n" * 8, cast("object", None))  # type: ignore[arg-type]
    pickled = pack_function(list)
    bodies = [
        encode_template(
            Template(
                function=FunctionID(b"f" * 12), name="task", returns=1, retries=3, priority=0,
                shape="", timeout_s=limit,
            )
        )
        for limit in (1.0, 2.0, 3.0)
    ]  # fmt: skip
    for number, body in enumerate(bodies):
        executor.learn(b"%d" % number, body, pickled)
    functions = [code.function for code in executor.codes.values()]
    assert len(functions) == 3
    assert functions[0] is functions[1] is functions[2]
