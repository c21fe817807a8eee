"""Random histories of one machine on one server."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from hyperloom.gcs.library import build
from tests.models.references import Limits
from tests.unit.gcs.plane import Plane

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.gcs.books import Books


def run_histories(world: type[Books], socket: Path, examples: int, *, steps: int) -> None:
    """So many, of so many steps at most; the server is empty afterwards."""
    plane = Plane(socket, build(**asdict(Limits())))
    bound = type("BoundWorld", (world,), {"plane": plane})
    try:
        run_state_machine_as_test(
            bound,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        plane.wire.call("FLUSHALL")
        plane.close()
