"""What several viewers ask for within a moment is made once, and written once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from msgspec import json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FRESH_S = 0.8  # so old may an answer be


class Shared:
    """See the module."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[float, asyncio.Task[bytes]]] = {}

    async def get(self, question: str, ask: Callable[[], Awaitable[Any]]) -> bytes:
        """The answer as JSON, which `ask` finds unless somebody did just now.

        Raises:
            errors.LoomError: what `ask` raises, to everybody who waits for it.
        """
        now = asyncio.get_running_loop().time()
        self._made = {
            asked: (begun, task)
            for asked, (begun, task) in self._made.items()
            if not task.done() or now - begun < FRESH_S
        }
        if question not in self._made:
            self._made[question] = now, asyncio.create_task(_written(ask))
        # One viewer that goes away does not take the answer from the others.
        return await asyncio.shield(self._made[question][1])


async def _written(ask: Callable[[], Awaitable[Any]]) -> bytes:
    return json.encode(await ask())
