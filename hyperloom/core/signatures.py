"""Whether a call fits a function, asked for each task before it is submitted."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Arity:
    """How many arguments a function takes.

    `inspect.Signature.bind` costs 3-5 microseconds, a quarter of a task.  Calls with
    positional arguments only, which are most, need just two comparisons.
    """

    __slots__ = ("_least", "_most", "_name", "_nameless", "_signature", "parameters")

    def __init__(self, function: Callable[..., Any] | inspect.Signature, name: str) -> None:
        self._name = name
        self.parameters: tuple[str, ...] = ()
        try:
            self._signature = (
                function if isinstance(function, inspect.Signature) else inspect.signature(function)
            )
        except (TypeError, ValueError):  # some builtins have none: the worker will find out
            self._signature = inspect.Signature(
                [
                    inspect.Parameter("args", inspect.Parameter.VAR_POSITIONAL),
                    inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
                ]
            )
        parameters = list(self._signature.parameters.values())
        positional = [each for each in parameters if each.kind in _POSITIONAL]
        self.parameters = tuple(each.name for each in positional)
        self._least = sum(each.default is inspect.Parameter.empty for each in positional)
        self._most = len(positional)
        self._nameless = [
            each.name
            for each in positional
            if each.kind is inspect.Parameter.POSITIONAL_ONLY
            and each.default is inspect.Parameter.empty
        ]
        if any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters):
            self._most = 1 << 30
        if any(
            each.kind is inspect.Parameter.KEYWORD_ONLY and each.default is inspect.Parameter.empty
            for each in parameters
        ):
            self._least = 1 << 30  # never by position alone

    def check(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
        """Refuse a call that does not fit.

        Raises:
            TypeError: with the function's name and signature.
        """
        if not kwargs and self._least <= len(args) <= self._most:
            return
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise self._refusal(str(error)) from None
        lacking = self._nameless[len(args) :]
        if lacking:  # Python 3.13 does not look, if there are **kwargs
            raise self._refusal(f"missing a required positional-only argument: {lacking[0]!r}")

    def _refusal(self, why: str) -> TypeError:
        return TypeError(f"{self._name}{self._signature}: {why}{self._advice()}")

    def _advice(self) -> str:
        if self.parameters[:1] not in (("self",), ("cls",)):
            return ""
        return (
            "\n  This task was defined in a class, and knows nothing of an object by itself: pass "
            "it first, as in A.f.remote(obj, …); or make a task of the bound method: "
            "loom.task(obj.f)"
        )
