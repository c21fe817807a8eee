"""How long is waited before something is tried again that did not work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from hyperloom import errors

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

_PAUSES_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def after(tries: int) -> float:
    """When it was tried so often in vain, longer each time up to a bound."""
    return _PAUSES_S[min(tries, len(_PAUSES_S)) - 1] if tries else 0.0


def persist(call: Callable[[], T], timeout_s: float, alive: Callable[[], bool] = lambda: True) -> T:
    """Call it until no connection breaks meanwhile: a line may, at any word.

    So it may be done in part, and then again.

    Raises:
        errors.ControlPlaneLost: one broke each time, for so long; or the server has ended.
    """
    deadline = time.monotonic() + timeout_s
    tries = 0
    while True:
        try:
            return call()
        except errors.ControlPlaneLost:
            if not alive() or time.monotonic() > deadline:
                raise
            tries += 1
            time.sleep(after(tries))
