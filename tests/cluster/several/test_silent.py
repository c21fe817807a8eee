"""What is said of a task whose node hangs, before that is given up."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from hyperloom import errors
from hyperloom.cli.status import _of_member
from hyperloom.core import current
from hyperloom.testing import Cluster
from hyperloom.watch import cluster as watch
from hyperloom.watch import live, reasons
from tests.cluster.api.gate import Gate
from tests.cluster.gated import waits
from tests.cluster.several.tasks import on
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

_SAYS = (
    r"was taken by node {}, which has not been heard of for \d+\.\d s; if it stays so, the task "
    r"goes to another node in \d+\.\d s"
)


def test_who_waits_is_told_that_the_node_is_not_heard_of_and_when_that_ends(tmp_path: Path) -> None:
    gate, begun = Gate(tmp_path / "gate"), Gate(tmp_path / "begun")
    with Cluster(nodes=2, lease_s=50, beat_s=0.1) as cluster, cluster.connect():
        hangs = cluster.nodes[1]
        ref = on(hangs.id, waits).remote(gate, begun)
        wait_until(begun.notes, 30)
        looks = watch.Cluster(live.Live(current.session().address))
        task = ref.binary()[:16]
        assert reasons.explain(looks, task)[0]["why"] == "running"
        cluster.pause(hangs)
        wait_until(lambda: reasons.explain(looks, task)[0]["why"] == "node-silent", 30)
        says = re.compile(_SAYS.format(hangs.id[:8]))
        assert says.search(reasons.explain(looks, task)[0]["says"])
        with pytest.raises(errors.GetTimeout, match=says):
            loom.get(ref, timeout=0.01)
        (node,) = [each for each in loom.nodes() if each["node"] == hangs.id]
        assert (node["alive"], node["silent_s"] > 0.2, node["left_s"] > 1) == (True, True, True)
        assert _of_member(node).partition("NOT HEARD OF")[2].startswith(" for ")
        cluster.resume(hangs)
        wait_until(lambda: reasons.explain(looks, task)[0]["why"] == "running", 30)
        gate.open()
        assert loom.get(ref, timeout=30) == hangs.id
        looks.close()
