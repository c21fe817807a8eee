"""The demo's command line: options, the order of events, the exit code.

Exit codes: 0 the answer is right (or was not to be checked), 1 it is not, 2 there was nothing
to count or nothing to run it on, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import hyperloom as loom
from hyperloom.demo import corpus, pipeline, plain, report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from hyperloom.demo.postings import Entries

# Asked of the index: words that every Python installation has, and not too often.
QUESTIONS = (b"lambda", b"yield", b"asyncio", b"deepcopy", b"heapq", b"Decimal", b"subprocess")

RIGHT, WRONG, NOTHING, INTERRUPTED = 0, 1, 2, 130


def run(argv: Sequence[str] | None) -> int:
    """See `hyperloom.demo.main`."""
    options = _parser().parse_args(argv)
    out = report.console()
    options.folders = options.folders or corpus.python_folders()
    files = corpus.find_files(options.folders)[: options.files]
    if not files:
        _complain("no readable .py files there")
        return NOTHING
    try:
        return _run(options, out, files)
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED
    except (loom.errors.NotConnected, loom.errors.ControlPlaneLost) as error:
        _complain(str(error))
        return NOTHING


def _complain(what: str) -> None:
    sys.stderr.write(f"loom demo: {what}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="loom demo",
        description="An inverted index of all Python files of this installation: counted in "
        "batches, shuffled, merged, and compared with a plain count.",
    )
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="index these instead")
    parser.add_argument("--files", type=_positive, metavar="N", help="only the first N files")
    parser.add_argument(
        "--partitions", type=_positive, default=8, metavar="N", help="merge tasks (default: 8)"
    )
    parser.add_argument("--address", help="a cluster to run on; else as `loom.init()` decides")
    parser.add_argument(
        "--check",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="compare with a plain count in one process (default)",
    )
    parser.add_argument("--quiet", action="store_true", help="one line")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return number


def _run(options: argparse.Namespace, out: Console, files: Sequence[str]) -> int:
    if not options.quiet:
        report.show_start(out, len(files))
    started = time.perf_counter()
    with loom.init(options.address):
        cpus = loom.cluster_resources()["CPU"]
        if not options.quiet:
            report.show_node(out, cpus, time.perf_counter() - started)
        started = time.perf_counter()
        with report.Bars(out, len(files), options.partitions, show=not options.quiet) as bars:
            index = pipeline.build(files, options.partitions, bars)
        timing = report.Timing(time.perf_counter() - started, cpus)
        if not options.quiet:
            places = [corpus.place(path, options.folders) for path in files]
            report.show_answer(out, index, places, _sample(index))
        wrong: list[str] = []
        if options.check:
            with report.waiting(out, "the same in one plain process …", show=not options.quiet):
                started = time.perf_counter()
                truth, top = plain.build(files)
                timing = replace(timing, plain_s=time.perf_counter() - started)
                wrong = plain.differences(index, truth, top)
        if not options.quiet:
            report.show_speed(out, index, timing)
        report.show_verdict(out, index, timing, wrong)
    return WRONG if wrong else RIGHT


def _sample(index: pipeline.Index) -> dict[bytes, Entries]:
    answers = pipeline.ask(index, QUESTIONS)
    found = {token: entries for token, entries in answers.items() if entries}
    return found or pipeline.ask(index, [token for _, token in index.totals.top])
