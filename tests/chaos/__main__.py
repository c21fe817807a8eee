"""``python -m tests.chaos [ROW…] [--times N] [--seed S]``: rows of the catalogue, N rounds each.

Prints a table, and exits with 1 when a row did not pass.  See docs/guide/reliability.md.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tests.chaos import network
from tests.chaos.playing import play
from tests.chaos.rows import ROWS

if TYPE_CHECKING:
    from tests.chaos.oracle import Account
    from tests.chaos.playing import Row

_HEAD = "| row | what is done | rounds | accepted | lost | wrong | twice | left | figures | pass |"


def main() -> int:
    """Run them; the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__)
    parser.add_argument("rows", nargs="*", type=int, help="all, if none is named")
    parser.add_argument("--times", type=int, help="rounds of each row; else as in the catalogue")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    unknown = set(given.rows) - {row.number for row in ROWS}
    if unknown:
        parser.error(f"no rows {sorted(unknown)}; there are {[row.number for row in ROWS]}")
    _print(f"{_HEAD}\n|{'---|' * 10}")
    passed = True
    for row in ROWS:
        if not given.rows or row.number in given.rows:
            account = play(row, given.times or row.times, given.seed)
            passed = passed and account.passes
            _print(_line(row, account))
    if network.CUT:
        cut = ", ".join(f"{name} {number}" for name, number in sorted(network.CUT.items()))
        _print(f"\n{network.CUT.total()} calls were cut off: {cut}")
    return not passed


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _line(row: Row, a: Account) -> str:
    left = "; ".join(a.left) or "0"
    verdict = "yes" if a.passes else "NO"
    if a.skipped:
        verdict = f"{verdict}, but skipped: {a.skipped}" if a.rounds else f"skipped: {a.skipped}"
    cells = (row.number, row.what, a.rounds, a.accepted, a.lost, a.wrong, a.twice, left,
             _figures(row, a), verdict)  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


def _figures(row: Row, a: Account) -> str:
    def shown(figure: str, value: float) -> str:
        limit = f" (of {row.most[figure]:g})" if figure in row.most else ""
        return f"{figure}: {value:.3g}{limit}"

    return "; ".join(shown(figure, value) for figure, value in sorted(a.figures.items()))


if __name__ == "__main__":
    sys.exit(main())
