"""Nothing stays in shared memory of what is over, however it ended.

That the control plane holds nothing, and the store no bytes, is looked at after each test
(`conftest.py`); what happens in between is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import hyperloom as loom
from hyperloom import errors
from tests.cluster.api.holdings import stored_bytes
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("cluster")

MIB = 1 << 20
PATIENCE_S = 30


def large(mib: int = 1) -> Any:
    return np.zeros(mib * MIB, dtype=np.uint8)


@pytest.mark.parametrize("end", ["drop", "cancel"])
def test_a_stream_that_nobody_reads_to_its_end(end: str) -> None:
    @loom.task(stream_ahead=3)
    def endless() -> Iterator[Any]:
        while True:
            yield large()

    stream = endless.remote()
    first = next(stream)
    assert stored_bytes() >= MIB
    if end == "cancel":
        loom.cancel(stream.completed())
        with pytest.raises(errors.TaskCancelled):
            loom.get(stream.completed(), timeout=PATIENCE_S)
    del first, stream
    wait_until(lambda: not stored_bytes())
