"""An embedded node's raylet, or its template, is killed: who waits is told, and no worker stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.api.program import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

SCRIPT = """
    import ctypes, os, signal, sys, threading
    from pathlib import Path
    import hyperloom as loom
    from hyperloom import errors
    from tests.waiting import wait_until

    def parent(pid):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])

    def gone(pid):
        return not Path(f"/proc/{pid}").exists()

    victim, noted = sys.argv[1], Path(sys.argv[2])

    @loom.task
    def waits_in_c():
        noted.write_text(str(os.getpid()))
        ctypes.PyDLL(None).pause()  # holds the GIL: not even the listening thread runs

    loom.init("local", num_cpus=1)
    ref = waits_in_c.remote()
    wait_until(lambda: noted.exists() and noted.read_text())
    worker = int(noted.read_text())
    template = parent(worker)
    raylet = parent(template)

    got = []

    def waiting():
        try:
            loom.get(ref)
        except BaseException as error:
            got.append(error)

    thread = threading.Thread(target=waiting)
    thread.start()
    os.kill({"raylet": raylet, "template": template}[victim], signal.SIGKILL)
    thread.join(20)
    print(type(got[0]).__name__ if got else "it hangs")
    wait_until(lambda: gone(worker), what="the worker is gone")
    wait_until(lambda: gone(template), what="the template is gone")
    try:
        waits_in_c.remote()
        loom.get(loom.put(1))
        print("no error")
    except errors.LoomError as error:
        print(type(error).__name__)
    loom.shutdown()
    loom.init("local", num_cpus=1)
    print(loom.get(loom.put("anew")))
"""


@pytest.mark.parametrize("victim", ["raylet", "template"])
def test_a_get_fails_and_no_worker_stays_not_even_one_that_is_blocked_in_c(
    victim: str, tmp_path: Path
) -> None:
    done = run(SCRIPT, victim, str(tmp_path / "pid"))
    told = "LocalRayletDied\nLocalRayletDied\nanew\n"
    assert (done.stdout, done.stderr, done.returncode) == (told, "", 0)
