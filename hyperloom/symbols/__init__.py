"""Names by which a cluster knows what some of its nodes can do: types of tasks, and resources.

A *symbol* is a path such as ``lab/align``.  An installed package gives symbols to every node whose
Python has it, by entry points; `register` gives them to this process.  What a node has of them is
looked up once, at its start; a task that needs one is placed only where it is.
"""

from hyperloom.symbols.installed import RESOURCES, TASKS, installed
from hyperloom.symbols.names import checked_symbol
from hyperloom.symbols.registry import (
    Symbol,
    installed_resources,
    register,
    registered,
    registered_resources,
    task_of,
)

__all__ = [
    "RESOURCES",
    "TASKS",
    "Symbol",
    "checked_symbol",
    "installed",
    "installed_resources",
    "register",
    "registered",
    "registered_resources",
    "task_of",
]
