"""kill -9 of a head's raylet as objects go to disk, and of its supervisor as it starts what died.

The next raylet, and `loom start --head`, go on with what is there.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import hyperloom as loom
from tests.cluster.api.holdings import nothing_is_held, stored_bytes
from tests.cluster.node.operations import PATIENCE_S, one
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SPILLS = ["spill.copied", "spill.published"]
# The third that it starts is the last of a head's: the next is whatever died.
SUPERVISES = {"supervisor.noticed": 1, "supervisor.began": 4}


@pytest.mark.parametrize("point", SPILLS)
def test_a_raylet_that_dies_as_objects_go_to_disk_loses_none(point: str, home: Home) -> None:
    home.variables["LOOM_FAILPOINTS"] = f"{point}=kill9@3"
    folder = home.start_head("--object-store-memory", "16MiB")
    about = json.loads((folder / "node.json").read_text())
    about["config"]["failpoints"] = ""  # of the next raylet
    (folder / "node.json").write_text(json.dumps(about))
    first = home.pid("raylet")
    loom.init()
    refs = [loom.put(np.full(1 << 18, number)) for number in range(20)]
    wait_until(lambda: home.pid("raylet") != first, PATIENCE_S)
    for number, ref in enumerate(refs):
        assert (loom.get(ref, timeout=PATIENCE_S) == number).all()
    refs.clear()
    del ref
    nothing_is_held(20)
    wait_until(lambda: stored_bytes() == 0, 20, what="nothing is stored")


@pytest.mark.parametrize("victim", ["raylet", "server"])
@pytest.mark.parametrize("point", SUPERVISES)
def test_a_supervisor_that_dies_as_it_starts_what_died_is_replaced(
    point: str, victim: str, home: Home
) -> None:
    home.variables["LOOM_FAILPOINTS"] = f"{point}=kill9@{SUPERVISES[point]}"
    folder = home.start_head()
    supervisor = home.pid("supervisor")
    about = json.loads((folder / "node.json").read_text())
    about["config"]["failpoints"] = ""  # of the next one
    (folder / "node.json").write_text(json.dumps(about))
    loom.init()
    refs = [one.remote(i) for i in range(100)]
    home.kill(victim)
    wait_until(lambda: supervisor not in home.processes(), 20, what="it dies")
    del home.variables["LOOM_FAILPOINTS"]
    home.start_head()
    assert loom.get(refs, timeout=PATIENCE_S) == list(range(1, 101))
    assert home.pid("supervisor") != supervisor
