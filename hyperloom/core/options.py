"""The options of a task: what they may be, what they mean.

The rule: bad options are refused where they are written, at the decorator or in
``.options()``, before anything is sent; the message names the option and says what to write.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from hyperloom.core.groups import GroupAffinity, Grouped, in_group
from hyperloom.errors import InvalidOption
from hyperloom.ids import NODE_BYTES
from hyperloom.nearest import did_you_mean
from hyperloom.resources import (
    NOTHING,
    ResourceSet,
    at_node,
    label_marks,
    requested,
    with_labels,
    with_symbols,
)
from hyperloom.symbols.names import checked_symbol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LONGEST_S = 1e9  # thirty years
_PRIORITY_MOST = 1_000_000
_RETURNS_MOST = 1_000_000

# Names by which others know an option of ours; and what may be said there.
_MEANT = dict.fromkeys(("policy", "placement", "affinity", "node", "labels"), "scheduling")
_WHERE = (
    "'default'", "'spread'", "'pack'", "NodeAffinity(node_id)", "NodeLabels({key: value})",
    "a placement group",
)  # fmt: skip

ExceptionClass = type[BaseException]


@dataclass(frozen=True, slots=True)
class NodeAffinity:
    """Run on this node only; `loom.nodes()` has the ids.

    While no such node is a member, the task waits and is warned about.  With `soft` the node is
    a wish: it has the first choice, and others take the task when they have been idle for a while.
    """

    node_id: str
    soft: bool = False


@dataclass(frozen=True, slots=True)
class NodeLabels:
    """Run only on nodes that bear all of these labels (``loom start --labels zone=a``).

    While there is no such node, the task waits and is warned about.  With `soft` the labels are a
    wish: such nodes have the first choice, and others take the task when they have been idle
    for a while.
    """

    labels: Mapping[str, str]
    soft: bool = False

    def __hash__(self) -> int:
        """By content: equal labels are equal options."""
        return hash((tuple(sorted(self.labels.items())), self.soft))


Scheduling = str | NodeAffinity | NodeLabels | Grouped


class TaskChanges(TypedDict, total=False):
    """The options as a call gives them, for type checkers; `num_returns` decides the call's type.

    See `hyperloom.task` for what they mean.
    """

    num_cpus: float
    num_gpus: float
    memory: float
    resources: Mapping[str, float] | None
    max_retries: int
    retry_exceptions: bool | ExceptionClass | Sequence[ExceptionClass]
    priority: int
    timeout_s: float | None
    name: str | None
    max_calls: int
    scheduling: Scheduling
    stream_ahead: int
    needs: str | Sequence[str]
    checkpoint: bool | str | PathLike[str]
    cache: bool
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskOptions:
    """See `hyperloom.task`."""

    num_cpus: float = 1
    num_gpus: float = 0
    memory: float = 0
    resources: Mapping[str, float] | None = None
    num_returns: int | Literal["streaming"] | None = None
    max_retries: int = 3
    retry_exceptions: bool | tuple[ExceptionClass, ...] = False
    priority: int = 0
    timeout_s: float | None = None
    name: str | None = None
    max_calls: int = 0
    scheduling: Scheduling = "default"
    stream_ahead: int = 0
    needs: tuple[str, ...] = ()
    checkpoint: bool | str | PathLike[str] = False
    cache: bool = False
    version: str | None = None

    @property
    def keeps(self) -> bool:
        """Whether results go into files."""
        return self.cache or self.checkpoint is not False

    def with_(self, changes: Mapping[str, Any]) -> TaskOptions:
        """These options with some changed, all of them checked."""
        names = [each.name for each in fields(self)]
        for name in changes:
            if name not in names:
                raise unknown_option("a task", name, names)
        changed = dict(changes)
        retry = changed.get("retry_exceptions")
        if isinstance(retry, (list, type)):
            changed["retry_exceptions"] = tuple(retry) if isinstance(retry, list) else (retry,)
        if "scheduling" in changed:
            changed["scheduling"] = in_group(changed["scheduling"])
        needs = changed.get("needs")
        if isinstance(needs, (str, list)):
            changed["needs"] = (needs,) if isinstance(needs, str) else tuple(needs)
        options = replace(self, **changed)
        options.check()
        return options

    def shape(self) -> ResourceSet:
        """What the task asks for."""
        asked = requested(
            num_cpus=self.num_cpus,
            num_gpus=self.num_gpus,
            memory=self.memory,
            resources=self.resources,
        )
        where = self.scheduling
        if isinstance(where, NodeAffinity) and not where.soft:
            asked += at_node(bytes.fromhex(where.node_id).hex())
        elif isinstance(where, NodeLabels) and not where.soft:
            asked += with_labels(where.labels)
        elif isinstance(where, GroupAffinity):
            asked = where.shape(asked)
        return asked + with_symbols(self.needs) if self.needs else asked

    @property
    def captures_children(self) -> bool:
        """Whether what it makes runs in its placement group, too."""
        where = self.scheduling
        return isinstance(where, GroupAffinity) and bool(where.capture_child_tasks)

    def wish(self) -> str:
        """Where it would rather run, in the words of ``lua/task/_room.lua``; "" for anywhere."""
        where = self.scheduling
        if isinstance(where, NodeAffinity):
            return bytes.fromhex(where.node_id).hex() if where.soft else ""
        if isinstance(where, NodeLabels):
            return "&".join(label_marks(where.labels)) if where.soft else ""
        return where if isinstance(where, str) and where != "default" else ""

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            InvalidOption: an option has a value that it cannot have.
        """
        self._check_scheduling()
        try:
            shape = self.shape()
        except (TypeError, ValueError) as error:
            raise InvalidOption(str(error)) from None
        if isinstance(self.scheduling, GroupAffinity):
            self.scheduling.check(shape.plain().visible())
        returns = self.num_returns
        refuse_unless(
            returns in (None, "streaming") or whole(returns, 0, _RETURNS_MOST),
            "num_returns",
            returns,
            f"a whole number from 0 to {_RETURNS_MOST:,}, or 'streaming'",
        )
        refuse_unless(
            whole(self.max_retries, -1, 2**31),
            "max_retries",
            self.max_retries,
            "a whole number, at least 0; or -1 to retry without end",
        )
        refuse_unless(
            whole(self.priority, -_PRIORITY_MOST, _PRIORITY_MOST),
            "priority",
            self.priority,
            f"a whole number from -{_PRIORITY_MOST:,} to {_PRIORITY_MOST:,}; more is sooner",
        )
        self._check_retry_exceptions()
        self._check_kept()
        self._check_limits()

    def _check_limits(self) -> None:
        refuse_unless(
            self.timeout_s is None or _positive(self.timeout_s),
            "timeout_s",
            self.timeout_s,
            "a number of seconds above 0, or None",
        )
        refuse_unless(
            whole(self.max_calls, 0, 2**31),
            "max_calls",
            self.max_calls,
            "a whole number: the worker ends after so many calls; 0 for never",
        )
        refuse_unless(
            whole(self.stream_ahead, 0, 2**31),
            "stream_ahead",
            self.stream_ahead,
            "a whole number of items that may wait unread; 0 for any number",
        )
        refuse_unless(
            self.name is None or (isinstance(self.name, str) and bool(self.name)),
            "name",
            self.name,
            "text that is not empty, or None for the function's name",
        )

    def _check_kept(self) -> None:
        check_checkpoint(self.checkpoint)
        refuse_unless(isinstance(self.cache, bool), "cache", self.cache, "True or False")
        refuse_unless(
            self.version is None or (isinstance(self.version, str) and bool(self.version)),
            "version",
            self.version,
            "text that changes when the function's results do, or None to go by its code",
        )
        if self.num_returns == "streaming":
            refuse_kept_stream(self)

    def _check_retry_exceptions(self) -> None:
        retry = self.retry_exceptions
        refuse_unless(
            isinstance(retry, bool)
            or (
                isinstance(retry, tuple)
                and all(
                    isinstance(each, type) and issubclass(each, BaseException) for each in retry
                )
            ),
            "retry_exceptions",
            retry,
            "True (all), False (none) or a list of exception classes",
        )

    def _check_needs(self) -> None:
        is_list = isinstance(self.needs, tuple)
        refuse_unless(is_list, "needs", self.needs, "a symbol, or a list of symbols")
        for symbol in self.needs:
            checked_symbol(symbol)

    def _check_scheduling(self) -> None:
        self._check_needs()
        where = self.scheduling
        if isinstance(where, NodeAffinity):
            try:
                right = len(bytes.fromhex(where.node_id)) == NODE_BYTES
            except (TypeError, ValueError):
                right = False
            refuse_unless(right, "scheduling", where, "a node id of 16 hexadecimal digits")
            return
        if isinstance(where, NodeLabels):
            try:
                right = bool(label_marks(where.labels))
            except (TypeError, ValueError) as error:
                raise InvalidOption(str(error)) from None
            refuse_unless(right, "scheduling", where, "at least one label")
            return
        if isinstance(where, GroupAffinity):
            where.check(NOTHING)
            return
        refuse_unless(
            isinstance(where, str) and where in ("default", "spread", "pack"),
            "scheduling",
            where,
            f"{', '.join(_WHERE[:-1])} or {_WHERE[-1]}",
        )


