"""How much of what a task needs and a node has, in exact numbers.

The rule: amounts are whole numbers of 1/10000, so that ten thousand tasks of 0.1 CPU leave
exactly what was there before.  Floats are checked and turned at the door
(:meth:`ResourceSet.of` and the two functions for users' options); nothing inside rounds.
`memory` is the exception: whole bytes, since in 1/10000 bytes a large node's memory would
leave the range in which Lua counts exactly.

The text of a set, ``CPU:5000,GPU:10000``, is canonical: equal sets have equal texts, which
makes it the name of a *resource shape* in the control plane.

Being a certain node is a resource too, ``@<node id>``, which a node adds to what it has
(:func:`of_node`) and a task asks a little of that must run there (:func:`at_node`).  So is having
a symbol, ``@<symbol>`` (:func:`of_symbols`, :func:`with_symbols`), or a label, ``@<key>!<value>``
(:func:`of_labels`, :func:`with_labels`); what is kept for placement groups is in
`hyperloom.bundles`.  So what must run on certain nodes waits, is offered and is complained about
like all else.  Users neither write nor see it.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from numbers import Real
from typing import TYPE_CHECKING

from hyperloom import bundles

if TYPE_CHECKING:
    from collections.abc import ItemsView, Iterable, Mapping, Sequence

UNIT = 10_000  # parts of one CPU, one GPU, one of a custom resource
DECIMALS = 4
CPU = "CPU"
GPU = "GPU"
MEMORY = "memory"

_BUILT_IN = {CPU: "num_cpus", GPU: "num_gpus", MEMORY: "memory"}  # name -> its own option
HIDDEN = "@"
_IS = "!"  # between key and value of a label
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_PLENTY = 10**9  # more than there can be tasks at a time
_MAX_NAME = 100
_MAX_UNITS = 2**53  # what a Lua number holds exactly


class ResourceSet:
    """Amounts by name; immutable; zero amounts are not kept."""

    __slots__ = ("_text", "_units")

    def __init__(self, units: Mapping[str, int]) -> None:
        """From exact units; users' numbers go through :meth:`of`."""
        self._units = {name: units[name] for name in sorted(units) if units[name]}
        self._text = ",".join([f"{name}:{amount}" for name, amount in self._units.items()])

    @classmethod
    def of(cls, amounts: Mapping[str, float]) -> ResourceSet:
        """From amounts such as `{"CPU": 0.5}`; refuses what is not exact or not sane."""
        return cls({_checked_name(name): to_units(name, amounts[name]) for name in amounts})

    @classmethod
    def parse(cls, text: str) -> ResourceSet:
        """From the canonical text."""
        if not text:
            return NOTHING
        pairs = [part.rpartition(":") for part in text.split(",")]
        return cls({name: int(amount) for name, _, amount in pairs})

    def __add__(self, other: ResourceSet) -> ResourceSet:
        units = dict(self._units)
        for name, amount in other._units.items():
            units[name] = units.get(name, 0) + amount
        return ResourceSet(units)

    def __sub__(self, other: ResourceSet) -> ResourceSet:
        """What is left; taking more than there is would be a bug of the caller."""
        units = dict(self._units)
        for name, amount in other._units.items():
            left = units.get(name, 0) - amount
            if left < 0:
                msg = f"cannot take {other} from {self}: {name} would fall below zero"
                raise ValueError(msg)
            units[name] = left
        return ResourceSet(units)

    def fits_in(self, other: ResourceSet) -> bool:
        """Whether `other` has at least this much of everything."""
        there = other._units
        return all(amount <= there.get(name, 0) for name, amount in self._units.items())

    def missing_from(self, other: ResourceSet) -> ResourceSet:
        """What `other` would need on top, to fit this; nothing if it fits."""
        there = other._units
        return ResourceSet(
            {name: max(0, amount - there.get(name, 0)) for name, amount in self._units.items()}
        )

    def units(self, name: str) -> int:
        """The exact amount of one resource: 1/10000, or bytes of memory."""
        return self._units.get(name, 0)

    def items(self) -> ItemsView[str, int]:
        """Names and exact amounts, sorted by name."""
        return self._units.items()

    def as_dict(self) -> dict[str, float]:
        """Amounts as users know them; `{"CPU": 0.5}`."""
        return {
            name: amount / _scale(name)
            for name, amount in self._units.items()
            if not name.startswith(HIDDEN)
        }

    def symbols(self) -> list[str]:
        """The symbols among them."""
        return [name[1:] for name in self._units if name.startswith(HIDDEN) and "/" in name]

    def describe(self) -> str:
        """For messages: `0.5 CPU, 2.0 GiB memory`; `nothing` (in a group `a place`) if empty."""
        group = bundles.group_of(self._units)
        if group:
            bundle = bundles.bundle_of(self._units)
            of = "a bundle" if bundle == bundles.ANY else f"bundle {bundle}"
            what = self.plain().describe() if self.plain() else "a place"
            return f"{what} in {of} of placement group {group}"
        parts = [_spoken(name, amount) for name, amount in self._units.items()]
        return ", ".join(parts) or "nothing"

    def visible(self) -> ResourceSet:
        """Those that users know by name."""
        return ResourceSet({n: a for n, a in self._units.items() if not n.startswith(HIDDEN)})

    def plain(self) -> ResourceSet:
        """The same, whether it is kept for a placement group or not."""
        return ResourceSet(bundles.plain(self._units))

    def __bool__(self) -> bool:
        return bool(self._units)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResourceSet) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"ResourceSet({self._text!r})"

    def __reduce__(self) -> tuple[object, ...]:
        return ResourceSet.parse, (self._text,)


