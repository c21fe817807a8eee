"""``loom run script.py::function --name value``: import the script, call the function, print.

The script is imported under its own name, not as ``__main__``: then its functions are found by
name in the workers too.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

_USAGE = 2


def main(path: str, name: str, arguments: list[str]) -> int:
    """Call it; the exit code."""
    script = Path(path).resolve()
    sys.path.insert(0, str(script.parent))
    sys.argv = [path, *arguments]
    function: Any = importlib.import_module(script.stem)
    for part in name.split("."):
        function = getattr(function, part, None)
    if not callable(function):
        return _complain(f"{path} has no function {name!r}")
    try:
        named = _named(arguments)
        inspect.signature(function).bind(**named)
    except (TypeError, ValueError) as error:
        return _complain(f"{name}: {error}; its arguments are {inspect.signature(function)}")
    if hasattr(function, "remote"):
        import hyperloom  # noqa: PLC0415 - the script has imported it

        result = hyperloom.get(function.remote(**named))
    else:
        result = function(**named)
    if result is not None:
        print(result)
    return 0


def _complain(what: str) -> int:
    print(f"loom: error: {what}", file=sys.stderr)
    return _USAGE


def _named(arguments: list[str]) -> dict[str, Any]:
    """``--name value`` and ``--name=value``; a name with nothing after it is true."""
    named: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            raise ValueError(f"{word!r} has no name; write --name {word}")
        key, equals, value = word[2:].partition("=")
        if not equals:
            value = rest.pop(0) if rest and not rest[0].startswith("--") else "True"
        named[key.replace("-", "_")] = _value(value)
    return named


def _value(text: str) -> Any:  # noqa: ANN401 - whatever it looks like
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


if __name__ == "__main__":
    sys.path.pop(0)  # "-m" put the current directory there
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
