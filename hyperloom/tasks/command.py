"""What `tasks.run` is told, checked and in its plain form.  Pure.

The rule: names of files are relative and stay inside of the folder that the program runs in; bad
input is refused here, before anything is submitted.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import PurePosixPath
from typing import Any

from hyperloom.data.files import is_url

STDERR = "+err"
"""Among `outputs`: what the program writes to its standard error."""

STDOUT = "+out"
STDIN = "+in"

_TEXT: tuple[type[object], ...] = (str, bytes)  # many things, and yet none
Targets = Sequence[tuple[object, str | None]] | Mapping[str, object]
Outputs = Sequence[str | None] | Mapping[str, "str | os.PathLike[str]"]


@dataclass(frozen=True, slots=True)
class Command:
    """A program's run.  `targets` say what each input is, in their order."""

    args: tuple[str, ...]
    targets: tuple[str, ...]  # +in, $name or the name of a file
    outputs: tuple[str, ...]  # +out, +err or the name of a file
    kept: tuple[str, ...]  # where each output is to stay; empty: its bytes are the result
    env: tuple[tuple[str, str | None], ...] = ()
    pin: bool | tuple[int, ...] = False  # to as many CPUs as its task asks for, or to these

    @property
    def program(self) -> str:
        """Its name, for people."""
        return os.path.basename(self.args[0])  # noqa: PTH119 - no path of ours


def words(args: str | Sequence[str | os.PathLike[str]]) -> tuple[str, ...]:
    """The arguments: text is split as a shell would, without doing anything else that one does.

    Raises:
        ValueError: there are none, or a quote is not closed.
        TypeError: one is no text.
    """
    if isinstance(args, str):
        try:
            found = shlex.split(args)
        except ValueError as error:
            raise ValueError(f"run: {args!r} cannot be split: {error}") from None
    elif isinstance(args, (bytes, os.PathLike)) or not isinstance(args, Iterable):
        raise TypeError(f"run: args are text or a sequence of texts, not {args!r:.100}")
    else:
        found = [_text(value, f"argument {number}") for number, value in enumerate(args)]
    if not found or not found[0]:
        raise ValueError("run: no program is named: args are empty")
    return tuple(found)


def _text(value: object, what: str) -> str:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if not isinstance(value, str):
        raise TypeError(f"run: {what} is text, not {value!r:.100}; write str(…)")
    if "\0" in value:
        raise ValueError(f"run: {what} has a zero byte in it: {value!r:.100}")
    return value


def targets(
    inputs: Targets, stdin: object | None, args: tuple[str, ...]
) -> list[tuple[str, object]]:
    """What each input is, and its value.

    Raises:
        TypeError: it is not said what an input is.
        ValueError: a name leads out of the folder, is there twice, or no argument has it.
    """
    pairs: list[tuple[Any, object]]
    if isinstance(inputs, Mapping):
        pairs = list(inputs.items())
    elif not isinstance(inputs, Iterable) or isinstance(inputs, _TEXT):
        raise TypeError(
            f"run: inputs are names and values, as in {{'in.txt': text}}, not {inputs!r:.100}"
        )
    else:
        pairs = [(target, value) for value, target in map(_pair, inputs)]
    if stdin is not None:
        pairs.append((None, stdin))
    found: dict[str, object] = {}
    for target, value in pairs:
        name = STDIN if target is None else _text(target, "the name of an input")
        if name.startswith("$"):
            if name not in args:
                raise ValueError(
                    f"run: no argument is {name!r}: a variable stands for a whole argument, as in "
                    f"run([{args[0]!r}, {name!r}], …)"
                )
        elif target is not None:
            name = inside(name)
        if name in found:
            what = "stdin" if name == STDIN else repr(name)
            raise ValueError(f"run: there are two inputs for {what}")
        found[name] = value
    _no_folders(found)
    return list(found.items())


def _pair(item: object) -> tuple[object, object]:
    if not isinstance(item, (tuple, list)) or len(item) != 2:  # noqa: PLR2004 - a pair
        raise TypeError(
            f"run: an input is a value and what it is for, as in (text, 'in.txt') or (text, '$x'), "
            f"not {item!r:.100}"
        )
    return item[0], item[1]


def outputs(asked: Outputs, taken: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The outputs, and where each of them is to stay.

    Raises:
        TypeError: it is one, and not several.
        ValueError: a name leads out of the folder, is there twice, or is an input's.
    """
    if isinstance(asked, (str, bytes, os.PathLike)) or not isinstance(asked, Iterable):
        raise TypeError(f"run: outputs are several: write [{asked!r:.50}]")
    kept = dict(asked) if isinstance(asked, Mapping) else dict.fromkeys(asked, "")
    if len(kept) != len(list(asked)):
        raise ValueError(f"run: an output is there twice: {list(asked)!r:.200}")
    inputs, found = set(taken), {}
    for output, place in kept.items():
        if output is None or output == STDERR:
            name = output or STDOUT
        else:
            name = inside(_text(output, "the name of an output"))
        if name in inputs:
            raise ValueError(
                f"run: {name!r} is an input and an output; inputs are not changed: have the "
                "program write to another name"
            )
        found[name] = _place(place, name)
    _no_folders({**found, **dict.fromkeys(inputs)})
    return tuple(found), tuple(found.values())


def _place(place: object, name: str) -> str:
    if place == "":
        return ""
    where = _text(place, f"where output {name!r} stays")
    if is_url(where) or not os.path.isabs(where):  # noqa: PTH117 - text
        raise ValueError(
            f"run: output {name!r} is to stay at {where!r}: that is the absolute path of a file, "
            "on a file system that all nodes see"
        )
    return where


def inside(name: str) -> str:
    """The name of a file in the program's folder, in its one form.

    Raises:
        ValueError: it leads out of it, or is none.
    """
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or path == PurePosixPath("."):
        raise ValueError(
            f"run: {name!r} is no name of a file in the program's own folder: it is relative, and "
            "leads nowhere else"
        )
    if name.startswith("+"):
        raise ValueError(f"run: {name!r}: names that begin with + mean something else")
    return str(path)


def _no_folders(names: Iterable[str]) -> None:
    files = {name for name in names if name[:1] not in "+$"}
    for name in files:
        for parent in PurePosixPath(name).parents:
            if str(parent) in files:
                raise ValueError(f"run: {str(parent)!r} cannot be a file and have {name!r} in it")


def argument(value: object) -> bytes | None:
    """What a variable of this value is as an argument; None: it can be none."""
    if isinstance(value, (str, bytes, os.PathLike)):
        return os.fsencode(value)
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return str(value).encode() if is_number else None


def wanted(name: str) -> str:
    """What may be the value of this input, for people."""
    numbers = " or a number" if name.startswith("$") else ""
    named = "stdin" if name == STDIN else repr(name)
    return f"{named} is bytes, text{', a file' if numbers else ' or a file'}{numbers}"


def variables(args: Iterable[str], values: Mapping[str, str]) -> list[str]:
    """The arguments, with a value for each that is the name of a variable as a whole."""
    return [values.get(arg, arg) for arg in args]
