"""Why a task is not over: see `hyperloom.why.decision`."""

from hyperloom.why.actors import AtActor, Rests
from hyperloom.why.decision import Facts, Node, decide, of_group
from hyperloom.why.reason import Reason, Why

__all__ = ["AtActor", "Facts", "Node", "Reason", "Rests", "Why", "decide", "of_group"]
