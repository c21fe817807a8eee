"""What the tests of this folder run, and what they ask."""

from __future__ import annotations

from typing import Any

import hyperloom as loom


@loom.task
def where() -> str:
    return loom.context().node_id


def on(node: str, task: Any = where) -> Any:
    return task.options(scheduling=loom.NodeAffinity(node))


def alive() -> set[str]:
    return {node["node"] for node in loom.nodes() if node["alive"]}
