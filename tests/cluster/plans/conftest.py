"""Plans that outlive who submitted them: a head for each module; programs come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import hyperloom as loom
from tests.cluster.api.gate import Gate
from tests.home import Home
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def head() -> Iterator[Home]:
    """A head that serves all tests of the module."""
    home = Home(variables={"LOOM_LEASE_S": "3", "LOOM_BEAT_S": "0.5"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOOM_RUNTIME_DIR", str(home.runtime))
        home.start_head()
        yield home
        loom.shutdown()
        home.close()


@pytest.fixture(autouse=True)
def _test_leaves_nothing(head: Home) -> Iterator[None]:
    """The head lives on; but when a test has released what it detached, all its jobs end."""
    yield
    loom.shutdown()
    wait_until(lambda: head.jobs() == [], 20, what="all jobs have ended")


@pytest.fixture
def gate(tmp_path: Path) -> Callable[[str], Gate]:
    """Makes gates: what tasks wait for, and what says that a task has come so far."""
    return lambda name="gate": Gate(tmp_path / name)
