"""One Lua library out of one file per transition.

Redis wants a library as a single text.  People want ``lua/task/finish.lua``.  This
module stands between the two: it concatenates the files behind a generated preamble,
and keeps a map back, so that an error in Redis' ``user_function:212`` is reported as
``task/finish.lua:17``.

Files whose name begins with an underscore hold steps that several transitions share; they
put them into the table ``act``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from operator import attrgetter
from typing import TYPE_CHECKING

from hyperloom.gcs import codes, keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

NAME = "loom"
_LINE = re.compile(r"@?user_function:(\d+)")


@dataclass(frozen=True, slots=True)
class Library:
    """The text for ``FUNCTION LOAD REPLACE`` and the way back from its line numbers."""

    text: str
    starts: tuple[int, ...]  # first line of each part, ascending
    parts: tuple[str, ...]

    @property
    def version(self) -> str:
        """Changes whenever any part does.  Nodes refuse a cluster of another version."""
        return sha256(self.text.encode()).hexdigest()[:12]

    def locate(self, message: str) -> str:
        """`message` with Redis' line numbers replaced by file and line."""

        def place(match: re.Match[str]) -> str:
            line = int(match[1])
            part = bisect_right(self.starts, line) - 1
            return f"{self.parts[part]}:{line - self.starts[part] + 1}"

        return _LINE.sub(place, message)


@cache
def build(**constants: int) -> Library:
    """Read ``lua/`` and put the library together.

    `constants` replace those of `codes` by name: tests make crowds and slices small.
    """
    texts: list[str] = []
    starts: list[int] = []
    names: list[str] = []
    line = 1
    for name, text in _parts(constants):
        starts.append(line)
        names.append(name)
        texts.append(text)
        line += text.count("\n")
    return Library("".join(texts), tuple(starts), tuple(names))


def _parts(constants: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    yield "<preamble>", "".join(_preamble(constants))
    root = files(__package__) / "lua"
    for name in ("_prelude.lua", "_many.lua"):
        yield name, (root / name).read_text("utf-8")
    yield "<tables>", "".join(_tables())
    for name, source in _walk(root):
        # A block per file: Lua allows 200 locals in one scope, and one file's helpers
        # are none of another's business.  Opened on the file's first line, to keep count.
        yield name, f"do {source}end\n"


def _walk(root: Traversable) -> Iterator[tuple[str, str]]:
    by_name = attrgetter("name")
    for folder in sorted((entry for entry in root.iterdir() if entry.is_dir()), key=by_name):
        for file in sorted(folder.iterdir(), key=by_name):
            if file.name.endswith(".lua"):
                yield f"{folder.name}/{file.name}", file.read_text("utf-8")


def _preamble(constants: Mapping[str, int]) -> Iterator[str]:
    yield f"#!lua name={NAME}\n"
    yield "local key = {}\n"
    for entry in keys.KEYS:
        args = ", ".join(("ns", *entry.by))
        name = " .. ':' .. ".join((f"ns .. ':{entry.table}'", *entry.by))
        yield f"function key.{entry.table}({args}) return {name} end\n"
    yield "local code = {}\n"
    for constant, value in {**codes.lua_constants(), **constants}.items():
        yield f"code.{constant} = {_literal(value)}\n"


def _literal(value: int | bytes) -> str:
    """As Lua reads it."""
    if isinstance(value, int):
        return str(value)
    plain = set(range(0x20, 0x7F)) - set(b"'\\")
    return "'" + "".join(chr(byte) if byte in plain else f"\\{byte:03d}" for byte in value) + "'"


def _tables() -> Iterator[str]:
    yield "function act.tables(ns) return {\n"
    for entry in keys.KEYS:
        if entry.scope == "job" and not entry.by and entry not in keys.OUTLIVE:
            yield f"  key.{entry.table}(ns),\n"
    yield "} end\n"
