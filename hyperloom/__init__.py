"""HyperLoom: very many small tasks, with a database for a control plane.

    import hyperloom as loom

    @loom.task
    def square(x: int) -> int:
        return x * x

    print(loom.get([square.remote(i) for i in range(10)]))

Everything public is a name of this package; see `hyperloom.api` for what each does.
Names are loaded when first used: a worker that needs ids does not pay for all of us.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperloom import data, errors, metrics, tasks, util
    from hyperloom.api import (
        Connection,
        as_completed,
        attach,
        available_resources,
        cancel,
        cluster_resources,
        context,
        durations,
        get,
        init,
        is_initialized,
        nodes,
        put,
        register,
        shutdown,
        submit,
        symbol,
        task,
        wait,
    )
    from hyperloom.checkpoints.loading import read_checkpoint
    from hyperloom.core.actors.api import (
        actor,
        exit_actor,
        get_actor,
        kill,
        list_named_actors,
        method,
    )
    from hyperloom.core.actors.definition import ActorClass
    from hyperloom.core.actors.handle import ActorHandle
    from hyperloom.core.actors.typed import Actor
    from hyperloom.core.bound import BoundMap, BoundTask
    from hyperloom.core.context import Context
    from hyperloom.core.grouping import (
        get_current_placement_group,
        get_placement_group,
        placement_group,
        placement_group_table,
        remove_placement_group,
    )
    from hyperloom.core.groups import GroupAffinity, PlacementGroup
    from hyperloom.core.options import NodeAffinity, NodeLabels
    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.remote import RemoteFunction
    from hyperloom.core.streams import ObjectRefGenerator
    from hyperloom.plan.handle import PlanHandle
    from hyperloom.plan.plan import Plan
    from hyperloom.plan.redirection import follow
    from hyperloom.serialization import inspect_serializability, register_serializer

__version__ = "0.1.0"

# Where each public name lives: the module is imported when the name is first used.
_HOMES = {
    "hyperloom.api": (
        "Connection",
        "as_completed",
        "attach",
        "available_resources",
        "cancel",
        "cluster_resources",
        "context",
        "durations",
        "get",
        "init",
        "is_initialized",
        "nodes",
        "put",
        "register",
        "shutdown",
        "submit",
        "symbol",
        "task",
        "wait",
    ),
    "hyperloom.checkpoints.loading": ("read_checkpoint",),
    "hyperloom.core.actors.api": (
        "actor",
        "exit_actor",
        "get_actor",
        "kill",
        "list_named_actors",
        "method",
    ),
    "hyperloom.core.actors.definition": ("ActorClass",),
    "hyperloom.core.actors.handle": ("ActorHandle",),
    "hyperloom.core.actors.typed": ("Actor",),
    "hyperloom.core.bound": ("BoundMap", "BoundTask"),
    "hyperloom.core.context": ("Context",),
    "hyperloom.core.grouping": (
        "get_current_placement_group",
        "get_placement_group",
        "placement_group",
        "placement_group_table",
        "remove_placement_group",
    ),
    "hyperloom.core.groups": ("GroupAffinity", "PlacementGroup"),
    "hyperloom.core.options": ("NodeAffinity", "NodeLabels"),
    "hyperloom.core.refs": ("ObjectRef",),
    "hyperloom.core.remote": ("RemoteFunction",),
    "hyperloom.core.streams": ("ObjectRefGenerator",),
    "hyperloom.plan.handle": ("PlanHandle",),
    "hyperloom.plan.plan": ("Plan",),
    "hyperloom.plan.redirection": ("follow",),
    "hyperloom.serialization": ("inspect_serializability", "register_serializer"),
}
_MODULES = ("data", "errors", "metrics", "tasks", "util")
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Actor",
    "ActorClass",
    "ActorHandle",
    "BoundMap",
    "BoundTask",
    "Connection",
    "Context",
    "GroupAffinity",
    "NodeAffinity",
    "NodeLabels",
    "ObjectRef",
    "ObjectRefGenerator",
    "PlacementGroup",
    "Plan",
    "PlanHandle",
    "RemoteFunction",
    "actor",
    "as_completed",
    "attach",
    "available_resources",
    "cancel",
    "cluster_resources",
    "context",
    "data",
    "durations",
    "errors",
    "exit_actor",
    "follow",
    "get",
    "get_actor",
    "get_current_placement_group",
    "get_placement_group",
    "init",
    "inspect_serializability",
    "is_initialized",
    "kill",
    "list_named_actors",
    "method",
    "metrics",
    "nodes",
    "placement_group",
    "placement_group_table",
    "put",
    "read_checkpoint",
    "register",
    "register_serializer",
    "remove_placement_group",
    "shutdown",
    "submit",
    "symbol",
    "task",
    "tasks",
    "util",
    "wait",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever it is
    home = _HOME.get(name)
    if home is not None or name == "tasks":
        import_module("hyperloom.connection")  # what needs a session begins one by that
    if name in _MODULES:
        value: Any = import_module(f"hyperloom.{name}")
    elif home is not None:
        value = getattr(import_module(home), name)
    else:
        known = hasattr(import_module("hyperloom.errors"), name)
        hint = f"; it is hyperloom.errors.{name}" if known else ""
        raise AttributeError(f"module 'hyperloom' has no attribute {name!r}{hint}", name=name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
