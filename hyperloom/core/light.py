"""Light tasks, run by a raylet itself: built-in ones that take microseconds.

The rule: no user's code runs here, nothing is waited for, nothing large is touched.  Whatever does
not fit, or fails, is left to a worker (None), which does it again and tells what went wrong; so a
light task has no effect but its result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import specs
from hyperloom.core.bound import METADATA
from hyperloom.core.code import Code, Function
from hyperloom.data import of, received, wire
from hyperloom.serialization import BYTES, DATA, pack, split_inline, to_inline, unpack_call

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from hyperloom.data import Data

_OURS = "hyperloom.tasks.operations"
_WAITS = {"open_file"}  # for a file system


class LightRunner:
    """Runs light tasks in this process."""

    def __init__(self, inline_max_bytes: int) -> None:
        self._inline_max = inline_max_bytes
        self._functions: dict[bytes, Callable[..., Any] | None] = {}
        self._measures: set[bytes] = set()  # what these give leaves as it is

    def learn(self, number: bytes, body: bytes, pickled: bytes) -> None:
        """A template of such tasks."""
        code = Code(specs.decode_template(body), Function(pickled))
        if code.template.gives_value:
            self._measures.add(number)
        function = code.function
        ours = function.__module__ == _OURS and function.__name__ not in _WAITS
        self._functions[number] = function if ours else None

    def knows(self, number: bytes) -> bool:
        """Whether it has been told of the template."""
        return number in self._functions

    def run(self, record: bytes, inputs: bytes) -> bytes | None:
        """The kept result of the task; None: it is a worker's."""
        number = record[:8]
        function = self._functions[number]
        _, call = specs.split_label(record[specs.call_start(record) :])
        if function is None or specs.others_of(record) or call == specs.IN_STORE:
            return None
        values: list[Data] = []
        for kept in specs.split_values(inputs) if inputs else ():
            value = _taken(kept)
            if value is None:
                return None
            values.append(value)
        try:
            args, kwargs = unpack_call(*split_inline(call), values)
            kwargs.pop(METADATA, None)
            result = function(*args, **kwargs)
            packed = pack(result if number in self._measures else of(result))
        except Exception:  # noqa: BLE001 - the worker will meet it too
            return None
        return None if packed.refs or packed.size > self._inline_max else to_inline(packed)


def _taken(kept: bytes) -> Data | None:
    """An input that is bytes, or a data object of ours that contains no other one.

    What an ordinary task returned otherwise would have to be unpickled.
    """
    if not kept[:1].isdigit():  # it lies in shared memory
        return None
    kind, meta, buffers = split_inline(kept)
    if kind == DATA:
        head = wire.head_of(meta)
        if head.refs or head.size == wire.UNKNOWN or not head.symbol.startswith("loom/"):
            return None
    elif kind != BYTES:
        return None
    return received(kind, meta, buffers)