def refuse_kept_stream(options: TaskOptions) -> None:
    """A stream's results go into no file.

    Raises:
        InvalidOption: the options say that they do.
    """
    if options.keeps:
        raise InvalidOption(
            "checkpoint and cache keep all results of a task in one file, and a stream gives them "
            "away one by one: leave these options out, or let the task return a list"
        )


def refuse_kept_map(options: TaskOptions, name: str) -> None:
    """The items of a map travel together, and nothing is said of one of them.

    Raises:
        InvalidOption: the options say that results are kept.
    """
    if options.keeps:
        raise no_kept_map(f"{name} has checkpoint or cache", name)


def no_kept_map(what: str, name: str) -> InvalidOption:
    """What to say to who wants the results of a map kept."""
    return InvalidOption(
        f"{what}, and the results of a map are not kept, since its items travel together: write "
        f"tasks = [{name}.bind(item).checkpoint(...) for item in items], and *tasks or tasks "
        "where the map stood; or keep the result of the task that takes the map"
    )


def check_checkpoint(path: object) -> None:
    """Refuse what can be no file's name.

    Raises:
        InvalidOption: it is neither True or False nor a path.
    """
    text = os.fspath(path) if isinstance(path, PathLike) else path
    refuse_unless(
        isinstance(text, bool)
        or (isinstance(text, str) and bool(text) and "\0" not in text and text[-1] != "/"),
        "checkpoint",
        path,
        "the path of a file, absolute or relative to checkpoint_dir; or True for a name made of "
        "the task's key there",
    )


def unknown_option(whose: str, name: str, names: Sequence[str]) -> InvalidOption:
    """What to say to who gives an option that is not among `names`."""
    meant = _MEANT.get(name)
    if meant in names:
        where = ", ".join(_WHERE)
        return InvalidOption(
            f"{whose} has no option {name!r}. Where it runs is said by {meant!r}: {where}"
        )
    hint = did_you_mean(name, names) or f" There are: {', '.join(names)}."
    return InvalidOption(f"{whose} has no option {name!r}.{hint}")


def refuse_unless(right: bool, name: str, value: object, allowed: str) -> None:  # noqa: FBT001
    """Refuse an option's value; `allowed` says what it may be."""
    if not right:
        raise InvalidOption(f"{name}={value!r} cannot be: {name} is {allowed}")


def whole(value: object, low: int, high: int) -> bool:
    """Whether it is a whole number in this range."""
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _positive(value: object) -> bool:
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < _LONGEST_S
    )
