"""Large values stay where they were made; a reader on another node is told where one lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import errors

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow


@loom.task(num_cpus=2)
def make() -> bytes:
    return b"x" * 1_000_000


@loom.task(resources={"printer": 1})
def size_of(data: bytes) -> int:
    return len(data)


@loom.task(resources={"printer": 1})
def size_in(refs: list[Any]) -> int:
    return len(loom.get(refs[0]))


def test_a_value_on_another_node_is_said_to_lie_there(home: Home) -> None:
    folder = home.start_head()
    address = home.status()["address"]
    joining = ("--num-cpus", "1", "--resources", '{"printer": 1}')
    home.loom("start", "--address", address, "--password-file", folder / "password", *joining)
    with loom.init("auto"):
        (head,) = [n["node"] for n in loom.nodes() if n["resources"]["CPU"] == 2]
        ref = make.remote()
        there = f"lies in the shared memory of node {head[:8]}, and large values do not travel"
        with pytest.raises(errors.ObjectLost, match=there):
            loom.get(ref, timeout=30)
        # In a task, before its function and in it.
        for reader in (size_of.remote(ref), size_in.remote([ref])):
            with pytest.raises(errors.ObjectLost, match=rf"^object .* {there}") as caught:
                loom.get(reader, timeout=30)
            assert caught.value.task_id == reader.binary()[:16]
            assert "execution.py" not in str(caught.value)
