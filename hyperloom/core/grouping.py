"""Placement groups are made, found, waited for and removed.

A group is the cluster's, not a job's: its bundles are taken from nodes that all jobs share.  Tasks
name the group in what they ask for (`hyperloom.bundles`), so a node that keeps a bundle of it
offers that as it offers all else.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal

from hyperloom import bundles as names
from hyperloom import errors, failures
from hyperloom.core import current
from hyperloom.core.groups import GroupAffinity, PlacementGroup
from hyperloom.errors import InvalidOption
from hyperloom.failures import Attempt
from hyperloom.gcs import keys
from hyperloom.gcs.groups import WrittenGroup, written
from hyperloom.resources import GPU, UNIT, ResourceSet
from hyperloom.serialization import failure_inline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session

Strategy = Literal["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"]
STRATEGIES = ("PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD")
GROUP_BYTES = 8
_BUNDLES_MOST = 1000
_NAME_MOST = 200
_AT_ONCE = 500  # tasks that fail in one call


def placement_group(
    bundles: Sequence[Mapping[str, float]],
    strategy: Strategy = "PACK",
    name: str = "",
    lifetime: Literal["detached"] | None = None,
) -> PlacementGroup:
    """Have nodes keep these bundles of resources together, for tasks and actors of yours.

    All bundles are placed at once, or none: until there is room for the whole group it waits
    (`PlacementGroup.wait`, `PlacementGroup.ready`), and what is to run in it waits with it.  A
    bundle whose node is lost is placed anew; the others stay.  The group ends with this job, or by
    `remove_placement_group`.

    Args:
        bundles: what each takes from one node: ``[{"CPU": 2, "GPU": 1}, {"CPU": 1}]``; besides
            ``CPU``, ``GPU`` and ``memory`` (bytes), any resource that nodes were given.
        strategy: ``"PACK"``: on as few nodes as can be; ``"SPREAD"``: on different nodes as far as
            can be; ``"STRICT_PACK"``: on one node; ``"STRICT_SPREAD"``: each on another node.
        name: by which others find it (`get_placement_group`).
        lifetime: ``"detached"``: it outlives this job, and needs to be removed.

    Raises:
        InvalidOption: something is not what it may be, or the name is taken.
    """
    parts = [_checked(number, bundle) for number, bundle in enumerate(_several(bundles))]
    if strategy not in STRATEGIES:
        raise InvalidOption(f"strategy={strategy!r} cannot be: it is {', '.join(STRATEGIES)}")
    if not isinstance(name, str) or not name.isprintable() or len(name) > _NAME_MOST:
        raise InvalidOption(f"name={name!r:.100} cannot be: it is {_NAME_MOST} characters at most")
    if lifetime not in (None, "detached"):
        raise InvalidOption(f"lifetime={lifetime!r} cannot be: it is 'detached' or None")
    session: Session = current.session()
    number = os.urandom(GROUP_BYTES)
    job = b"" if lifetime == "detached" else session.job
    try:
        session.outbox.call(
            "group_create", number, job, name, strategy, *map(str, parts), namespace=keys.CLUSTER
        )
    except errors.Exists:
        raise InvalidOption(
            f"the name {name!r} is another placement group's; nothing was made. Use that one "
            "(loom.get_placement_group), remove it, or take another name"
        ) from None
    return PlacementGroup(number.hex(), [part.as_dict() for part in parts], strategy, name)


def _several(bundles: Any) -> Sequence[Any]:  # noqa: ANN401 - whatever the user wrote
    if not isinstance(bundles, (list, tuple)) or not 0 < len(bundles) <= _BUNDLES_MOST:
        raise InvalidOption(
            f"bundles={bundles!r:.100} cannot be: it is a list of 1 to {_BUNDLES_MOST} bundles, "
            'such as [{"CPU": 1}, {"CPU": 1}]'
        )
    return bundles


def _checked(number: int, bundle: Any) -> ResourceSet:  # noqa: ANN401 - whatever the user wrote
    if not hasattr(bundle, "items") or not bundle:
        raise InvalidOption(
            f"bundle {number}, {bundle!r:.100}, cannot be: it is a dict of amounts by resource, "
            'such as {"CPU": 1}'
        )
    try:
        asked = ResourceSet.of(bundle)
    except (TypeError, ValueError) as error:
        raise InvalidOption(f"bundle {number}: {error}") from None
    gpu = asked.units(GPU)
    if not asked or (gpu > UNIT and gpu % UNIT):
        what = "asks for nothing" if not asked else "has more than one GPU, but not whole ones"
        raise InvalidOption(f"bundle {number}, {bundle!r:.100}, {what}")
    return asked


def _all(session: Session) -> list[WrittenGroup]:
    return written(session.outbox.call("group_list", namespace=keys.CLUSTER))


def _handle(group: WrittenGroup) -> PlacementGroup:
    specs = [bundle.needs.as_dict() for bundle in group.bundles]
    return PlacementGroup(group.id, specs, group.strategy, group.name)


def get_placement_group(name: str) -> PlacementGroup:
    """The placement group of this name: this job's own, or a detached one.

    Raises:
        ValueError: there is none.
    """
    session: Session = current.session()
    job = session.job.hex()
    for group in _all(session):
        if name and group.name == name and group.job in {"", job}:
            return _handle(group)
    raise ValueError(
        f"no placement group has the name {name!r}: it was never made, was removed, or its job "
        "has ended"
    )


def get_current_placement_group() -> PlacementGroup | None:
    """The placement group in which the calling task or actor runs; None outside of any."""
    session: Session = current.session()
    running = None if session.running is None else session.running()
    if running is None:
        return None
    here = _group_of(running.home.shape)
    return next((_handle(group) for group in _all(session) if group.id == here), None)


def _group_of(shape: str) -> str:
    return names.group_of(name for name, _ in ResourceSet.parse(shape).items())


def inherited(session: Session) -> GroupAffinity | None:
    """Where a task runs that what runs here makes, and of which nothing else is said."""
    running = None if session.running is None else session.running()
    if running is None or not running.home.captures_children:
        return None
    group = PlacementGroup(_group_of(running.home.shape), [])
    return GroupAffinity(group, capture_child_tasks=True)


def placement_group_table() -> dict[str, dict[str, Any]]:
    """The placement groups of the cluster, by id: name, strategy, state, bundles and their nodes.

    The state is PENDING while it waits for room, PREPARED while tasks still have what its bundles
    take, CREATED, or RESCHEDULING while a bundle of a lost node looks for another one.
    """
    session: Session = current.session()
    return {group.id: row_of(group) for group in _all(session)}


def row_of(group: WrittenGroup) -> dict[str, Any]:
    """A group as tables show it."""
    bundles = dict(enumerate(group.bundles))
    return {
        "placement_group_id": group.id,
        "name": group.name,
        "strategy": group.strategy,
        "state": group.state,
        "job": group.job or None,
        "bundles": {number: bundle.needs.as_dict() for number, bundle in bundles.items()},
        "bundles_to_node_id": {number: bundle.node or None for number, bundle in bundles.items()},
    }


def remove_placement_group(group: PlacementGroup) -> None:
    """Give back what nodes keep for the group; harmless when it is gone.

    What waits for it, tasks that run in it and actors that live in it fail with
    `PlacementGroupRemoved`.  Their processes are ended.

    Raises:
        TypeError: it is no placement group.
    """
    if not isinstance(group, PlacementGroup):
        raise TypeError(f"remove_placement_group() takes a PlacementGroup, not {group!r:.100}")
    session: Session = current.session()
    session.outbox.call("group_remove", bytes.fromhex(group.id), namespace=keys.CLUSTER)
    failure = failure_inline(failures.group_removed(Attempt(b"", "", 0, b""), group=group.id))
    while session.outbox.call("task_evict", names.mark_of(group.id), failure, _AT_ONCE):
        pass  # nodes see to what comes later, and to other jobs


def ready(group: PlacementGroup) -> ObjectRef[PlacementGroup]:
    """See `PlacementGroup.ready`."""
    from hyperloom.core.options import TaskOptions  # noqa: PLC0415 - it knows of groups
    from hyperloom.core.remote import remote_function  # noqa: PLC0415

    options = TaskOptions().with_(
        {"num_cpus": 0, "scheduling": group, "max_retries": -1, "name": "placement_group_ready"}
    )
    return remote_function(itself, options).remote(group)


def itself(group: PlacementGroup) -> PlacementGroup:
    """The task behind `PlacementGroup.ready`."""
    return group


def wait(group: PlacementGroup, timeout: float | None) -> bool:
    """See `PlacementGroup.wait`."""
    from hyperloom.core import cancelling, getting  # noqa: PLC0415

    ref = ready(group)
    session = current.session()
    try:
        getting.get(session, ref, timeout)
    except errors.GetTimeout:
        cancelling.cancel(session, ref, force=False, recursive=False)
        return False
    return True
