"""Write the reference pages that are made from code.

Keys, lifecycles, transitions, errors and options are written down once, where the code uses them;
these pages are for people who read instead of running.  With ``--check`` nothing is written, and
a page that is out of date is a failure.

A page whose source does not exist yet is left out, and said so.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LUA = ROOT / "hyperloom" / "gcs" / "lua"

_REGISTERED = re.compile(r"^transition\('(\w+)'", re.MULTILINE)
_FLAGS = re.compile(r"^transition\('\w+', (\w+)", re.MULTILINE)
_FLAGS_MEAN = {
    "DRAINS": "frees memory, and so is allowed when the server is full",
    "FILLS": "takes memory, and so is refused when the server is full",
    "READS": "writes nothing",
}


@dataclass(frozen=True, slots=True)
class Contract:
    """The header of one Lua transition, and what the file really registers."""

    path: Path
    signature: str
    prose: str
    refuses: str
    writes: str
    registered: tuple[str, ...]
    flags: str

    @property
    def name(self) -> str:
        """The name that the path promises: ``task/finish.lua`` is task_finish."""
        return f"{self.path.parent.name}_{self.path.stem}"


def contracts() -> list[Contract]:
    """Of every transition; a file that begins with ``_`` holds steps that several share."""
    return [read_contract(path) for path in sorted(LUA.glob("*/[!_]*.lua"))]


def read_contract(path: Path) -> Contract:
    """Take the header of `path` apart; what is missing in it is empty."""
    text = path.read_text()
    header = [line[2:] for line in _leading_comment(text)]
    paragraphs = [p for p in "\n".join(header).split("\n\n") if p.strip()]
    labelled = {"Refuses": "", "Writes": ""}
    prose = []
    for paragraph in paragraphs[1:]:
        found = re.findall(
            r"^ (Refuses|Writes):\s+(.*(?:\n {2,}.*)*)", paragraph, flags=re.MULTILINE
        )
        labelled |= {label: _joined(value) for label, value in found}
        if not found:
            prose.append(inspect.cleandoc(paragraph))
    flags = _FLAGS.search(text)
    return Contract(
        path=path,
        signature=_joined(paragraphs[0]) if paragraphs else "",
        prose="\n\n".join(prose),
        refuses=labelled["Refuses"],
        writes=labelled["Writes"],
        registered=tuple(_REGISTERED.findall(text)),
        flags=flags[1] if flags else "",
    )


def _leading_comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if not line.startswith("--"):
            return
        yield line.rstrip()


def _joined(text: str) -> str:
    return " ".join(text.split())


def redis_keys() -> Iterator[str]:
    """One row for each family of keys."""
    yield "# Redis keys\n"
    yield "| key | type | holds |"
    yield "|---|---|---|"
    keys = _module("hyperloom.gcs.keys")
    for key in keys.KEYS:
        namespace = keys.CLUSTER if key.scope == "cluster" else "{loom:<job>}"
        name = key.name(namespace, *(f"<{by}>".encode() for by in key.by)).decode()
        yield f"| `{name}` | {key.type} | {_cell(key.holds)} |"


def lifecycles() -> Iterator[str]:
    """A diagram and a table for each lifecycle."""
    yield "# Lifecycles\n"
    for life in _module("hyperloom.gcs.lifecycles").LIFECYCLES:
        yield f"## {life.name}\n\n```mermaid\nstateDiagram-v2"
        yield f"    [*] --> {life.born}"
        for verb, move in life.moves.items():
            yield from (f"    {start} --> {move.end}: {verb}" for start in sorted(move.start))
        yield "```\n\n| move | from | to | when |\n|---|---|---|---|"
        for verb, move in life.moves.items():
            yield f"| {verb} | {', '.join(sorted(move.start))} | {move.end} | {_cell(move.why)} |"
        yield "\n| state | is found in |\n|---|---|"
        for state, tables in life.found.items():
            yield f"| {state} | {tables} |"
        yield ""


def transitions() -> Iterator[str]:
    """The contract of each transition, as its file states it."""
    yield "# Transitions\n"
    yield "The only ways in which cluster state changes: each is one atomic function, called as"
    yield "`FCALL loom_<name> 1 <namespace> <arguments>`. See `hyperloom/gcs/lua/`.\n"
    for contract in contracts():
        yield f"## {contract.name}\n\n```\n{contract.signature}\n```\n\n{contract.prose}\n"
        yield f"- **Refuses:** {contract.refuses}"
        yield f"- **Writes:** {contract.writes}"
        if contract.flags in _FLAGS_MEAN:
            yield f"- **Memory:** {_FLAGS_MEAN[contract.flags]}."
        yield ""


def errors() -> Iterator[str]:
    """The tree of exceptions, each with its docstring."""
    yield "# Errors\n"
    yield "Everything raised on purpose is a `hyperloom.errors.LoomError`.\n"
    yield from _subtree(_module("hyperloom.errors").LoomError, 0)


def _subtree(cls: type[object], depth: int) -> Iterator[str]:
    if getattr(_module("hyperloom.errors"), cls.__name__, None) is not cls:
        return  # made at run time from a user's own exception
    yield f"{'  ' * depth}- **`{cls.__name__}`**"
    margin = "  " * (depth + 1)
    for line in (inspect.getdoc(cls) or "").splitlines():
        yield f"{margin}{line}".rstrip()
    for below in cls.__subclasses__():
        yield from _subtree(below, depth + 1)


def options() -> Iterator[str]:
    """One row for each option."""
    yield "# Options\n"
    yield "Given to `loom.init()` or `loom start` where they have a parameter for it, else taken"
    yield "from the environment when a process starts. Bytes may be written `256KiB`, `2GiB`.\n"
    yield "| variable | default | unit | may be | |"
    yield "|---|---|---|---|---|"
    for o in _module("hyperloom.config").OPTIONS:
        default = "" if o.default == "" else f"`{o.default}`"
        row = (f"`{o.variable}`", default, o.unit, o.allowed(), o.sentence)
        yield "| " + " | ".join(map(_cell, row)) + " |"


def command_line() -> Iterator[str]:
    """The help of each command, as a person sees it."""
    import click  # noqa: PLC0415 - the other pages need none

    main = _module("hyperloom.cli.main")
    yield "# The command line\n"
    yield "Also as `python -m hyperloom`. A message that something went wrong is one sentence on"
    yield "stderr, and says what to do; `NO_COLOR` is heeded.\n"
    wide: dict[str, Any] = {"max_content_width": 96, "terminal_width": 96}
    with click.Context(main.cli, info_name="loom", **wide) as top:
        yield f"```text\n{main.cli.get_help(top)}\n```\n"
        for name in main.COMMANDS:
            command = main.cli.get_command(top, name)
            with click.Context(command, info_name=name, parent=top, **wide) as context:
                yield f"## loom {name}\n\n```text\n{command.get_help(context)}\n```\n".replace(
                    "\b\n", ""
                )


def _cell(text: str) -> str:
    return _joined(text).replace("|", "\\|")


def _module(name: str) -> Any:  # noqa: ANN401 - tables of other modules, read by shape
    return importlib.import_module(name)


@dataclass(frozen=True, slots=True)
class Page:
    """A generated page: where it goes, what it is made from, and by what."""

    path: str
    source: str
    lines: Callable[[], Iterator[str]]

    def is_possible(self) -> bool:
        """Whether its source is there."""
        return (ROOT / self.source).exists()

    def text(self) -> str:
        """What the page should say."""
        warning = f"<!-- Made by scripts/generate_docs.py from {self.source}. Do not edit. -->\n"
        return warning + "\n" + "\n".join(self.lines()).rstrip("\n") + "\n"


PAGES = (
    Page("protocols/redis-keys.md", "hyperloom/gcs/keys.py", redis_keys),
    Page("protocols/lifecycles.md", "hyperloom/gcs/lifecycles.py", lifecycles),
    Page("protocols/transitions.md", "hyperloom/gcs/lua", transitions),
    Page("reference/errors.md", "hyperloom/errors", errors),
    Page("reference/config.md", "hyperloom/config.py", options),
    Page("reference/cli.md", "hyperloom/cli", command_line),
)


def main(arguments: list[str]) -> int:
    """Write what is out of date, or with ``--check`` complain about it."""
    check = "--check" in arguments
    stale = 0
    for page in PAGES:
        if not page.is_possible():
            print(f"docs/{page.path}: left out, there is no {page.source} yet")
            continue
        path, text = DOCS / page.path, page.text()
        if path.exists() and path.read_text() == text:
            continue
        stale += 1
        if check:
            print(f"docs/{page.path} is out of date: run python scripts/generate_docs.py")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"docs/{page.path}: written")
    return int(check and stale > 0)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))  # this checkout's code, whatever is installed
    sys.exit(main(sys.argv[1:]))
