"""``loom clean``: remove what sessions that ended have left."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

from hyperloom.cli import looking, words

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@click.command(name="clean")
@click.option("--all", "everything", is_flag=True, help="The logs and histories of all that ended.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def command(*, everything: bool, dry_run: bool, as_json: bool) -> int:
    """Remove what nodes of yours that ended have left on this machine: folders, shared memory.

    The logs and histories of the last five that `loom start` made are kept, unless --all is given.
    What runs is never touched, and neither is a --dir of yours.
    """
    from hyperloom.config import Config  # noqa: PLC0415
    from hyperloom.node import folder as folders  # noqa: PLC0415

    config = Config.load()
    gone = list(folders.ended(config, everything=everything))
    freed = sum(sum(_sizes(folder)) for folder in gone)
    for folder in gone:
        if not dry_run:
            shutil.rmtree(folder, ignore_errors=True)
        if not as_json:
            click.echo(f"{'would remove' if dry_run else 'removed'} {folder}")
    if as_json:
        looking.say_json({"removed": [*map(str, gone)], "bytes": freed, "dry_run": dry_run})
        return 0
    verb = "would be freed" if dry_run else "freed"
    click.echo(f"{words.size(freed)} {verb}" if gone else "there is nothing to remove")
    return 0


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path.stat().st_size
