"""What several viewers ask for within a moment is made once, and written once.

What took long to make is good for longer: so the control plane and this process are never busy with
one question for more than a small part of the time, however many ask it.  One that is `behind` is
the beginning of an answer, and good for nobody else: who asks again gets more of it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FRESH_S = 0.8  # so old may an answer be
_LONG_S, _VERY_LONG_S = 0.25, 1.0
_RESTS, _RESTS_LONG = 5, 15  # times as long as it took


class Shared:
    """See the module."""

    def __init__(self) -> None:
        self._made: dict[str, asyncio.Task[bytes]] = {}
        self._until: dict[str, float] = {}  # of each that is made: so long is it good

    async def get(self, question: str, ask: Callable[[], Awaitable[Any]]) -> bytes:
        """The answer as JSON, which `ask` finds unless somebody did just now.

        Raises:
            errors.LoomError: what `ask` raises, to everybody who waits for it.
        """
        now = asyncio.get_running_loop().time()
        for asked in [asked for asked, until in self._until.items() if until <= now]:
            del self._until[asked], self._made[asked]
        if question not in self._made:
            self._made[question] = asyncio.create_task(self._make(question, ask))
        # One viewer that goes away does not take the answer from the others.
        return await asyncio.shield(self._made[question])

    async def _make(self, question: str, ask: Callable[[], Awaitable[Any]]) -> bytes:
        clock = asyncio.get_running_loop().time
        begun, behind = clock(), False
        try:
            answer = await ask()
            behind = isinstance(answer, dict) and bool(answer.get("behind"))
            return json.encode(answer)
        finally:
            self._until[question] = clock() if behind else good_until(begun, clock())


def good_until(begun: float, made: float) -> float:
    """When an answer that was begun and made at these times is to be made again."""
    took = made - begun
    if took <= _LONG_S:
        return begun + FRESH_S
    return made + took * (_RESTS if took <= _VERY_LONG_S else _RESTS_LONG)
