"""A node with something to look at, and the page over it, as long as a module."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

pytest.importorskip("starlette")

import uvicorn
from click.testing import CliRunner

import hyperloom as loom
from hyperloom.cli import looking
from hyperloom.cli.main import cli
from hyperloom.core import current
from hyperloom.dashboard import serve
from hyperloom.dashboard.access import Access
from hyperloom.dashboard.app import make_app
from hyperloom.watch.cluster import Cluster
from hyperloom.watch.live import Live
from tests.dashboard.scene import Scene
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Page:
    """One that is served."""

    url: str
    access: Access

    @contextmanager
    def visitor(self) -> Iterator[httpx.Client]:
        """A browser that has logged in."""
        with httpx.Client(base_url=self.url, follow_redirects=True) as visitor:
            assert visitor.get(self.access.new_link()).status_code == 200
            yield visitor


def connect() -> Cluster:
    return Cluster(Live(current.session().address))


@contextmanager
def served(*, actions: bool = False) -> Iterator[Page]:
    """A page over the node of this process."""
    sock = serve.listen("127.0.0.1", 0)
    access = Access({"127.0.0.1"}, actions=actions)
    config = uvicorn.Config(
        make_app(connect, access), log_level="warning", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    wait_until(lambda: server.started, 20)
    try:
        yield Page(f"http://127.0.0.1:{sock.getsockname()[1]}", access)
    finally:
        server.should_exit = True
        thread.join()
        sock.close()


@pytest.fixture(scope="module")
def node() -> Iterator[None]:
    with loom.init("local", num_cpus=2):
        yield


@pytest.fixture(scope="module")
def scene(node: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:  # noqa: ARG001 - it runs
    scene = Scene(tmp_path_factory.mktemp("scene"))
    yield scene
    scene.close()


@pytest.fixture(scope="module")
def page(node: None) -> Iterator[Page]:  # noqa: ARG001 - it runs meanwhile
    with served() as page:
        yield page


@pytest.fixture(scope="module")
def acting(node: None) -> Iterator[Page]:  # noqa: ARG001 - it runs meanwhile
    with served(actions=True) as page:
        yield page


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a ``loom`` command tells programs of the same cluster."""
    monkeypatch.setattr(looking, "cluster", lambda *_: connect())

    def tell(*arguments: str) -> Any:
        result = CliRunner().invoke(cli, [*arguments, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return tell
