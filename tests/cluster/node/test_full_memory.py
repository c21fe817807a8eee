"""Shared memory is full of ours and others: what fits nowhere is refused, and nobody is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.node import full_memory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize(("disk_mib", "seed", "stored"), [(1000, 1, 200), (24, 1, 0)])
def test_200_mib_into_64_go_to_disk_or_are_refused_with_figures(
    tmp_path: Path, disk_mib: int, seed: int, stored: int
) -> None:
    if not full_memory.may_mount(tmp_path):
        pytest.skip("this user may not mount a file system of its own")
    told = full_memory.told(tmp_path, disk_mib, seed)
    assert told == {
        **dict.fromkeys(full_memory.KEYS, 0),
        "stored": stored,
        "refused": full_memory.PUT_MIB - stored,
    }
