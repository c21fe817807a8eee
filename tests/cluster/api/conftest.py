"""Where the tests of this folder run, and what each of them must leave as it was.

``cluster`` is a real embedded node, ``anywhere`` that and the inline mode, one after the other:
the same test bodies hold for both.  Both live as long as a module, since starting costs more than
most tests.  After each test the job must hold nothing any more (`holdings.py`).
"""

from __future__ import annotations

import dataclasses
import gc
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import hyperloom as loom
from hyperloom.core import current
from tests.cluster.api.gate import Gate
from tests.cluster.api.holdings import holdings
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NUM_CPUS = 2


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "keeps_refs: this test's job keeps what it holds")


def _start(mode: str) -> None:
    loom.init("local", num_cpus=NUM_CPUS, num_gpus=1, resources={"paint": 5}, mode=mode)  # type: ignore[arg-type]


def _running(mode: str) -> Iterator[str]:
    _start(mode)
    yield mode
    loom.shutdown()


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """An embedded node with two CPUs."""
    yield from _running("cluster")


@pytest.fixture(scope="module")
def inline() -> Iterator[str]:
    """Everything in this process."""
    yield from _running("inline")


@pytest.fixture(scope="module", params=["cluster", "inline"])
def anywhere(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both, one after the other; its value says which."""
    yield from _running(request.param)


@pytest.fixture(autouse=True)
def _test_leaves_nothing() -> None:
    """Workers may come and go while a module's node lives: it is checked when that has ended."""


@pytest.fixture(autouse=True)
def _job_holds_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """After a test all its tasks and objects are gone from the control plane."""
    failed = request.session.testsfailed
    yield
    if not loom.is_initialized():
        return
    # A failed test's frames are kept for the report, with all their refs.
    keeps = request.session.testsfailed > failed or request.node.get_closest_marker("keeps_refs")
    held = {} if keeps else _held_in_the_end()
    if keeps or held:
        mode = "inline" if hasattr(current.current(), "plane") else "cluster"
        loom.shutdown()
        _start(mode)  # so that only this test suffers
    if held:
        lines = "\n  ".join(f"{name}: {what}" for name, what in held.items())
        pytest.fail(f"the job still holds:\n  {lines}", pytrace=False)


def _held_in_the_end() -> dict[str, object]:
    if not holdings():
        return {}

    def nothing() -> bool:
        gc.collect()  # a failure that the test caught holds its frames in a circle
        return not holdings()

    with suppress(pytest.fail.Exception):
        wait_until(nothing, 10)
    return holdings()


@pytest.fixture
def gate(tmp_path: Path) -> Callable[[str], Gate]:
    """Makes gates: what tasks wait for, and what says that a task has come so far."""
    return lambda name="gate": Gate(tmp_path / name)


@pytest.fixture
def log(gate: Callable[[str], Gate]) -> Gate:
    return gate("log")


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives this session other options."""

    def change(**options: Any) -> None:
        session = current.session()
        monkeypatch.setattr(session, "config", dataclasses.replace(session.config, **options))

    change(checkpoint_dir=str(tmp_path / "kept"), cache_dir=str(tmp_path / "cache"))
    return change


@pytest.fixture
def waits(gate: Callable[[str], Gate]) -> Iterator[Any]:
    """A task that notes its process and waits for its gate; and both gates."""
    began, go_on = gate("began"), gate("go_on")

    @loom.task
    def waits(value: Any = None) -> Any:
        began.note(str(os.getpid()))
        go_on.pass_through()
        return value

    yield waits, began, go_on
    go_on.open()
