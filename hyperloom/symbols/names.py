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
