"""What may be a symbol."""

from __future__ import annotations

import re

from hyperloom.errors import InvalidOption

RESERVED = "loom/"
_LONGEST = 80
_PART = r"[A-Za-z][A-Za-z0-9_.-]*"
_SYMBOL = re.compile(rf"{_PART}(/{_PART})+")


def checked_symbol(symbol: object) -> str:
    """The symbol, if it is one.

    Raises:
        InvalidOption: it cannot be one.
    """
    if not isinstance(symbol, str) or len(symbol) > _LONGEST or not _SYMBOL.fullmatch(symbol):
        raise InvalidOption(
            f"{symbol!r} cannot be a symbol: write a path of two or more names, such as "
            f"'lab/align', at most {_LONGEST} characters; names begin with a letter and have "
            "letters, digits, '_', '-' and '.'"
        )
    return symbol


def refuse_other(symbol: str, there: object, new: object) -> None:
    """A symbol means one thing in a process; that thing defined anew, as in a notebook, is fine.

    Raises:
        InvalidOption: it means something else already.
    """
    if there is None or there is new or _definition(there) == _definition(new):
        return
    raise InvalidOption(
        f"{symbol!r} is registered here already, as {there!r}, and cannot be {new!r} too; nothing "
        "was replaced. Give one of them another name"
    )


def _definition(thing: object) -> tuple[object, ...]:
    """Where it was defined, and of what has no name of its own, what it says."""
    name = getattr(thing, "__qualname__", "")
    if not name or name.endswith("<lambda>"):
        return (getattr(thing, "__code__", id(thing)),)
    return getattr(thing, "__module__", ""), name


def checked_own(symbol: object) -> str:
    """The same, for one that a user gives.

    Raises:
        InvalidOption: it cannot be one, or it is reserved.
    """
    name = checked_symbol(symbol)
    if name.startswith(RESERVED):
        raise InvalidOption(
            f"{name!r} cannot be registered: {RESERVED!r} is for what comes with HyperLoom; "
            "begin with a name of your own"
        )
    return name
