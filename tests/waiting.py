"""Waiting for a condition, the one way a test may wait.

A test never sleeps: a sleep is either too short on a busy machine or too long on every other one.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_FIRST_PAUSE_S = 0.001
_LONGEST_PAUSE_S = 0.05


def wait_until(predicate: Callable[[], T], timeout_s: float = 10.0, *, what: str = "") -> T:
    """Ask `predicate` until it answers something true, and hand that back.

    Fails the test after `timeout_s`, with `what` was waited for and the last answer.
    """
    deadline = time.monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    while not (answer := predicate()):
        if time.monotonic() > deadline:
            import pytest  # noqa: PLC0415 - workers import modules of tests: each would take 0.4 s

            waited_for = what or getattr(predicate, "__qualname__", repr(predicate))
            pytest.fail(f"after {timeout_s} s still not so: {waited_for}; last answer: {answer!r}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
    return answer
