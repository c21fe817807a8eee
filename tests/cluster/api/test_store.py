"""The node's object store: where it lies, what it holds when memory is short."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.cluster.api.holdings import settings

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

MIB = 1 << 20


def test_objects_lie_where_they_are_told_to(tmp_path: Path) -> None:
    with loom.init("local", num_cpus=1, shm_dir=str(tmp_path), object_store_memory=256 * MIB):
        ref = loom.put(bytearray(MIB))
        assert settings().store.parent == tmp_path
        assert [entry.name for entry in (settings().store / "o").iterdir()] == [ref.hex()]
    assert list(tmp_path.iterdir()) == []
