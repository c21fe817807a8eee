"""How a command tells that it failed: a sentence for people, with ``--json`` an object, on stderr.

The rule: the object is the last line there, and stdout has nothing but what was asked for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


def asked_for_json(group: click.Group, arguments: Sequence[str]) -> str:
    """The command of which this line, which may be wrong, asks for JSON; "" if of none."""
    ours = list(arguments)
    if "--" in ours:
        ours = ours[: ours.index("--")]
    if "--json" not in ours:
        return ""
    found: click.Command | None = group
    names = []
    for word in ours:
        if isinstance(found, click.Group) and not word.startswith("-"):
            found = found.get_command(click.Context(found), word)
            names.append(word)
    has = found is not None and any(each.name == "as_json" for each in found.params)
    return " ".join(names) if has else ""


def say(error: click.ClickException, as_json_of: str) -> None:
    """Tell it: for programs, if this is the name of a command."""
    if not as_json_of:
        error.show()
        return
    hint = getattr(error, "hint", "")
    if isinstance(error, click.UsageError):
        hint = f"loom {as_json_of} --help"
    told = {
        "error": error.format_message(), "kind": type(error.__cause__ or error).__name__,
        "hint": hint, "exit_code": error.exit_code,
    }  # fmt: skip
    click.echo(json.dumps(told), err=True)


class Interrupted(click.ClickException):
    """By Ctrl-C."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("interrupted")

    def show(self, file: object = None) -> None:
        """For people."""
        del file
        click.echo("loom: interrupted", err=True)
