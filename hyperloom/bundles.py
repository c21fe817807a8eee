"""What nodes keep for placement groups, as resources by name.

While a node keeps a bundle that takes 2 CPU, it has that much of ``@^<group>^<bundle>^CPU`` and as
much more of ``@^<group>^*^CPU``, in which all the group's bundles there are together; and plenty
of ``@^<group>^<bundle>^`` and ``@^<group>^*^``, which say no more than that it keeps them.

A task in bundle 0 asks for a little of that bundle, and for its CPUs under both names; one in any
bundle for those with the ``*`` only.  So no more ever runs in a group than its bundles have, and
what takes any bundle may leave less for who wants a certain one.  Users neither write nor see
these names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ANY = "*"
_MARK = "^"
_START = "@^"
_PLENTY = 10**9  # more than there can be tasks at a time


def name_of(group: str, bundle: int | str, resource: str = "") -> str:
    """What the resource is called when it is kept for a bundle (`ANY`: all of them there)."""
    return f"{_START}{group}{_MARK}{bundle}{_MARK}{resource}"


def mark_of(group: str) -> str:
    """What is part of all names of a group's resources, and of no others."""
    return f"{_START}{group}{_MARK}"


def parts_of(name: str) -> tuple[str, str, str] | None:
    """Group, bundle or `ANY`, and resource ("": none), of such a name; None of any other."""
    if not name.startswith(_START):
        return None
    group, bundle, resource = name[len(_START) :].split(_MARK, 2)
    return group, bundle, resource


def group_of(names: Iterable[str]) -> str:
    """The group for which these are kept; "" if they are for everybody."""
    return next((parts[0] for name in names if (parts := parts_of(name))), "")


def bundle_of(names: Iterable[str]) -> str:
    """The bundle of the group in which a task that asks for these is to run, or `ANY`."""
    bundles = {parts[1] for name in names if (parts := parts_of(name))}
    return min(bundles - {ANY}, default=ANY)


def asked(units: Mapping[str, int], group: str, bundle: int | None) -> dict[str, int]:
    """What a task asks for in a bundle of a group, or in any, that would ask for these amounts."""
    names = (ANY,) if bundle is None else (ANY, bundle)
    result = {name_of(group, ANY if bundle is None else bundle): 1}
    for name, amount in units.items():
        if name.startswith("@"):
            result[name] = amount
        else:
            result |= {name_of(group, each, name): amount for each in names}
    return result


def kept(units: Mapping[str, int], group: str, bundle: int) -> dict[str, int]:
    """What a node has more while tasks may run in this bundle."""
    result = {}
    for each in (ANY, bundle):
        result[name_of(group, each)] = _PLENTY
        result |= {name_of(group, each, name): amount for name, amount in units.items()}
    return result


def plain(units: Mapping[str, int]) -> dict[str, int]:
    """The same amounts under the names that they have for everybody."""
    result = {}
    for name, amount in units.items():
        parts = parts_of(name)
        if parts is None:
            result[name] = amount
        elif parts[1] == ANY and parts[2]:
            result[parts[2]] = amount
    return result
