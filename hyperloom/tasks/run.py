"""`run`: the builder of tasks that run external programs."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any

from hyperloom import data
from hyperloom.tasks import command, programs
from hyperloom.tasks.builder import (
    Builder,
    DataFunction,
    input_of,
    one_place,
    options_of,
    whole_number,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from hyperloom.core.bound import BoundTask

SYMBOL = "loom/run/run"
_CPU1: Mapping[str, Any] = {"num_cpus": 1}


@Builder
def run(  # noqa: PLR0913 - what there is to say of a program
    args: str | Sequence[str | os.PathLike[str]],
    inputs: command.Targets = (),
    outputs: command.Outputs = (None,),
    stdin: object | None = None,
    *,
    env: Mapping[str, str | None] | None = None,
    pin: bool | Sequence[int] = False,
    request: Mapping[str, Any] = _CPU1,
) -> BoundTask[Any]:
    """Run a program, without a shell, in a fresh folder that is removed when it has ended.

        tasks.run("sort -n", stdin=numbers)
        tasks.run(["train", "$rate", "data.csv", "-o", "model"],
                  {"$rate": "0.1", "data.csv": table}, outputs=["model"])

    Exactly one output is a `Plain`, several are an `Array` of them, in their order.

    Args:
        args: the program and its arguments: a text, which is split like a shell's words, or a
            sequence, which is taken as it is.
        inputs: what it gets: names and values, or pairs of a value and a name.  A name is one of a
            file in its folder, maybe in a folder therein; ``"$x"`` stands for a whole argument;
            None is its standard input.  Values are bound tasks, refs, bytes, text, files; those of
            variables may be numbers too, also as results of tasks.
        outputs: what it makes: names of files; None is its standard output,
            `hyperloom.tasks.STDERR` its standard error.  As a mapping from names to absolute paths,
            the files stay there, and the results are `hyperloom.data.File`s: they are renamed, and
            not copied.
        stdin: its standard input; nothing if not given.
        env: variables of its environment besides the worker's; None takes one away.
        pin: run on as many CPUs as the task asks for and on no others, or on these.
        request: options of the task, such as ``tasks.cpus(4)`` or ``{"timeout_s": 60}``.

    Raises:
        TypeError: something is of the wrong kind.
        ValueError: no program is named; a name leads out of the folder, is there twice or is an
            input's and an output's; no argument is the variable; outputs stay somewhere, and an
            input is scattered.
    """
    words = command.words(args)
    options = options_of(request)
    taken = command.targets(inputs, stdin, words)
    names, kept = command.outputs(outputs, [name for name, _ in taken])
    said = command.Command(
        args=words,
        targets=tuple(name for name, _ in taken),
        outputs=names,
        kept=kept,
        env=_environment(env),
        pin=_pin(pin),
    )
    values = [_input(name, value) for name, value in taken]
    if any(kept):
        one_place(next(filter(None, kept)), values, f"run {said.program}")
    return _task_of(_key(options)).bind(said, *values).named(f"run {said.program}")


def _pin(pin: bool | Sequence[int]) -> bool | tuple[int, ...]:  # noqa: FBT001 - the option
    if isinstance(pin, bool):
        return pin
    if not isinstance(pin, Iterable):
        raise TypeError(f"run: pin={pin!r:.100} cannot be: it is True, or numbers of CPUs: [0, 1]")
    numbers = tuple(whole_number(cpu, "a CPU of pin") for cpu in pin)
    if not numbers or min(numbers) < 0:
        raise ValueError(f"run: pin={pin!r} cannot be: it is True, or numbers of CPUs")
    return numbers


def _input(name: str, value: object) -> object:
    if name.startswith("$"):
        held = value.unwrap() if isinstance(value, data.PyObj) else value
        said = command.argument(held)
        value = value if said is None else said
    made = input_of(value)
    if isinstance(made, data.Data) and not isinstance(made, data.DObject):
        raise TypeError(f"run: input {command.wanted(name)}, not {value!r:.100}")
    return made


def _environment(env: Mapping[str, str | None] | None) -> tuple[tuple[str, str | None], ...]:
    if not isinstance(env, (Mapping, NoneType)):
        raise TypeError(f"run: env is a mapping from names to text, not {env!r:.100}")
    found = tuple((env or {}).items())
    for name, value in found:
        if not isinstance(name, str) or not name or set("=\0") & set(name):
            raise ValueError(f"run: {name!r} cannot be the name of a variable of the environment")
        if not (value is None or (isinstance(value, str) and "\0" not in value)):
            raise TypeError(f"run: env[{name!r}] is text, or None, not {value!r:.100}")
    return found


def _key(request: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    return tuple(sorted((name, _hashable(value)) for name, value in request.items()))


def _hashable(value: Any) -> Any:  # noqa: ANN401 - an option's
    if isinstance(value, dict):
        return _Amounts(value.items())
    return tuple(value) if isinstance(value, list) else value


class _Amounts(tuple[tuple[str, float], ...]):
    """What was a mapping."""

    __slots__ = ()


@functools.lru_cache(maxsize=64)  # packing the function is what a task of another kind costs
def _task_of(request: tuple[tuple[str, Any], ...]) -> DataFunction[Any]:
    options = {
        name: dict(value) if isinstance(value, _Amounts) else value for name, value in request
    }
    task = DataFunction[Any](SYMBOL, programs.run, options)
    task.one_by_one = False  # each input has a name
    return task
