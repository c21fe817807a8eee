"""The servers that tests run on: private, and gone when they should be."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import psutil
import pytest
import redis

from tests import servers
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

HERE = [kind for kind in servers.KINDS if servers.binary(kind)]


@pytest.mark.parametrize("kind", HERE)
def test_a_server_answers_on_a_private_socket_and_on_no_port(kind: str) -> None:
    server = servers.start(kind)
    try:
        assert server.socket.stat().st_mode & 0o777 == 0o600
        assert psutil.Process(server.process.pid).net_connections("inet") == []
        with redis.Redis(unix_socket_path=str(server.socket)) as connection:
            assert connection.ping()
            assert int(str(connection.info("server")["redis_version"]).split(".")[0]) >= 7
    finally:
        server.stop()
        shutil.rmtree(server.folder)
    assert not psutil.pid_exists(server.process.pid)


def test_a_server_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="apples"):
        servers.start("embedded", tmp_path, ["--maxmemory", "apples"])


def test_a_missing_kind_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "binary", lambda _kind: None)
    with pytest.raises(LookupError, match="apt-get install redis-server"):
        servers.start("debian")


def test_the_shared_server_is_the_chosen_one(server: servers.Server, socket_path: Path) -> None:
    assert server.kind in servers.KINDS
    with redis.Redis(unix_socket_path=str(socket_path)) as connection:
        assert connection.ping()


def test_waiting_ends_with_the_answer_or_with_what_was_waited_for() -> None:
    answers = iter([None, 0, "yes"])
    assert wait_until(lambda: next(answers)) == "yes"
    with pytest.raises(pytest.fail.Exception, match=r"after 0.01 s still not so: rain; last .* 0"):
        wait_until(lambda: 0, 0.01, what="rain")
