"""``loom demo``: a real pipeline on the Python files of this machine."""

from __future__ import annotations

import importlib

import click


@click.command(
    name="demo",
    add_help_option=False,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(*, arguments: tuple[str, ...]) -> int:
    """Index all Python files of this machine, and check the answer.

    Its own options: loom demo --help.
    """
    code: int = importlib.import_module("hyperloom.demo").main(list(arguments))
    return code
