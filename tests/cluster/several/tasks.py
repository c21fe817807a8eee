"""What the tests of this folder run, and what they ask."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import hyperloom as loom
from hyperloom.raylet.node import NodeSettings
from tests.waiting import wait_until

if TYPE_CHECKING:
    from hyperloom.testing import Cluster, ClusterNode

MIB = 1 << 20


@loom.task
def where() -> str:
    return loom.context().node_id


def on(node: str, task: Any = where) -> Any:
    return task.options(scheduling=loom.NodeAffinity(node))


def alive() -> set[str]:
    return {node["node"] for node in loom.nodes() if node["alive"]}


@loom.task
def make(size: int, what: bytes = b"x") -> bytes:
    return what * size


@loom.task
def size_of(data: Any) -> int:
    return len(data)


@loom.task
def sizes_in(refs: list[Any]) -> list[int]:
    return [len(data) for data in loom.get(refs)]


@loom.task
def joined(*data: bytes) -> bytes:
    return b"".join(data)


def transfers() -> dict[str, dict[str, int]]:
    return {node["node"]: node["transfers"] for node in loom.nodes()}


def objects_on(node: ClusterNode) -> list[str]:
    settings = NodeSettings.read(node.folder)
    names = []
    for folder in (settings.store / "o", settings.store / "z", settings.spill):
        with suppress(FileNotFoundError):
            names += [entry.name for entry in os.scandir(folder) if entry.name != "root"]
    return names


def nothing_is_left(cluster: Cluster) -> None:
    wait_until(lambda: not [name for node in cluster.nodes for name in objects_on(node)], 20)
