"""A type of data objects: rows that travel as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hyperloom import data

if TYPE_CHECKING:
    from collections.abc import Sequence


class Table(data.Extension, symbol="lab/table"):
    """Rows of bytes; its length is their number."""

    def __init__(self, rows: Sequence[bytes]) -> None:
        super().__init__(length=len(rows))
        self.rows = list(rows)

    def parts(self) -> list[bytes]:
        """What travels."""
        return self.rows

    def restore(self, parts: Sequence[memoryview]) -> None:
        """From what arrived."""
        self.rows = [bytes(part) for part in parts]

    def gathered(self) -> list[bytes]:
        """What ``loom.get`` gives."""
        rows: list[bytes] = self.contents.rows
        return rows


def first_rows(table: Table, number: int) -> Table:
    """A task, ``lab/first_rows``: so many of its rows."""
    return Table(table.contents.rows[:number])
