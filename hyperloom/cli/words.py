"""How values are read from, and written to, a command line."""

from __future__ import annotations

import json
import math
from typing import Any

import click

from hyperloom.config import OPTIONS
from hyperloom.errors import InvalidOption
from hyperloom.resources import label_marks

_SIZE = next(option for option in OPTIONS if option.unit == "bytes")
_STEP = 1024


class Number(click.ParamType[float]):
    """An amount or a port: not negative, perhaps whole, perhaps bounded."""

    name = "number"

    def __init__(self, most: int | None = None) -> None:
        """With `most`: a whole number up to that."""
        self._most = most

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """From text."""
        try:
            number = float(value) if self._most is None else int(value)
        except ValueError:
            number = -1
        if not 0 <= number < math.inf or (self._most is not None and number > self._most):
            whole = f"a whole number from 0 to {self._most}"
            allowed = "0, 0.5 or 8" if self._most is None else whole
            self.fail(f"{value!r} cannot be; write {allowed}", param, ctx)
        return number


class File(click.Path):
    """A file, which an option that was meant to be the next one is not taken for."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:  # noqa: ANN401 - click's own
        """From text."""
        if str(value).startswith("--"):
            self.fail(f"a file is to follow it, and {value} does", param, ctx)
        return super().convert(value, param, ctx)


class Size(click.ParamType[int]):
    """Bytes, as ``8GiB``, ``500MB`` or a plain number."""

    name = "size"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """From text."""
        try:
            return int(_SIZE.parse(str(value)))
        except InvalidOption:
            self.fail(f"{value!r} is no size; write 500MB, 8GiB or a number of bytes", param, ctx)


class Labels(click.ParamType[dict[str, str]]):
    """Labels, as ``zone=a,disk=fast``."""

    name = "labels"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> dict[str, str]:
        """From text."""
        pairs = [part.partition("=") for part in str(value).split(",")]
        labels = {key: text for key, _, text in pairs}
        try:
            label_marks(labels)
        except ValueError as error:
            self.fail(f"{value!r} cannot be; write zone=a,disk=fast: {error}", param, ctx)
        return labels


class Amounts(click.ParamType[dict[str, float]]):
    """Resources by name, as JSON: ``{"licence": 2}``."""

    name = "json"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's own
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> dict[str, float]:
        """From text."""
        if isinstance(value, dict):
            return value
        try:
            amounts = json.loads(value)
        except ValueError as error:
            self.fail(f"{value!r} is no JSON ({error}); write '{{\"licence\": 2}}'", param, ctx)
        if not isinstance(amounts, dict) or not all(
            isinstance(amount, int | float) and not isinstance(amount, bool)
            for amount in amounts.values()
        ):
            self.fail(f"{value!r} must map names to numbers, as '{{\"licence\": 2}}'", param, ctx)
        return amounts


def size(amount: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < _STEP:
            return f"{amount:.0f} {unit}" if unit in {"B", "KiB"} else f"{amount:.1f} {unit}"
        amount /= _STEP
    return f"{amount:.1f} TiB"


def amounts(resources: dict[str, float], free: dict[str, float] | None = None) -> str:
    """Resources for people; with `free`, what of them is."""
    parts = []
    for name, amount in sorted(resources.items()):
        show = size if name == "memory" else "{:g}".format
        text = show(amount) if free is None else f"{show(free.get(name, 0))} of {show(amount)}"
        parts.append(f"{text} {name}")
    return ", ".join(parts) or "nothing"


def count(number: int, noun: str) -> str:
    """``1 task``, ``2 tasks``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
