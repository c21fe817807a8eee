"""What all of them are, and how they travel."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class LoomError(Exception):
    """Base of everything below."""

    def __reduce__(self) -> tuple[object, ...]:
        # Not BaseException's: it would call __init__(*args), and ours ask for more.
        return _restore, (type(self), self.args, self.__dict__, self.__cause__)


def _restore(
    cls: type[LoomError],
    args: tuple[object, ...],
    attributes: Mapping[str, object],
    cause: BaseException | None,
) -> LoomError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(attributes)
    if cause is not None:  # setting None would hide the context
        error.__cause__ = cause
    return error
