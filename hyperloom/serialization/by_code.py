"""Pickles that name no place: functions and classes travel as their code (cloudpickle).

The rule: code keeps the name of its file.  cloudpickle replaces it, so that equal functions
of two notebooks become equal bytes; but then a task's traceback would show neither file nor
line for all that `__main__` defines, which is where most users' functions are.
"""

from __future__ import annotations

import io
from functools import cache
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pickle import PickleBuffer

_PROTOCOL = 5
_FILENAME = 10  # its place among the parameters of `CodeType`


def dumps(value: object, buffer_callback: Callable[[PickleBuffer], object] | None = None) -> bytes:
    """The value as a pickle that any process can load which has the same modules."""
    file = io.BytesIO()
    _pickler()(file, _PROTOCOL, buffer_callback).dump(value)
    return file.getvalue()


@cache
def _pickler() -> Any:  # noqa: ANN401  # a class of cloudpickle's, which is untyped
    # Imported late: 20 ms, and many sessions never need it.
    import cloudpickle  # noqa: PLC0415

    reduce = cloudpickle.Pickler.dispatch_table[CodeType]

    def with_its_file(code: CodeType) -> tuple[Any, ...]:
        make, parts = reduce(code)
        return make, (*parts[:_FILENAME], code.co_filename, *parts[_FILENAME + 1 :])

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # untyped
        dispatch_table = cloudpickle.Pickler.dispatch_table.new_child({CodeType: with_its_file})

    return Pickler
