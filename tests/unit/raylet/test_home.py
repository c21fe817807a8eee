"""Where a task should rather run: where most of its inputs lie."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from hyperloom import specs
from hyperloom.gcs import codes
from hyperloom.raylet import messages as m
from hyperloom.raylet.fetching import Fetching
from tests.unit.gcs.plane import output, shared, task
from tests.unit.raylet.scene import kind_of

if TYPE_CHECKING:
    from collections.abc import Sequence

HERE, THERE = b"node...1", b"node...2"
MIB = 1 << 20


def home(*values: bytes) -> bytes | None:
    """Of a task with inputs that have these values."""
    oids = [output(task(b"process...", n)) for n in range(len(values))]
    record = specs.record(b"template", oids, (), b"call")  # type: ignore[arg-type]
    inputs = b"".join(b"%d:%s" % (len(value), value) for value in values)
    lacking: Sequence[tuple[bytes, int]] = [(oid, 0) for oid in oids]
    node: Any = SimpleNamespace(_node=HERE)
    return Fetching.home(
        node, m.Held(task(b"process...", 9), record, inputs, kind_of("k")), lacking
    )


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ([shared(THERE, 2 * MIB)], THERE),
        ([shared(THERE, MIB // 2)], None),
        ([shared(THERE, 2 * MIB), shared(HERE, 3 * MIB)], None),
        ([b"0inline", shared(THERE, 2 * MIB), codes.LOST], THERE),
        ([codes.LOST], None),
        ([codes.LOST, b"0inline"], None),
    ],
)
def test_a_task_goes_after_large_inputs_that_are_somewhere(
    values: list[bytes], where: bytes | None
) -> None:
    """If all are lost it goes nowhere: they are made again, or it fails here."""
    assert home(*values) == where
