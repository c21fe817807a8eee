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


def test_each_type_moves_between_nodes_and_is_what_it_was(cluster: Cluster, tmp_path: Path) -> None:
    @loom.task
    def all_types(path: str) -> data.Array:
        lines = data.split(b"line\n" * LARGE)
        inner = data.array([lines[1:3], data.File(path), {"a": 1}])
        return data.array([data.Plain(b"x" * LARGE), lines, [b"y" * LARGE], inner])

    first, other = (node.id for node in cluster.nodes[:2])
    path = tmp_path / "file"
    path.write_bytes(b"in a file")
    made = on(first, all_types).remote(str(path))
    names = ["Plain", "Index", "PyObj", "Array"]
    parts = [tasks.get(made, number) for number in range(4)]
    there = loom.submit([on(other, about).bind(part) for part in parts]).gather()
    assert [(node, name) for node, name, _, _ in there] == [(other, name) for name in names]
    plain, lines, value, inner = loom.submit(
        [part.options(scheduling=loom.NodeAffinity(other)) for part in parts]
    ).gather()
    assert (plain, value) == (b"x" * LARGE, [b"y" * LARGE])
    assert (len(lines), lines[-1]) == (LARGE, b"line\n")
    assert [list(inner[0]), inner[1].read(), inner[2]] == [[b"line\n"] * 2, b"in a file", {"a": 1}]


def test_arrays_of_large_objects_can_be_used_anywhere(cluster: Cluster) -> None:
    first, other, third = (node.id for node in cluster.nodes[:3])
    parts = [on(first, filled).remote(b"a"), on(other, filled).remote(b"b")]
    array = on(first, array_of).remote(*parts)
    assert loom.get(on(third, about).remote(array)) == (third, "Array", 2 * LARGE, 2)
    element = on(third, second).remote(array)
    del parts, array
    assert loom.get(on(first, content).remote(element)) == (first, b"b" * LARGE)
    assert loom.get(element) == b"b" * LARGE
