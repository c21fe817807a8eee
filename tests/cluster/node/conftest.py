"""Nodes that outlive the program that started them, in homes of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.cluster.node.somebodys import somebodys_server
from tests.home import Home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests import servers


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Where this test's nodes run; `loom.init()` in the test itself finds them."""
    home = Home()
    monkeypatch.setenv("LOOM_RUNTIME_DIR", str(home.runtime))
    yield home
    loom.shutdown()
    home.close()


@pytest.fixture
def head(home: Home) -> Home:
    """A head that serves."""
    home.start_head()
    return home


@pytest.fixture
def somebodys(home: Home) -> Iterator[servers.Server]:
    """A server that somebody else runs, on a port and a socket, without a password."""
    del home
    with somebodys_server() as server:
        yield server
