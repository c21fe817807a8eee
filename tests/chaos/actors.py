"""An actor's process is killed again and again, while it is called."""

from __future__ import annotations

import os
import random
import signal
from contextlib import suppress
from itertools import pairwise
from typing import Any

import hyperloom as loom

AT_ONCE = 200


def kills(actor: Any, seed: int, number: int) -> list[int]:
    """Calls by the hundred, and a kill among each; their results."""
    choices, results = random.Random(seed), []
    for _ in range(number):
        pid = loom.get(actor.pid.remote(), timeout=60)
        refs = [actor.add.remote(1) for _ in range(AT_ONCE)]
        loom.wait(refs, num_returns=choices.randrange(1, AT_ONCE), timeout=60)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        results += loom.get(refs, timeout=60)
    return results


def goes_on_or_begins_anew(counts: list[int]) -> bool:
    """Whether these are of a counter that lost no call but with its whole state."""
    return all(b in {a + 1, 1} for a, b in pairwise(counts))
