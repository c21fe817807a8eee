"""The rows of the catalogue that have a long form, and how many rounds make a full one."""

from __future__ import annotations

from tests.chaos import (
    actor_deaths,
    drivers,
    forgetting,
    network,
    partitions,
    pauses,
    processes,
    raylets,
    server,
    server_killed,
    sizes,
    tasks,
    truncation,
    workers,
)
from tests.chaos.oracle import (
    ANSWERS,
    BACK,
    CANCELLED,
    DISTURBED,
    ELSEWHERE,
    ENDED,
    EXTRA,
    FETCHED,
    HEALED,
    HEARD,
    ORPHANS,
    RECOVERED,
    SLOT,
    SUBMIT,
)
from tests.chaos.playing import Row

LEASE_S = float(processes.LEASE["LOOM_LEASE_S"])

ROWS = [
    Row(1, 50, workers.row_1, {EXTRA: 1, SLOT: 1}, workers.KINDS),
    Row(
        2, 50, raylets.row_2, {ELSEWHERE: LEASE_S + 2, ORPHANS: 2}, raylets.KINDS,
        only={ELSEWHERE: raylets.REQUEUED},
    ),
    Row(
        3, 50, drivers.row_3, {CANCELLED: LEASE_S + 2}, drivers.KINDS,
        only={CANCELLED: drivers.OF_ITS_OWN},
    ),
    Row(4, 50, processes.row_4, {ANSWERS: 3, DISTURBED: 0}),
    Row(5, 30, server_killed.row_5, {ANSWERS: 5, RECOVERED: 10}),
    Row(6, 10, forgetting.row_6, {ANSWERS: 5}, forgetting.KINDS),
    Row(7, 200, truncation.row_7, kinds=truncation.KINDS),
    Row(8, 20, pauses.row_8, {ENDED: 1}, pauses.KINDS, only={ENDED: pauses.GIVEN_UP}),
    # Who is silent for 5 s is left alone, and the next is asked.
    Row(
        9, 20, partitions.row_9, {HEALED: partitions.LEASE_S, FETCHED: 15}, partitions.KINDS,
        only={FETCHED: partitions.FETCHING},
    ),
    Row(10, 10, network.row_10, kinds=network.KINDS),
    Row(11, 40, network.row_11, in_all=network.cut_everywhere),
    Row(12, 10, server.row_12),
    Row(
        14, 20, server.row_14, {ANSWERS: 5, HEARD: 5}, server.MISTAKES,
        only={ANSWERS: [server.DELETED], HEARD: [server.EMPTIED]},
    ),
    Row(15, 10, tasks.row_15),
    Row(16, 5, server.row_16, {BACK: 10}, ("always", "everysec")),
    Row(18, 3, tasks.row_18),
    Row(20, 20, tasks.row_20),
    Row(22, 3, sizes.row_22, {SUBMIT: 100}),
    Row(26, 50, actor_deaths.row_26),
]  # fmt: skip
