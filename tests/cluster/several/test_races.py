"""Many nodes race for many tasks, and each task runs once, on one of them."""

from __future__ import annotations

import pytest

from tests.chaos.tasks import race

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("nodes", "tasks"), [(5, 500), pytest.param(20, 10_000, marks=pytest.mark.long)]
)
def test_each_task_runs_once_and_each_node_has_some(nodes: int, tasks: int) -> None:
    account = race(nodes, tasks)
    assert account.passes, str(account)
    assert account.committed == tasks
