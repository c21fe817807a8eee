"""Stories in text files, with what the system answered.

A story is steps of an input line, ``----``, the answer's lines and a blank line; lines that begin
with ``#`` are for the reader.  With ``--rewrite`` the answers are replaced by what the code says
now.  That diff is read like a colleague's: commit it only if you can say why each line changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_RULE = "----"


def play(story: Path, answer: Callable[[str], str], *, rewrite: bool) -> None:
    """Give each input of `story` to `answer`, and compare (or write down) what it says."""
    told = story.read_text()
    now = "\n".join(_retold(told.splitlines(), answer)) + "\n"
    if rewrite:
        story.write_text(now)
    else:
        assert now == told


def _retold(lines: list[str], answer: Callable[[str], str]) -> Iterator[str]:
    in_answer = False
    for number, line in enumerate(lines):
        if in_answer:
            in_answer = bool(line.strip())
            if in_answer:
                continue  # the old answer
        yield line
        if line == _RULE:
            yield from (answer(lines[number - 1]) or "(nothing)").splitlines()
            in_answer = True
