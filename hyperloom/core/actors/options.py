"""The options of an actor and of its methods: what they may be, what they mean.

The rule is that of a task's options: what cannot be is refused where it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from hyperloom.core.options import TaskOptions, refuse_unless, unknown_option, whole
from hyperloom.core.tally import GROUPS_MOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.options import ExceptionClass, Scheduling
    from hyperloom.resources import ResourceSet

_MOST = 2**31
_CONCURRENCY_MOST = 100_000
ASYNC_CONCURRENCY = 1000


class ActorChanges(TypedDict, total=False):
    """The options as they are written, for type checkers; see `hyperloom.actor`."""

    num_cpus: float
    num_gpus: float
    memory: float
    resources: Mapping[str, float] | None
    needs: str | Sequence[str]
    priority: int
    scheduling: Scheduling
    name: str | None
    namespace: str | None
    get_if_exists: bool
    lifetime: Literal["detached"] | None
    max_restarts: int
    max_task_retries: int
    max_concurrency: int | None
    concurrency_groups: Mapping[str, int] | None
    max_pending_calls: int
    checkpoint_every: int
    allow_out_of_order: bool


class MethodRest(TypedDict, total=False):
    """The options of a method that leave its type as it is; see `hyperloom.method`."""

    concurrency_group: str
    max_task_retries: int
    retry_exceptions: bool | ExceptionClass | Sequence[ExceptionClass]
    stream_ahead: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorOptions:
    """See `hyperloom.actor`."""

    num_cpus: float = 0
    num_gpus: float = 0
    memory: float = 0
    resources: Mapping[str, float] | None = None
    needs: Any = ()
    priority: int = 0
    scheduling: Scheduling = "default"
    name: str | None = None
    namespace: str | None = None
    get_if_exists: bool = False
    lifetime: Literal["detached"] | None = None
    max_restarts: int = 0
    max_task_retries: int = 0
    max_concurrency: int | None = None
    concurrency_groups: Mapping[str, int] | None = None
    max_pending_calls: int = -1
    checkpoint_every: int = 0
    allow_out_of_order: bool = False

    def with_(self, changes: Mapping[str, Any]) -> ActorOptions:
        """These options with some changed, all of them checked."""
        _refuse_unknown("an actor", changes, [each.name for each in fields(self)])
        options = replace(self, **changes)
        options.check()
        return options

    def placing(self) -> TaskOptions:
        """What of them says where it may live, in the words of a task."""
        return TaskOptions().with_(
            {
                name: getattr(self, name)
                for name in (
                    "num_cpus", "num_gpus", "memory", "resources", "needs", "priority",
                    "scheduling",
                )
            }
        )  # fmt: skip

    def shape(self) -> ResourceSet:
        """What it has as long as it lives."""
        return self.placing().shape()

    def limits(self, *, is_async: bool) -> dict[str, int]:
        """How many calls may run at the same time, by concurrency group."""
        most = self.max_concurrency or (ASYNC_CONCURRENCY if is_async else 1)
        return {"": most, **(self.concurrency_groups or {})}

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidOption: an option has a value that it cannot have.
        """
        self.placing()
        for name in ("name", "namespace"):
            value = getattr(self, name)
            right = value is None or (isinstance(value, str) and "\0" not in value)
            refuse_unless(right and (name != "name" or value != ""), name, value, "some text")
        self._check_life()
        most = self.max_concurrency
        right = most is None or whole(most, 1, _CONCURRENCY_MOST)
        refuse_unless(right, "max_concurrency", most, "a whole number, at least 1")
        self._check_groups()
        pending = self.max_pending_calls
        right = whole(pending, -1, _MOST) and pending != 0
        refuse_unless(right, "max_pending_calls", pending, "at least 1; or -1 for any number")
        every = self.checkpoint_every
        allowed = "a whole number of calls; or 0 for never"
        refuse_unless(whole(every, 0, _MOST), "checkpoint_every", every, allowed)
        free = self.allow_out_of_order
        refuse_unless(isinstance(free, bool), "allow_out_of_order", free, "True or False")

    def _check_life(self) -> None:
        for name in ("max_restarts", "max_task_retries"):
            value = getattr(self, name)
            allowed = "a whole number, at least 0; or -1 without end"
            refuse_unless(whole(value, -1, _MOST), name, value, allowed)
        right = self.lifetime in (None, "detached")
        refuse_unless(right, "lifetime", self.lifetime, "'detached' or None")
        named = self.name is not None
        for option in ("get_if_exists", "namespace"):
            value = getattr(self, option)
            refuse_unless(named or not value, option, value, "for actors with a name=")

    def _check_groups(self) -> None:
        groups = self.concurrency_groups
        allowed = (
            "a dict: name of a group -> calls of it that may run at the same time; of at most "
            f"{GROUPS_MOST} groups"
        )
        right = groups is None or (
            isinstance(groups, Mapping)
            and len(groups) <= GROUPS_MOST
            and all(
                isinstance(name, str) and name and whole(most, 1, _CONCURRENCY_MOST)
                for name, most in groups.items()
            )
        )
        refuse_unless(right, "concurrency_groups", groups, allowed)


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodOptions:
    """See `hyperloom.method`."""

    num_returns: int | Literal["streaming"] | None = None
    concurrency_group: str = ""
    max_task_retries: int | None = None
    retry_exceptions: bool | tuple[ExceptionClass, ...] = False
    stream_ahead: int = 0

    def with_(self, changes: Mapping[str, Any]) -> MethodOptions:
        """These options with some changed, all of them checked."""
        _refuse_unknown("a method", changes, [each.name for each in fields(self)])
        shared = ("num_returns", "retry_exceptions", "stream_ahead")
        like_a_task = TaskOptions().with_({k: v for k, v in changes.items() if k in shared})
        changed = {k: getattr(like_a_task, k) if k in shared else v for k, v in changes.items()}
        options = replace(self, **changed)
        retries = options.max_task_retries
        refuse_unless(
            retries is None or whole(retries, -1, _MOST),
            "max_task_retries",
            retries,
            "a whole number, at least 0; or -1 without end",
        )
        group = options.concurrency_group
        refuse_unless(isinstance(group, str), "concurrency_group", group, "the name of a group")
        return options


def _refuse_unknown(whose: str, changes: Mapping[str, Any], names: list[str]) -> None:
    for name in changes:
        if name not in names:
            raise unknown_option(whose, name, names)
