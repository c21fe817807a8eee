"""A page asked as its scripts ask it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx


def asked(visitor: httpx.Client, path: str) -> Any:
    reply = visitor.get(path)
    assert reply.status_code == 200, reply.text
    return reply.json()
