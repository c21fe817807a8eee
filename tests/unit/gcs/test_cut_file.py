"""A server's file is cut: it has what had been answered when the file was so large, and goes on."""

from __future__ import annotations

import os
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest

from tests import servers
from tests.chaos.truncation import KINDS, Answered, Story

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SERVERS = [kind for kind in servers.KINDS if servers.binary(kind)]


def cuts(choose: Random, story: Story) -> list[int]:
    """Where an answer ends, a byte beside it, and inside of what one call has written."""
    written = [(a.size, b.size) for a, b in pairwise(story.answered[1:]) if b.size > a.size]
    assert len(written) > 20, "it was hardly ever known what is on the disk"
    found = []
    for begin, end in choose.sample(written, 3):
        found += [begin, end - 1, choose.randint(begin + 1, end - 1)]
    return [*found, story.size, choose.randrange(story.begins_at)]


@pytest.mark.parametrize("kind", SERVERS)
@pytest.mark.parametrize("durability", KINDS)
def test_what_was_answered_before_the_cut_is_there(
    durability: str, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    choose = Random(request.config.getoption("randomly_seed", 1))
    folder = _short(tmp_path)
    story = Story(choose, folder, durability, kind)
    for size in cuts(choose, story):
        account = story.cut(folder, size)
        assert account.passes, f"cut at byte {size} of {story.size}: {account}"
        if size > story.answered[-1].size:
            assert account.accepted == len(story.submitted)


def test_what_is_missing_is_seen(tmp_path: Path) -> None:
    """The file lacks what was answered: tasks that are lost, results that are, and run twice."""
    folder = _short(tmp_path)
    story = Story(Random(1), folder, "always", "embedded")
    at = next(each for each in story.answered if each.finished > 5)
    assert story.cut(folder, at.size).passes
    story.answered = [Answered(0, len(story.submitted), len(story.finished))]
    account = story.cut(folder, at.size)
    assert account.lost == len(story.submitted) - at.submitted
    assert account.wrong == len(story.finished) - at.finished
    assert account.twice > 0


def _short(folder: Path) -> Path:
    """A path that a socket in it may have: pytest's are too long."""
    here = folder / "d"
    here.mkdir()
    assert len(os.fsencode(here / "s")) < 108
    return here
