"""Whoever is killed, finished checkpoints are not computed again, and drivers share a cache."""

from __future__ import annotations

import signal
import textwrap
from typing import TYPE_CHECKING

import pytest

from hyperloom.checkpoints.files import SUFFIX
from tests.cluster.api.gate import Gate
from tests.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.home import Home

pytestmark = pytest.mark.slow

HALF_WRITTEN = "checkpoint.written"

# A chain of stages, each with a checkpoint.  One waits until it is let through.
PIPELINE = """
    import sys
    from pathlib import Path
    import hyperloom as loom
    from tests.cluster.api.gate import Gate

    folder, stages = Path(sys.argv[1]), int(sys.argv[2])
    log = Gate(folder / "log")
    loom.init(**eval(sys.argv[3]))

    @loom.task(max_retries=0)
    def stage(number, before):
        log.note(f"{number}")
        if number == 3:
            Gate(folder / "gate").pass_through()
        return before + [number] * 10_000

    task = stage.bind(0, []).checkpoint(folder / "0")
    for number in range(1, stages):
        task = stage.bind(number, task).checkpoint(folder / f"{number}")
    handle = loom.submit([task], resume=True)
    print(len(handle.gather()[0]), flush=True)
"""


class Pipeline:
    """The program, run in a home as often as it takes."""

    def __init__(self, home: Home, folder: Path) -> None:
        self.home = home
        self.folder = folder
        self.log = Gate(folder / "log")
        self.gate = Gate(folder / "gate")

    def begin(self, **options: object) -> subprocess.Popen[str]:
        script = textwrap.dedent(PIPELINE)
        return self.home.python("-c", script, str(self.folder), "6", repr(options))

    def until_stage(self, number: int) -> None:
        wait_until(lambda: f"{number}" in self.log.notes(), 30)

    def goes_on(self, **options: object) -> list[str]:
        """Run it to its end; what was computed."""
        before = len(self.log.notes())
        out, err = self.begin(**options).communicate(timeout=50)
        assert (out, err) == ("60000\n", "")
        return self.log.notes()[before:]


@pytest.fixture
def pipeline(home: Home, tmp_path: Path) -> Pipeline:
    return Pipeline(home, tmp_path)


def test_a_driver_is_killed(pipeline: Pipeline) -> None:
    """Its embedded node goes with it."""
    driver = pipeline.begin(address="local", num_cpus=1)
    pipeline.until_stage(3)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    pipeline.gate.open()
    assert pipeline.goes_on(address="local", num_cpus=1) == ["3", "4", "5"]
    assert pipeline.goes_on(address="local", num_cpus=1) == []


def test_a_worker_is_killed_between_writing_and_renaming(pipeline: Pipeline) -> None:
    pipeline.gate.open()
    options = {"address": "local", "num_cpus": 1}
    pipeline.home.variables["LOOM_FAILPOINTS"] = f"{HALF_WRITTEN}=kill9@3"
    driver = pipeline.begin(**options)
    out, err = driver.communicate(timeout=50)
    assert (out, driver.returncode) == ("", 1)
    assert "WorkerCrashed" in err
    assert (pipeline.folder / f"2{SUFFIX}").exists(), "half of it was written"
    assert not (pipeline.folder / "2").exists()
    del pipeline.home.variables["LOOM_FAILPOINTS"]
    assert pipeline.goes_on(**options) == ["2", "3", "4", "5"]
    assert not (pipeline.folder / f"2{SUFFIX}").exists()


@pytest.mark.parametrize("victim", ["raylet", "server"])
def test_a_part_of_the_head_is_killed(victim: str, pipeline: Pipeline) -> None:
    """What was computed is known afterwards, whatever becomes of the plan that runs."""
    pipeline.home.start_head()
    driver = pipeline.begin()
    pipeline.until_stage(3)
    pipeline.home.kill(victim)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    pipeline.gate.open()
    computed = pipeline.goes_on()
    assert not {"0", "1", "2"} & set(computed)
    assert computed[-1] == "5"


SHARES = """
    import sys
    from pathlib import Path
    import hyperloom as loom
    from tests.cluster.api.gate import Gate

    log = Gate(Path(sys.argv[1]) / "log")
    loom.init("local", num_cpus=1)

    @loom.task(cache=True)
    def square(x):
        log.note(f"{x}")
        return x * x

    @loom.task(cache=True)
    def total(*squares):
        log.note("total")
        return sum(squares)

    print(loom.get(total.remote(*[square.remote(i) for i in range(5)])), flush=True)
    print(*loom.submit(total.bind(*[square.bind(i) for i in range(int(sys.argv[2]))])).gather())
"""


def test_drivers_share_what_they_cached(home: Home, tmp_path: Path) -> None:
    log = Gate(tmp_path / "log")
    for seed, count, told in ((1, 5, "30\n30\n"), (2, 5, "30\n30\n"), (3, 6, "30\n55\n")):
        home.variables["PYTHONHASHSEED"] = f"{seed}"
        program = home.python("-c", textwrap.dedent(SHARES), str(tmp_path), f"{count}")
        assert program.communicate(timeout=50) == (told, "")
    assert sorted(log.notes()) == ["0", "1", "2", "3", "4", "5", "total", "total"]