NOTHING = ResourceSet({})


def requested(
    *,
    num_cpus: float = 1,
    num_gpus: float = 0,
    memory: float = 0,
    resources: Mapping[str, float] | None = None,
) -> ResourceSet:
    """What a task asks for by its options."""
    asked = _combined(num_cpus, num_gpus, memory, resources)
    gpu = asked.units(GPU)
    if gpu > UNIT and gpu % UNIT:
        msg = (
            f"num_gpus={num_gpus!r} is more than one GPU but not a whole number; a task gets a "
            f"part of one GPU, or whole ones: write num_gpus={math.ceil(num_gpus)}"
        )
        raise ValueError(msg)
    return asked


def offered(
    *,
    num_cpus: float,
    num_gpus: float = 0,
    memory: float = 0,
    resources: Mapping[str, float] | None = None,
) -> ResourceSet:
    """What a node has by its options."""
    has = _combined(num_cpus, num_gpus, memory, resources)
    if has.units(GPU) % UNIT:
        msg = f"num_gpus={num_gpus!r}: a node has whole GPUs only; tasks may ask for parts of one"
        raise ValueError(msg)
    return has


def of_node(node: str) -> ResourceSet:
    """What the node of this id has because it is that node."""
    return ResourceSet({HIDDEN + node: _PLENTY})


def at_node(node: str) -> ResourceSet:
    """What a task asks for that must run on the node of this id."""
    return ResourceSet({HIDDEN + node: 1})


def of_symbols(symbols: Iterable[str]) -> ResourceSet:
    """What a node has because it has these symbols."""
    return ResourceSet({HIDDEN + symbol: _PLENTY for symbol in symbols})


def with_symbols(symbols: Iterable[str]) -> ResourceSet:
    """What a task asks for that must run where these symbols are."""
    return ResourceSet({HIDDEN + symbol: 1 for symbol in symbols})


def of_labels(labels: Mapping[str, str]) -> ResourceSet:
    """What a node has because it bears these labels."""
    return ResourceSet({HIDDEN + mark: _PLENTY for mark in label_marks(labels)})


def with_labels(labels: Mapping[str, str]) -> ResourceSet:
    """What a task asks for that must run where these labels are."""
    return ResourceSet({HIDDEN + mark: 1 for mark in label_marks(labels)})


def label_marks(labels: Mapping[str, str]) -> list[str]:
    """Labels as they are written in names of resources and queues.

    Raises:
        TypeError: they are no mapping of text to text.
        ValueError: one has characters that cannot be.
    """
    if not hasattr(labels, "items"):
        msg = f'labels={labels!r} cannot be: it is a dict of text by text, {{"zone": "a"}}'
        raise TypeError(msg)
    for text in [text for pair in labels.items() for text in pair]:
        if not isinstance(text, str) or not _LABEL.fullmatch(text):
            msg = (
                f"{text!r} cannot be part of a label: use 1 to 60 letters, digits and . _ - , "
                "with a letter or digit first"
            )
            raise ValueError(msg)
    return [f"{key}{_IS}{labels[key]}" for key in sorted(labels)]


def shape_of(queue: str) -> ResourceSet:
    """What the tasks of a queue ask for; its name is "priority|shape" or "priority|shape|wish"."""
    return ResourceSet.parse(queue.split("|")[1])


