"""Names of what some nodes of a cluster have: types of tasks and of data, and resources.

A *symbol* is a path such as ``lab/align``.  An installed package gives symbols to every node whose
Python has it, by entry points; `hyperloom.register` gives them to this process.  What a node has
of them is looked up once, at its start; a task that needs one is placed only where it is.
"""

from hyperloom.symbols.installed import DATA_TYPES, RESOURCES, TASKS, installed, of_this_node
from hyperloom.symbols.names import checked_own, checked_symbol, refuse_other
from hyperloom.symbols.registry import (
    Symbol,
    installed_resources,
    register_resource,
    register_task,
    registered,
    registered_resources,
    task_of,
)

__all__ = [
    "DATA_TYPES",
    "RESOURCES",
    "TASKS",
    "Symbol",
    "checked_own",
    "checked_symbol",
    "installed",
    "installed_resources",
    "of_this_node",
    "refuse_other",
    "register_resource",
    "register_task",
    "registered",
    "registered_resources",
    "task_of",
]
