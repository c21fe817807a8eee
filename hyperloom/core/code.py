"""What a worker has of a template: the function, unpickled when first needed.

The rule: a function is unpickled once, however many templates it has.  What it keeps in globals is
there for the tasks of all of them.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from hyperloom.serialization import unpack_function

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.specs import Template


class Function:
    """A user's function as a worker has it, unpickled when first needed."""

    __slots__ = ("_function", "_pickled")

    def __init__(self, pickled: bytes) -> None:
        self._pickled = pickled
        self._function: Callable[..., Any] | None = None

    def anew(self) -> Callable[..., Any]:
        """Unpickled for who asks."""
        return unpack_function(self._pickled)

    @property
    def shared(self) -> Callable[..., Any]:
        """The one of all templates, which has what it keeps in its globals."""
        if self._function is None:
            self._function = self.anew()
        return self._function


class Code:
    """A template as a worker has it."""

    __slots__ = ("_function", "_retry", "calls", "template")

    def __init__(self, template: Template, function: Function) -> None:
        self.template = template
        self.calls = 0
        self._function = function
        self._retry: tuple[type[BaseException], ...] | None = None

    @property
    def function(self) -> Callable[..., Any]:
        """The user's function."""
        if self.template.captures:  # refs: to be let go of with each task
            return self._function.anew()
        return self._function.shared

    def retries(self, error: BaseException) -> bool:
        """Whether the options say to try again after `error`."""
        asked = self.template.retry_exceptions
        if isinstance(asked, bool):
            return asked and isinstance(error, Exception)
        if self._retry is None:
            self._retry = pickle.loads(asked)
        return isinstance(error, self._retry)
