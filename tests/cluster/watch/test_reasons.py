"""Why a task waits, where there are several answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom.core import current
from hyperloom.watch import objects, reasons
from tests.cluster.api.gate import Gate
from tests.cluster.gated import waits
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from hyperloom.watch.cluster import Cluster

pytestmark = pytest.mark.slow


@loom.task
def merge(*parts: str) -> int:
    return len(parts)


def test_of_several_inputs_the_one_that_will_not_come_is_followed(
    cluster: Cluster, tmp_path: Path
) -> None:
    log, go_on = Gate(tmp_path / "log"), Gate(tmp_path / "go_on")
    runs = waits.remote(go_on, log)
    wait_until(log.notes)
    never = merge.options(num_cpus=50).remote()
    merged = merge.remote(runs, never)
    try:
        current.session().settle()
        line, cause = reasons.explain(cluster, merged.binary()[:16])
        assert (line["why"], len(line["lacks"])) == ("inputs", 2)
        assert (cause["why"], cause["task"]) == ("too-large", never.binary()[:16].hex())
        loom.cancel(never)
        wait_until(lambda: len(reasons.explain(cluster, merged.binary()[:16])) == 2)
        line, cause = reasons.explain(cluster, merged.binary()[:16])
        assert (cause["why"], cause["task"]) == ("running", runs.binary()[:16].hex())
        job = bytes(current.session().job)
        (cancelled,) = objects.of_job(cluster, job)[0]
        assert (cancelled["id"], cancelled["name"]) == (never.hex(), "merge")
    finally:
        go_on.open()
        loom.cancel(merged)
    assert loom.get(runs, timeout=20)
