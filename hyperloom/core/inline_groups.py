"""Placement groups with ``mode="inline"``: there is one node, and a group has its place at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import bundles, failures

if TYPE_CHECKING:
    from hyperloom.failures import Attempt
    from hyperloom.resources import ResourceSet


class InlineGroups:
    """The transitions of groups, as far as they mean something here."""

    ANSWERS = ("group_create", "group_remove", "group_list", "group_fits", "task_evict")

    def __init__(self, node: bytes) -> None:
        self._node = node
        self._rows: dict[bytes, bytes] = {}

    def answer(self, function: str, *args: Any) -> Any:  # noqa: ANN401 - as of any transition
        """What the control plane would say."""
        match function, args:
            case "group_create", (group, job, name, strategy, *parts):
                job = job.hex() or "-"
                places = [f"{part} {self._node.hex()}*" for part in parts]
                lines = [strategy, job, "0", "0", "0", "0", "1", name, *places]
                self._rows[group] = "".join(f"{line}\n" for line in lines).encode()
                return 1
            case "group_remove", (group,):
                return int(self._rows.pop(group, None) is not None)
            case "group_list", ():
                return [part for row in self._rows.items() for part in row]
            case "group_fits", _:
                return 1
            case _:  # of task_evict: nothing waits here
                return 0

    def lost(self, shape: ResourceSet, who: Attempt) -> bytes | None:
        """Why a task of this shape cannot run: its group is no more.  None: it can."""
        group = bundles.group_of(name for name, _ in shape.items())
        if not group or bytes.fromhex(group) in self._rows:
            return None
        return failures.group_removed(who, group=group)
