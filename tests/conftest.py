"""What every test may use: servers on private sockets, a private place for sessions, no leaks.

``--server=embedded|debian|both`` chooses the servers; without it, tests of the Lua meet every
server that this machine has, and all others the embedded one.  ``--rewrite`` is for transcripts.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import hypothesis.core
import pytest

pytest.register_assert_rewrite("tests.transcript")  # a story told differently is shown as a diff

# After the line above, or it has no effect.
from tests import leaks, servers  # noqa: E402
from tests.authority import Authority  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
LUA_TESTS = HERE / "unit" / "gcs"
# Checked for leaks after each test.
WATCHED = (
    HERE / "cluster", HERE / "cli", HERE / "chaos", HERE / "unit" / "objectstore",
    HERE / "test_examples.py",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rewrite", action="store_true", help="rewrite transcripts to what the code answers now"
    )
    parser.addoption(
        "--server",
        choices=[*servers.KINDS, "both"],
        help="which Redis to test on (default: both for tests/unit/gcs, else the embedded one)",
    )


@pytest.hookimpl(trylast=True)  # after pytest-randomly has chosen its seed
def pytest_configure(config: pytest.Config) -> None:
    # One number makes a run again: Hypothesis takes its seed from pytest-randomly, which prints it.
    if config.getoption("hypothesis_seed", None) is None:
        hypothesis.core.global_force_seed = config.getoption("randomly_seed", 0)
    hypothesis.settings.register_profile("loom", deadline=None, print_blob=True)
    hypothesis.settings.load_profile("loom")

    # A test must never meet, or disturb, a node that somebody runs on this machine.
    for variable in [name for name in os.environ if name.startswith("LOOM_")]:
        if variable != "LOOM_SERVER_BINARY":
            del os.environ[variable]
    os.environ[leaks.MARK] = uuid.uuid4().hex
    runtime_dir = os.environ["LOOM_RUNTIME_DIR"] = tempfile.mkdtemp(prefix="loom-rt-")
    config.add_cleanup(lambda: shutil.rmtree(runtime_dir, ignore_errors=True))


def pytest_report_header() -> list[str]:
    found = [f"{kind} ({path})" for kind in servers.KINDS if (path := servers.binary(kind))]
    lines = [f"servers: {', '.join(found)}"]
    if servers.binary("debian") is None:
        lines.append("servers: NO redis-server on PATH: the Lua meets the embedded Valkey only")
    return lines


def server_kinds(config: pytest.Config, path: Path) -> list[str]:
    """The servers that the tests in `path` are to meet."""
    chosen = config.getoption("--server")
    if chosen == "both":
        return list(servers.KINDS)
    if chosen:
        return [chosen]
    if path.is_relative_to(LUA_TESTS):
        return [kind for kind in servers.KINDS if servers.binary(kind)]
    return ["embedded"]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" in metafunc.fixturenames:
        kinds = server_kinds(metafunc.config, Path(metafunc.definition.path))
        metafunc.parametrize("server", kinds, indirect=True, scope="session")


@pytest.fixture(scope="session")
def running_server() -> Iterator[Callable[[str], servers.Server]]:
    """Hands out the run's server of a kind, started when first asked for."""
    # Kept for the whole run: tests come in random order, and would start one after the other.
    started: dict[str, servers.Server] = {}

    def of(kind: str) -> servers.Server:
        if kind not in started:
            started[kind] = servers.start(kind)
        return started[kind]

    yield of
    for server in started.values():
        server.stop()
        shutil.rmtree(server.folder)


@pytest.fixture(scope="session")
def server(
    request: pytest.FixtureRequest, running_server: Callable[[str], servers.Server]
) -> servers.Server:
    """A Redis server that all tests share: keep to keys of your own, or flush it first."""
    return running_server(request.param)


@pytest.fixture
def socket_path(server: servers.Server) -> Path:
    """The socket on which `server` listens."""
    return server.socket


@pytest.fixture
def rewrite(request: pytest.FixtureRequest) -> bool:
    """Whether transcripts are to be rewritten."""
    return bool(request.config.getoption("--rewrite"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs the certificates of our nodes."""
    return Authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs those of another cluster's."""
    return Authority(tmp_path_factory.mktemp("tls") / "theirs")


# The check stands twice: what a module's own fixtures started may live until the module ends.
@pytest.fixture(autouse=True, scope="module")
def _module_leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    yield from _leaves_nothing(request.path, request.node.nodeid)


@pytest.fixture(autouse=True)
def _test_leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    yield from _leaves_nothing(request.path, request.node.nodeid)


def _leaves_nothing(path: Path, name: str) -> Iterator[None]:
    if not any(path.is_relative_to(folder) for folder in WATCHED):
        yield
        return
    before = leaks.Snapshot.take()
    yield
    leaks.check(before, name)