@lru_cache(maxsize=1024)
def needs_of(queue: str) -> Mapping[str, int]:
    """The same as a mapping; nobody changes it."""
    return dict(shape_of(queue).items())


def called(name: str) -> str:
    """A resource's name in messages."""
    if not name.startswith(HIDDEN):
        return name
    if _IS in name:
        return "label " + name[1:].replace(_IS, "=")
    return f"symbol {name[1:]}" if "/" in name else f"node {name[1:]}"


def why_infeasible(asked: ResourceSet, nodes: Sequence[ResourceSet]) -> str:
    """A sentence about what is asked for in vain; "" when some node has it all."""
    if any(asked.fits_in(node) for node in nodes):
        return ""
    parts = []
    for name, amount in asked.items():
        most = max([node.units(name) for node in nodes], default=0)
        if most < amount:
            parts.append(
                f"at most {_spoken(name, most)} on a node" if most else f"no {called(name)} at all"
            )
    why = ", ".join(parts) or "no node has all of it together"
    return (
        f"{asked.describe()} wait for a node that has it: there is {why}. Nothing is lost: they "
        "run as soon as such a node joins; or cancel them and ask for less"
    )


def _combined(
    num_cpus: float, num_gpus: float, memory: float, resources: Mapping[str, float] | None
) -> ResourceSet:
    units = {
        CPU: to_units(CPU, num_cpus, "num_cpus"),
        GPU: to_units(GPU, num_gpus, "num_gpus"),
        MEMORY: to_units(MEMORY, memory, "memory"),
    }
    if resources is None:
        return ResourceSet(units)
    if not hasattr(resources, "items"):
        msg = (
            f"resources={resources!r} is of type {type(resources).__name__}; "
            'write a dict of amounts by name: resources={"licence": 1}'
        )
        raise TypeError(msg)
    for name, amount in resources.items():
        option = _BUILT_IN.get(name) if isinstance(name, str) else None
        if option is not None:
            msg = (
                f"{name!r} has an option of its own: write {option}={amount!r} instead of "
                f"resources={{{name!r}: {amount!r}}}"
            )
            raise ValueError(msg)
        units[_checked_name(name)] = to_units(name, amount, f"resources[{name!r}]")
    return ResourceSet(units)


def _checked_name(name: object) -> str:
    if not isinstance(name, str):
        msg = f"the resource name {name!r} is of type {type(name).__name__}; write a str"
        raise TypeError(msg)
    # Comma and colon would break the canonical text; blanks and controls the reader.
    if not 0 < len(name) <= _MAX_NAME or not name.isprintable() or set(name) & set(",:;=| @"):
        msg = (
            f"{name!r} cannot name a resource: use 1 to {_MAX_NAME} printable characters "
            "without blank and none of , : ; = | @"
        )
        raise ValueError(msg)
    return name


def to_units(name: str, amount: object, option: str | None = None) -> int:
    """An amount in exact units; says what is wrong with it otherwise."""
    called = f"{option or name}={amount!r}"
    # A bool is an int to Python, but num_gpus=True is a slip of the pen.
    if isinstance(amount, bool) or not isinstance(amount, Real):
        msg = f"{called} is of type {type(amount).__name__}; write a number such as 1 or 0.5"
        raise TypeError(msg)
    value = float(amount)
    if not math.isfinite(value) or value < 0:
        msg = f"{called} is no amount; write 0 or more, and finite"
        raise ValueError(msg)
    scale = _scale(name)
    units = round(value * scale)
    if units > _MAX_UNITS:
        msg = f"{called} is more than can be counted exactly; write at most {_MAX_UNITS // scale}"
        raise ValueError(msg)
    # 0.1 + 0.2 is meant to be 0.3; 0.12345 is meant to be something we cannot keep.
    if not math.isclose(units / scale, value, rel_tol=1e-12, abs_tol=1e-9):
        decimals = 0 if scale == 1 else DECIMALS
        msg = f"{called} has more than {decimals} decimals; write {round(value, decimals):g}"
        raise ValueError(msg)
    return units


def _scale(name: str) -> int:
    return 1 if name == MEMORY else UNIT


def _spoken(name: str, amount: int) -> str:
    if name == MEMORY:
        return f"{amount / 2**30:.1f} GiB memory"
    return called(name) if name.startswith(HIDDEN) else f"{amount / UNIT:g} {name}"
