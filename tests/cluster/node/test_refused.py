"""Addresses that lead nowhere: each error names the address, what is there, and what to write."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
import redis

import hyperloom as loom
from hyperloom import errors
from tests import servers
from tests.cluster.node.somebodys import (
    IN_URL,
    PASSWORD,
    free_port,
    one_more,
    port_of,
    somebodys_server,
)
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.home import Home

pytestmark = pytest.mark.slow


def test_nobody_answers_at_the_address(home: Home) -> None:
    address = f"redis://127.0.0.1:{free_port()}"
    said = f"no connection to the control plane at {address}: .*refused.*Nothing was started"
    with pytest.raises(errors.NotConnected, match=said):
        loom.init(address)
    assert re.search(said, home.loom("start", "--address", address, exits=1).stderr)
    assert home.left() == []


def test_a_password_that_is_missing_or_wrong_is_said_with_the_ways_to_give_it(home: Home) -> None:
    with somebodys_server(password=PASSWORD) as server:
        at = f"127.0.0.1:{port_of(server)}"
        there = f"at redis://{at}: it"
        ways = r".*LOOM_PASSWORD_FILE.*--password-file.*redis://:PASSWORD@"
        with pytest.raises(errors.NotConnected, match=f"{there} asks for a password{ways}"):
            loom.init(at)
        with pytest.raises(errors.NotConnected, match=f"{there} refused{ways}") as refused:
            loom.init(f"redis://:wrong-one@{at}")
        assert "wrong-one" not in str(refused.value)
        assert re.search(ways, home.loom("start", "--address", at, exits=1).stderr)


def test_a_password_for_a_server_without_one_is_said(somebodys: servers.Server) -> None:
    with pytest.raises(errors.NotConnected, match=r"one was given\. Leave it out"):
        loom.init(f"redis://:{IN_URL}@127.0.0.1:{port_of(somebodys)}")


def test_another_service_is_told_apart_from_a_server(home: Home) -> None:
    del home
    with http_server() as port:
        address = f"redis://127.0.0.1:{port}"
        with pytest.raises(errors.NotConnected, match=f"{address} speaks another protocol"):
            loom.init(address)
        with pytest.raises(errors.NotConnected, match=r"SSL.*If not, write redis://"):
            loom.init(f"rediss://127.0.0.1:{port}")


@contextmanager
def http_server() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_forgets_keys_is_refused(home: Home) -> None:
    del home
    with (
        somebodys_server("--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru") as server,
        pytest.raises(errors.NotConnected, match=r"allkeys-lru.*CONFIG SET maxmemory-policy noev"),
    ):
        loom.init(f"unix://{server.socket}")


def test_another_version_of_our_library_is_refused_by_both_names(
    home: Home, somebodys: servers.Server
) -> None:
    del home
    from hyperloom.gcs.library import build  # noqa: PLC0415

    with redis.Redis(unix_socket_path=str(somebodys.socket)) as client:
        client.hset("{loom}:about", "version", "0123456789ab")
    with pytest.raises(errors.NotConnected, match=f"0123456789ab.*{build().version}"):
        loom.init(f"unix://{somebodys.socket}")


def test_a_replica_is_refused_with_its_primarys_address(
    home: Home, somebodys: servers.Server
) -> None:
    del home
    port = port_of(somebodys)
    with somebodys_server("--replicaof", f"127.0.0.1 {port}") as replica:
        with redis.Redis(unix_socket_path=str(replica.socket)) as client:
            wait_until(lambda: client.info("replication")["master_link_status"] == "up", 20)
        with pytest.raises(errors.NotConnected, match=f"read-only replica.*127.0.0.1:{port}"):
            loom.init(f"unix://{replica.socket}")


def test_a_server_that_is_too_old_is_refused_by_its_version(home: Home) -> None:
    del home
    with old_server() as port, pytest.raises(errors.NotConnected, match=r"6\.2\.14.*Redis 7\.0"):
        loom.init(f"redis://127.0.0.1:{port}")


@contextmanager
def old_server() -> Iterator[int]:
    """Says of itself what Redis 6.2 does; the real one is in no package that we may expect."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            connection, _ = listener.accept()
            with connection:
                while data := connection.recv(4096):
                    info = b"# Server\r\nredis_version:6.2.14\r\n"
                    answer = b"+PONG\r\n"
                    if b"INFO" in data:
                        answer = b"$%d\r\n%s\r\n" % (len(info), info)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        socket.create_connection(listener.getsockname()).close()
        thread.join()
        listener.close()


def test_an_encrypted_connection(home: Home) -> None:
    binary = servers.binary("debian")
    if binary is None or shutil.which("openssl") is None:
        pytest.skip("needs a redis-server with TLS (Debian's) and openssl")
    make = (
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 "
        "-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    )
    subprocess.run(make.split(), cwd=home.path, check=True, capture_output=True)
    port, cert = free_port(), home.path / "cert.pem"
    options = ["--tls-port", str(port), "--tls-cert-file", str(cert), "--tls-auth-clients", "no"]
    options += ["--tls-key-file", str(home.path / "key.pem"), "--tls-ca-cert-file", str(cert)]
    with somebodys_server(*options, password=PASSWORD, kind="debian"):
        address = f"rediss://:{IN_URL}@localhost:{port}"
        with pytest.raises(errors.NotConnected, match=r"certificate .*\?ssl_ca_certs=/path"):
            loom.init(address)
        with pytest.raises(errors.NotConnected, match="TLS wants rediss://"):
            loom.init(f"redis://localhost:{port}")
        with loom.init(f"{address}?ssl_ca_certs={cert}", num_cpus=1) as connection:
            assert loom.get([one_more.remote(i) for i in range(2000)]) == list(range(1, 2001))
            assert connection.address.startswith("rediss://localhost")
