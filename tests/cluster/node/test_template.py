"""The template: workers begin with what it has imported, and it outlives its raylet by a moment."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING

import hyperloom as loom
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.home import Home

# A raylet that dies as soon as the template has said something that it has not read.
RAYLET = """
    import os, select, socket, sys
    from pathlib import Path
    from msgspec import msgpack
    from hyperloom.raylet.template import fork_template

    pid, template = fork_template(lambda: lambda *_: None, [], Path(sys.argv[1]).touch)
    files = [socket.socketpair()[0] for _ in range(2)]
    fds = [*(file.fileno() for file in files), *os.pipe(), os.open("/dev/null", os.O_RDONLY)]
    socket.send_fds(template, [msgpack.encode([1, {"template": pid}])], fds)
    select.select([template], [], [])
    os._exit(0)
"""


def test_it_cleans_up_also_after_a_raylet_that_had_not_read_its_words(
    home: Home, tmp_path: Path
) -> None:
    cleaned = tmp_path / "cleaned"
    raylet = home.python("-c", textwrap.dedent(RAYLET), str(cleaned))
    _, err = raylet.communicate(timeout=20)
    assert (raylet.returncode, err) == (0, "")
    wait_until(cleaned.exists)
    home.wait_empty()


def test_a_worker_need_not_import_what_nested_tasks_and_actors_take(home: Home) -> None:
    del home

    @loom.task
    def nests() -> list[str]:
        before = set(sys.modules)

        @loom.task
        def inner() -> int:
            return 1

        @loom.actor
        class Inner:
            def one(self) -> int:
                return 1

        loom.get([inner.remote(), Inner.remote().one.remote()])
        return sorted(set(sys.modules) - before)

    with loom.init("local", num_cpus=2):
        imported = loom.get(nests.remote())
    assert [name for name in imported if name.startswith(("hyperloom", "cloudpickle"))] == []


def test_an_actor_with_threads_needs_no_loop(home: Home) -> None:
    del home

    @loom.actor(max_concurrency=2)
    class Threaded:
        def imported(self) -> list[str]:
            return [
                name for name in ("asyncio", "hyperloom.core.actors.crowd") if name in sys.modules
            ]

    with loom.init("local", num_cpus=1):
        assert loom.get(Threaded.remote().imported.remote()) == ["hyperloom.core.actors.crowd"]
