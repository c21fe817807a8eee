"""A task ends by naming another in its place: it returned what `bind` made, or a plan.

The rule: the worker only says which; it packs the new task's record, whose inputs are submitted
by then, and is free.  The raylet has the control plane put the record in the place of the task's
own (``lua/task/redirect.lua``): same task, same outputs, another attempt.

How the inputs are submitted is said by a higher floor (`set_redirector`), since this one knows no
plans.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hyperloom import specs
from hyperloom.core import current
from hyperloom.core.session import FIRST
from hyperloom.ids import OBJECT_BYTES, cut

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.core.bound import BoundTask, Replacing
    from hyperloom.core.context import Running
    from hyperloom.serialization.calls import Dependency
    from hyperloom.specs import Template


class Redirected(Exception):
    """The task is to go on as another; not an error."""

    def __init__(self, record: bytes, attempt: int, kept: object) -> None:
        super().__init__("redirected")
        self.record = record
        self.attempt = attempt  # which said so
        self.kept = kept  # refs, until the control plane knows who holds them from here on


class Ready(NamedTuple):
    """A bound task whose inputs are submitted."""

    task: BoundTask[Any]
    id_of: Callable[[object], Dependency]  # the object, or the objects, that an argument is
    kept: object  # refs to them


class Redirector(Protocol):
    """What a higher floor does for us."""

    def ready(self, result: Replacing, template: Template) -> Ready:
        """The one task that `result` comes to, its inputs submitted.

        Raises:
            ValueError: it has another number of outputs than the template's tasks.
        """

    def value(self, result: Replacing) -> Any:  # noqa: ANN401 - the user's
        """Submit it, wait for it, its value."""


_redirector: list[Redirector] = []


def set_redirector(redirector: Redirector) -> None:
    """How what a task returns becomes one task whose inputs are submitted."""
    _redirector[:] = [redirector]


def redirect(result: Replacing, running: Running, keep: bytes = b"") -> Redirected:
    """The new record of the task that runs, which returned `result`; to be raised.

    The refs in it are said to be inside the task's first output, so that they are held until the
    control plane has put the record in place.  What is to be kept of the task in files (`keep`, an
    encoded `hyperloom.specs.Keep`) is kept of what it goes on as.

    Raises:
        Exception: what is wrong with `result`, as `BoundTask` and plans say it.
    """
    ready = _redirector[0].ready(result, running.template)
    submitter = ready.task.function.submitter()
    if running.template.plan:  # in whose counts the task stays
        submitter = submitter.of_plan(running.template.plan)

    def id_of(value: object) -> Dependency:
        found = ready.id_of(value)
        return submitter.ref_id(value) if found is None else found

    task = ready.task
    label = task.label or running.label
    record, _, large = submitter.pack(task.args, task.said, id_of, label, keep)
    outbox = current.session().outbox
    refs = cut(specs.refs_of(record), OBJECT_BYTES)
    if refs:
        outbox.contain(running.task + FIRST, refs)
    if large:
        outbox.release(large, made=True)
    return Redirected(record, running.attempt, ready.kept)


def value_of(result: Replacing) -> Any:  # noqa: ANN401 - the user's
    """What it comes to, waited for: for one item of several, which cannot be replaced alone."""
    return _redirector[0].value(result)
