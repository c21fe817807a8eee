"""What a worker has begun, as its raylet reads it."""

from __future__ import annotations

import os

from hyperloom.core.tally import GROUPS_MOST, Tally, groups_of, open_tally, tasks_of


def test_the_other_side_reads_what_was_begun() -> None:
    descriptor, memory = open_tally()
    tally = Tally(descriptor)
    os.close(descriptor)
    assert (tasks_of(memory), groups_of(memory)) == (0, ())
    for _ in range(300):
        tally.begin()
    tally.begin_in(1, 256)
    tally.begin_in(0, 3)
    tally.begin_in(0, 2)  # by another thread, later
    assert (tasks_of(memory), groups_of(memory)) == (300, (3, 256))
    tally.begin_in(GROUPS_MOST, 1)
    assert len(groups_of(memory)) == GROUPS_MOST + 1
    memory.close()
