"""The library, loaded into an emptied server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.gcs.cast import Process, declare
from tests.unit.gcs.plane import Plane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def plane(socket_path: Path) -> Iterator[Plane]:
    """The control plane as it is."""
    plane = Plane(socket_path)
    yield plane
    plane.wire.call("FLUSHALL")
    plane.close()


@pytest.fixture
def driver(plane: Plane) -> Process:
    """A process that may submit tasks of the template `cast.PLAIN`."""
    declare(plane)
    return Process(plane, "driver")
