"""Data objects on several nodes: files travel by name, and what is large is fetched when used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom import data, tasks
from tests.cluster.several.tasks import on

if TYPE_CHECKING:
    from pathlib import Path

    from hyperloom.testing import Cluster

pytestmark = pytest.mark.slow

LARGE = 1 << 20


@loom.task
def opened(path: str) -> data.File:
    return data.File(path)


@loom.task
def about(value: Any) -> tuple[str, str, int, int]:
    return loom.context().node_id, type(value).__name__, value.size, value.length


@loom.task
def content(value: data.DObject) -> tuple[str, bytes]:
    return loom.context().node_id, value.read()


@loom.task
def filled(letter: bytes) -> data.Plain:
    return data.Plain(letter * LARGE)


@loom.task
def array_of(*items: Any) -> data.Array:
    return data.array(items)


@loom.task
def second(array: data.Array) -> data.Data:
    return array[1]


def test_of_a_file_only_the_name_travels(cluster: Cluster, tmp_path: Path) -> None:
    first, other = (node.id for node in cluster.nodes[:2])
    path = tmp_path / "file"
    path.write_bytes(b"line\n" * LARGE)
    file = on(first, opened).remote(str(path))
    lines = tasks.split.remote(file)
    assert loom.get(on(other, about).remote(file)) == (other, "File", 5 * LARGE, 0)
    node, read = loom.get(on(other, content).remote(file))
    assert (node, len(read)) == (other, 5 * LARGE)
    assert loom.get(on(other, about).remote(lines))[1:] == (
        "Index", 5 * LARGE + 8 * (LARGE + 1), LARGE,
    )  # fmt: skip
    path.write_bytes(b"changed")
    with pytest.raises(loom.errors.FileChanged):
        loom.get(on(other, content).remote(file))


def test_arrays_of_large_objects_can_be_used_anywhere(cluster: Cluster) -> None:
    first, other, third = (node.id for node in cluster.nodes[:3])
    parts = [on(first, filled).remote(b"a"), on(other, filled).remote(b"b")]
    array = on(first, array_of).remote(*parts)
    assert loom.get(on(third, about).remote(array)) == (third, "Array", 2 * LARGE, 2)
    element = on(third, second).remote(array)
    del parts, array
    assert loom.get(on(first, content).remote(element)) == (first, b"b" * LARGE)
    assert loom.get(element) == b"b" * LARGE
