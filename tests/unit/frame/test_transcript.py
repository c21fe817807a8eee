"""Stories are compared, and rewritten when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.transcript import play

if TYPE_CHECKING:
    from pathlib import Path

STORY = """\
# A greeting, and what comes of it.

hello
----
HELLO
olleh

nothing
----
(nothing)
"""


def echo(line: str) -> str:
    return "" if line == "nothing" else f"{line.upper()}\n{line[::-1]}"


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(STORY)
    return path


def test_a_story_that_is_still_true_passes(story: Path) -> None:
    play(story, echo, rewrite=False)


def test_a_story_that_is_no_longer_true_fails(story: Path) -> None:
    with pytest.raises(AssertionError, match="OLLEH"):
        play(story, lambda line: echo(line).upper(), rewrite=False)
    assert story.read_text() == STORY


def test_a_story_is_told_anew_when_asked(story: Path) -> None:
    play(story, lambda line: f"{line}\nand\nmore", rewrite=True)
    assert story.read_text() == (
        "# A greeting, and what comes of it.\n\nhello\n----\nhello\nand\nmore\n\n"
        "nothing\n----\nnothing\nand\nmore\n"
    )
    play(story, lambda line: f"{line}\nand\nmore", rewrite=False)
