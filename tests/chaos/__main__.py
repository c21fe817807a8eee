"""``python -m tests.chaos [ROW…] [--times N] [--seed S]``: rows of the catalogue, N rounds each.

Prints a table, and exits with 1 when a row did not pass.  See docs/guide/reliability.md.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from random import Random

from tests.chaos.oracle import Account
from tests.chaos.rows import ROWS, Row

_HEAD = "| row | what is done | rounds | accepted | lost | wrong | twice | left | worst s | pass |"


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
            account = _play(row, given.times or row.times, given.seed)
            passed = passed and account.passes
            _print(_line(row, account))
    return not passed


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _play(row: Row, times: int, seed: int) -> Account:
    account = Account()
    for number in range(times):
        try:
            account.add(row.play(Random(f"{seed}, {row.number}, {number}")))
        except BaseException as error:  # a failed wait is none of Exception's
            if isinstance(error, KeyboardInterrupt):
                raise
            traceback.print_exc()
            account.left.append(f"round {number}: {error!r:.150}")
        if account.skipped:
            break
    if account.slowest_s > row.most_s:
        account.left.append(f"it took longer than {row.most_s:g} s")
    return account


def _line(row: Row, a: Account) -> str:
    left = "; ".join(a.left) or "0"
    verdict = f"skipped: {a.skipped}" if a.skipped else "yes" if a.passes else "NO"
    cells = (row.number, row.what, a.rounds, a.accepted, a.lost, a.wrong, a.twice, left,
             f"{a.slowest_s:.1f}", verdict)  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
