"""What this process has under which symbol: what it registered, else what is installed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hyperloom.errors import UnknownSymbol
from hyperloom.resources import NOTHING, ResourceSet
from hyperloom.symbols.installed import RESOURCES, TASKS, installed
from hyperloom.symbols.names import checked_own, refuse_other

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_tasks: dict[str, Callable[..., Any]] = {}
_loaded: dict[str, Callable[..., Any]] = {}  # of installed packages
_resources: dict[str, Callable[[], float]] = {}


def register_task(symbol: str, task: Callable[..., Any]) -> None:
    """See `hyperloom.register`."""
    name = checked_own(symbol)
    if not callable(task):
        raise TypeError(f"register({name!r}, …): {task!r} is no function")
    refuse_other(name, _tasks.get(name), task)
    _tasks[name] = task


def register_resource(symbol: str, resource: Callable[[], float]) -> None:
    """See `hyperloom.register`."""
    name = checked_own(symbol)
    if not callable(resource):
        raise TypeError(f"register({name!r}, …): {resource!r} is no function")
    refuse_other(name, _resources.get(name), resource)
    _resources[name] = resource


def registered(symbol: str) -> Callable[..., Any] | None:
    """The function that this process registered."""
    return _tasks.get(symbol)


def task_of(symbol: str) -> Callable[..., Any]:
    """The function of a type of tasks, imported now if it is an installed package's.

    Raises:
        UnknownSymbol: this process has none.
    """
    function = _tasks.get(symbol) or _loaded.get(symbol)
    if function is None:
        point = installed(TASKS).get(symbol)
        if point is None:
            raise UnknownSymbol(
                f"{symbol!r} is no type of tasks here: the package that has it is not installed "
                f"for {sys.executable}"
            )
        function = _loaded[symbol] = point.load()
    return function


def registered_resources() -> ResourceSet:
    """How much this machine has of what this process registered."""
    return _counted(_resources)


def installed_resources() -> ResourceSet:
    """How much this machine has of what installed packages count."""
    counters: dict[str, Callable[[], float]] = {}
    for name, point in installed(RESOURCES).items():
        try:
            counters[name] = point.load()
        except Exception as error:  # noqa: BLE001 - whatever an import may raise
            _complain(name, error)
    return _counted(counters)


def _counted(counters: Mapping[str, Callable[[], float]]) -> ResourceSet:
    """One that cannot be counted is left out, and that is told: a node must start all the same."""
    total = NOTHING
    for name, counter in counters.items():
        try:
            total += ResourceSet.of({name: counter()})
        except Exception as error:  # noqa: BLE001 - the user's
            _complain(name, error)
    return total


def _complain(name: str, error: Exception) -> None:
    print(  # noqa: T201
        f"hyperloom: the resource {name} could not be counted, so this node has none of it: "
        f"{type(error).__name__}: {error}",
        file=sys.stderr,
    )


class Symbol:
    """The function of a type of tasks, whatever it is where the task runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.__qualname__ = self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the user's
        """Run it here."""
        return task_of(self.name)(*args, **kwargs)

    def __reduce__(self) -> tuple[object, ...]:
        return Symbol, (self.name,)

    def __repr__(self) -> str:
        return f"<symbol {self.name}>"
