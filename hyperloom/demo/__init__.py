"""`loom demo`: an inverted index of every Python file on this machine, checked.

    corpus     the files, read into texts in shared memory
    pipeline   the tasks: count, shuffle, merge; what a newcomer should read
    postings   a piece of the index, packed for the way
    plain      the same without HyperLoom, in one process, to compare with
    report     what is shown while it runs and afterwards

The rule: only the public API is used, as any user's program would.
"""

from __future__ import annotations


def main(argv: list[str] | None = None) -> int:
    """Run the demo; the exit code: 0 when the answer is right."""
    # Imported late: workers import this package too, and need no command line.
    from hyperloom.demo.command import run  # noqa: PLC0415

    return run(argv)
