"""How long is waited before something is tried again that did not work.  Pure."""

from __future__ import annotations

_PAUSES_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def after(tries: int) -> float:
    """When it was tried so often in vain, longer each time up to a bound."""
    return _PAUSES_S[min(tries, len(_PAUSES_S)) - 1] if tries else 0.0
