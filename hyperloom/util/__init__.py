"""Small libraries on top of actors, for user programs.

actor_pool.py  `ActorPool`: values go to whichever of some actors is free
placement_group.py, scheduling_strategies.py  placement groups and policies by Ray's names
queue.py       `Queue`: a first-in-first-out queue that any task or actor may use

They use what every program may use, and nothing else knows them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperloom.util.actor_pool import ActorPool
    from hyperloom.util.queue import Queue

__all__ = ["ActorPool", "Queue"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever it is
    if name == "ActorPool":
        from hyperloom.util.actor_pool import ActorPool  # noqa: PLC0415 - a program may need one

        return ActorPool
    if name == "Queue":
        from hyperloom.util.queue import Queue  # noqa: PLC0415 - a program may need one

        return Queue
    raise AttributeError(f"module 'hyperloom.util' has no attribute {name!r}", name=name)
