"""Why a task is not over: see `hyperloom.why.decision`."""

from hyperloom.why.actors import AtActor, Rests
from hyperloom.why.decision import Facts, decide, of_group
from hyperloom.why.nodes import Node, told
from hyperloom.why.reason import Reason, Why
from hyperloom.why.streams import Paused

__all__ = [
    "AtActor", "Facts", "Node", "Paused", "Reason", "Rests", "Why", "decide", "of_group", "told",
]  # fmt: skip
