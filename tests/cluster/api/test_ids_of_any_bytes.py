"""Ids are random bytes: whatever they begin with, nothing takes them for a word of ours."""

from __future__ import annotations

import pytest

from hyperloom.gcs import codes
from tests.cluster.api.program import run

SCRIPT = """
    import sys
    from hyperloom import ids
    import hyperloom.node.driver
    import hyperloom as loom
    from tests.cluster.api.holdings import holdings
    from tests.waiting import wait_until

    first = sys.argv[1].encode()
    hyperloom.node.driver.new_job_id = lambda: ids.JobID(first + bytes(ids.JOB_BYTES - 1))

    @loom.task
    def count(n):
        yield from range(n)

    @loom.task(stream_ahead=1)
    def endless():
        while True:
            yield 1

    with loom.init("local", num_cpus=1):
        assert [loom.get(ref) for ref in count.remote(5)] == [0, 1, 2, 3, 4]
        unread = count.remote(5)
        assert loom.get(unread.completed()) == 5
        del unread
        stream = endless.remote()
        assert [loom.get(next(stream)) for _ in range(3)] == [1, 1, 1]
        del stream
        wait_until(lambda: not holdings(), what="the job holds nothing")
    print("done")
"""


@pytest.mark.parametrize("code", [codes.CONSUMED, codes.SHARED, codes.FAILURE, codes.DETACHED])
def test_a_job_s_id_may_begin_with_any_byte(code: bytes) -> None:
    done = run(SCRIPT, code.decode())
    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)
