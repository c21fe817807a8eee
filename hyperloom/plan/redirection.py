"""What a task returned that is to go on as something else: as one task, its inputs submitted.

The rule: the task is replaced by one task.  Of a bound task that is itself, of a plan with one
result that result's; else a small task of ours that passes on the values of several.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from hyperloom.core import current, getting, redirection
from hyperloom.core.bound import BoundMap, BoundOutput, BoundTask, output_of
from hyperloom.core.options import TaskOptions
from hyperloom.core.redirection import Ready
from hyperloom.core.remote import RemoteFunction, remote_function
from hyperloom.plan.plan import Plan
from hyperloom.plan.submission import run
from hyperloom.specs import STREAMING

if TYPE_CHECKING:
    from hyperloom.core.bound import Replacing
    from hyperloom.core.refs import ObjectRef
    from hyperloom.plan.submission import Wanted
    from hyperloom.serialization.calls import Dependency
    from hyperloom.specs import Template

T = TypeVar("T")


def _same(value: Any) -> Any:  # noqa: ANN401 - the user's
    return value


def together(*values: Any) -> Any:  # noqa: ANN401 - the user's
    """The list of them; of data objects alone an array, which shares them."""
    from hyperloom.data import Array, Data  # noqa: PLC0415 - most have none

    are_data = bool(values) and all(isinstance(value, Data) for value in values)
    return Array(values) if are_data else list(values)


def _items(values: list[Any]) -> Any:  # noqa: ANN401 - the user's
    return together(*values)


class _OfData(RemoteFunction[..., Any]):
    takes_data = True


_LIGHT = TaskOptions(num_cpus=0, name="passed on")
_same_task = remote_function(_same, _LIGHT)
_list_task = remote_function(together, _LIGHT)
_items_task = remote_function(_items, _LIGHT)
_data_task = _OfData(together, _LIGHT)


def follow(ref: ObjectRef[T]) -> BoundTask[T]:
    """For a task to return, so that its result is what the ref stands for, and not the ref.

        @loom.task
        def f(x):
            return loom.follow(g.remote(x))

    A ref that is returned as it is stays a ref.  Waits for nothing.

    Raises:
        TypeError: it is no ref.
    """
    if not hasattr(ref, "binary"):
        raise TypeError(f"follow takes a ref, not {ref!r:.100}")
    return _same_task.bind(ref)


class Redirector:
    """See `hyperloom.core.redirection.Redirector`."""

    def ready(self, result: Replacing, template: Template) -> Ready:
        """The one task that `result` comes to, its inputs submitted.

        Raises:
            ValueError: it has another number of outputs than the template's tasks.
        """
        task = one_of(result, template.name, template.returns, as_data=template.takes_data)
        wanted: dict[tuple[int, int | None], Wanted] = {}
        for value in (*task.args, *task.kwargs.values()):
            if isinstance(value, BoundMap):
                wanted[id(value), None] = value
            elif (output := output_of(value)) is not None:
                wanted[id(output[0]), output[1]] = BoundOutput(*output)
        refs = dict(zip(wanted, run(list(wanted.values())), strict=True))

        def id_of(value: object) -> Dependency:
            if isinstance(value, BoundMap):
                return [ref.binary() for ref in refs[id(value), None]]
            output = output_of(value)
            return None if output is None else refs[id(output[0]), output[1]].binary()

        return Ready(task, id_of, refs)

    def value(self, result: Replacing) -> Any:  # noqa: ANN401 - the user's
        """Submit it, wait for it, its value."""
        task = one_of(result, "this task", 1)
        return getting.get(current.session(), run([task])[0], None)


def one_of(result: Replacing, name: str, returns: int, *, as_data: bool = False) -> BoundTask[Any]:
    """The one task that `result` comes to, for a task with so many outputs.

    `as_data`: several results become an array of data objects in any case.

    Raises:
        ValueError: it has another number of outputs; or the task streams.
    """
    if returns == STREAMING:
        raise ValueError(
            f"{name} streams its results and cannot go on as {result!r}: yield its values, or "
            "refs to them"
        )
    wanted: list[Any] = result.wanted if isinstance(result, Plan) else [result]
    only = wanted[0] if len(wanted) == 1 else None
    if isinstance(only, BoundTask):
        _must_fit(name, returns, only, only.outputs)
        if not only.keeps:
            return only
        wanted = list(only)  # it goes into its file as what it is, and then on
    elif isinstance(only, BoundMap) and returns != 1:
        wanted = list(only)
    if returns == 1 and len(wanted) == 1:
        return (_items_task if isinstance(only, BoundMap) else _same_task).bind(wanted[0])
    if returns == 1:
        return (_data_task if as_data else _list_task).bind(*wanted)
    _must_fit(name, returns, result, len(wanted))
    return _list_task.options(num_returns=returns).bind(*wanted)


def _must_fit(name: str, returns: int, result: object, number: int) -> None:
    if number != returns:
        raise ValueError(
            f"{name} has num_returns={returns} and cannot go on as {result!r}, which has "
            f"{number} result{'s' * (number != 1)}"
        )


def install() -> None:
    """From now on tasks of this process may return bound tasks and plans."""
    redirection.set_redirector(Redirector())
