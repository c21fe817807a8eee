"""The logs of a node that `loom start` made do not grow without end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.home import Home

pytestmark = pytest.mark.slow


def test_logs_of_a_head_are_kept_short_and_clean_removes_them(home: Home) -> None:
    home.variables["LOOM_LOG_BYTES"] = "128KiB"
    folder = home.start_head()
    logs = [folder / "raylet.log", folder / "supervisor.log", folder / "gcs" / "server.log"]
    for log in logs:
        with log.open("ab") as file:
            file.write(b"a line\n" * 20_000)
    wait_until(lambda: all(log.with_name(f"{log.name}.1").exists() for log in logs), 30)
    assert all(log.stat().st_size < 64 << 10 for log in logs)
    assert all(log.with_name(f"{log.name}.1").stat().st_size <= 64 << 10 for log in logs)
    home.kill("raylet")
    wait_until(lambda: "the raylet died" in logs[1].read_text(), 20)
    home.loom("stop")
    assert str(folder) in home.loom("clean", "--all").stdout
    assert not folder.exists()
