"""``python -m benchmarks [rows...]``: measure, show, and fail if a promise was not kept."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import page, ray_rows, report
from benchmarks.harness import WrongResult
from benchmarks.machine import Machine
from benchmarks.peers import FOREIGN
from benchmarks.rows import ROWS
from benchmarks.running import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.harness import Figure


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when all was kept, 1 after a missed promise or a wrong result."""
    options = _options(arguments)
    if options.page:
        page.write(options.page)
        return 0
    scale = "quick" if options.quick else "full"
    machine = Machine.here()
    print(f"{machine.sentence()}; {scale}\n")
    if options.rows == ["ray-rows"]:
        ray_rows.run(scale, options.json, machine)
        return 0
    figures: list[Figure] = []
    wrong = []
    for bench, run in rows_of(options.rows or list(ROWS), scale, options.peer):
        print(f"{bench.row} …", end="\r", file=sys.stderr)
        try:
            run(bench)
        except WrongResult as error:
            wrong.append(f"{bench.row}: {error}")
        figures += bench.figures
        if options.json:  # after each row: a long run that is interrupted is not lost
            report.save(options.json, machine, scale, figures)
    report.show(figures)
    for each in wrong:
        print(f"WRONG RESULT  {each}", file=sys.stderr)
    return 1 if wrong or any(figure.passed is False for figure in figures) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measure HyperLoom beside what else there is, on this machine, now.",
        epilog=f"rows: {', '.join(ROWS)}; or ray-rows: the microbenchmarks of Ray, by its names",
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="which (default: all)")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, smaller amounts")
    parser.add_argument("--json", type=Path, metavar="FILE", help="save all figures there")
    parser.add_argument(
        "--peer", action="append", default=[], choices=FOREIGN, help="if it is installed"
    )
    parser.add_argument(
        "--page", type=Path, metavar="FILE", nargs="+", dest="page",
        help="measure nothing: write docs/performance.md from saved figures (the later wins)",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    unknown = [row for row in options.rows if row not in ROWS and row != "ray-rows"]
    if unknown or ("ray-rows" in options.rows and len(options.rows) > 1):
        parser.error(f"no such row: {', '.join(unknown) or 'ray-rows stands alone'}")
    return options


if __name__ == "__main__":
    sys.exit(main())
