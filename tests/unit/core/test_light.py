"""Light tasks in a raylet: what is run there, and what is left to a worker."""

from __future__ import annotations

from typing import Any

import pytest

from hyperloom import data, specs
from hyperloom.core.bound import METADATA
from hyperloom.core.light import LightRunner
from hyperloom.serialization import from_inline, pack, pack_call, pack_function, to_inline
from hyperloom.specs import Template, encode_template
from hyperloom.tasks import operations

NUMBER = b"template"
LIMIT = 50_000


def ran(function: Any, *args: Any, inputs: tuple[bytes, ...] = (), others: int = 0) -> Any:
    """What comes of it; an `args` of ... is the next input.  `None` in its place: a worker's."""
    template = Template(b"f" * 12, "name", 1, 3, 0, "", takes_data=True, light=True)
    runner = LightRunner(LIMIT)
    runner.learn(NUMBER, encode_template(template), pack_function(function))
    names = [bytes((i,)) * 20 for i in range(len(inputs))]
    left = iter(names)
    call, _ = pack_call(
        args, {METADATA: {"fold": 3}}, lambda value: next(left) if value is ... else None
    )
    record = specs.record(
        NUMBER, names, [b"o" * 20] * others, specs.encode_label("label") + to_inline(call)
    )
    kept = runner.run(record, b"".join(b"%d:%b" % (len(value), value) for value in inputs))
    return None if kept is None else (from_inline(kept).gathered(),)


def kept(value: Any) -> bytes:
    return to_inline(pack(value))


class Never:
    def __reduce__(self) -> Any:
        return never, ()


def never() -> None:
    raise AssertionError("a user's code ran in the raylet")


def test_small_ones_are_run() -> None:
    array = kept(data.array([b"a", b"b", Never()]))
    text = kept(data.Plain("a\nb"))
    assert ran(operations.const, data.Plain(b"x")) == (b"x",)
    assert ran(operations.merge, b"-", ..., ..., inputs=(text, kept(b"bytes"))) == (b"a\nb-bytes",)
    assert ran(operations.get, ..., -2, inputs=(array,)) == (b"b",)
    assert ran(operations.take_slice, ..., 0, 2, inputs=(array,)) == ([b"a", b"b"],)
    assert ran(operations.length, ..., inputs=(array,)) == (3,)
    assert ran(operations.split, ..., b"\n", inputs=(text,)) == ([b"a\n", b"b"],)
    assert ran(operations.array_make, ..., ..., inputs=(text, text)) == ([b"a\nb", b"a\nb"],)


@pytest.mark.parametrize(
    ("args", "more"),
    [
        ((operations.size, ...), {"inputs": (b"Snode16",)}),  # in shared memory
        ((operations.size, ...), {"inputs": (kept({"a": Never()}),)}),  # would be unpickled
        ((operations.size, ...), {"inputs": (b"4failed",)}),
        ((operations.get, ..., 9), {"inputs": (kept(data.array([b"a"])),)}),  # fails
        ((operations.const, data.Plain(b"x" * LIMIT)), {}),  # its result is large
        ((operations.const, data.Plain(b"x")), {"others": 1}),  # refs among its arguments
        ((operations.open_file, "/etc/hosts"), {}),  # may wait for a file system
        ((len, ...), {"inputs": (kept(b"x"),)}),  # not ours
    ],
)
def test_all_others_are_left_to_a_worker(args: Any, more: Any) -> None:
    assert ran(*args, **more) is None
