"""Which of the names that there are somebody meant who wrote another.

The rule: one name is suggested or none.  A name that contains all words of what was written
(``store_bytes`` of ``object_store_bytes``) was meant before one that is only spelled alike.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A space and a sentence that names the one that was meant; empty if none comes near."""
    words = _words(name)
    names = list(known)
    containing = [one for one in names if words and words <= _words(one)]
    close = get_close_matches(name, containing, 1, cutoff=0) or get_close_matches(name, names, 1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _words(name: str) -> set[str]:
    return set(name.lower().replace("-", "_").split("_")) - {""}
