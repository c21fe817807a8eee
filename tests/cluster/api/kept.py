"""Tasks that say when they run, and running a plan again to see which do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom

if TYPE_CHECKING:
    from tests.cluster.api.gate import Gate


@loom.task
def merge(log: Gate, name: str, *parts: str) -> str:
    log.note(name)
    return name + "".join(f"[{part}]" for part in parts)


@loom.task
def hands_on(ref: list[Any]) -> list[Any]:
    return ref


def rerun(bound: Any, log: Gate, says: str = "") -> tuple[list[Any], list[str]]:
    """Go on from what is there: the results, and what was computed again."""
    before = len(log.notes())
    if says:
        with pytest.warns(UserWarning, match=says):
            results = loom.submit(bound, resume=True).gather(20)
    else:
        results = loom.submit(bound, resume=True).gather(20)
    return results, log.notes()[before:]
