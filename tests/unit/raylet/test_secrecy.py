"""TLS between nodes: all of it or nothing; who could not give and take does not join."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.config import Config
from hyperloom.gcs import keys
from hyperloom.objectstore.client import StoreClient
from hyperloom.objectstore.keeper import StoreKeeper
from hyperloom.raylet.secrecy import KEY, greet, tls_of
from hyperloom.transfer import endpoint
from hyperloom.transfer.giver import Giver
from hyperloom.transfer.protocol import KEY_BYTES
from tests.unit.gcs.plane import Plane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.authority import Authority, Papers

_NAMES = ("object_tls_certificate", "object_tls_key", "object_tls_authority")
_NODE, _OTHER = b"node0001", b"node0002"
_CLUSTER_KEY = b"k" * KEY_BYTES


def config(papers: Papers | None) -> Config:
    return Config(**dict(zip(_NAMES, papers or (), strict=False)))  # type: ignore[arg-type]


@pytest.mark.parametrize("left_out", _NAMES)
def test_a_part_of_it_is_refused(left_out: str) -> None:
    said = {name: "/nowhere.pem" for name in _NAMES if name != left_out}
    with pytest.raises(errors.LoomError, match="some are set and some are not"):
        tls_of(Config(**said))  # type: ignore[arg-type]


def test_files_that_will_not_do_are_named() -> None:
    assert tls_of(Config()) is None
    with pytest.raises(errors.LoomError, match=r"file or directory: '/nowhere.pem'. This node was"):
        tls_of(Config(**dict.fromkeys(_NAMES, "/nowhere.pem")))  # type: ignore[arg-type]


@pytest.fixture
def plane(socket_path: Path) -> Iterator[Plane]:
    plane = Plane(socket_path)
    plane.wire.call("HSET", keys.ABOUT.name(keys.CLUSTER), KEY, _CLUSTER_KEY.hex())
    yield plane
    plane.wire.call("FLUSHALL")
    plane.close()


@pytest.fixture
def member(plane: Plane, tmp_path: Path) -> Iterator[Callable[[Papers | None], str]]:
    """Has a node join that has these papers and gives objects on a port; its endpoint."""
    keeper = StoreKeeper(tmp_path / "store", tmp_path / "spill", 64 << 20)
    keeper.start(with_reaper=False)
    store = StoreClient(tmp_path / "store")
    givers = []

    def joins(papers: Papers | None) -> str:
        tls = tls_of(config(papers))
        listener, where = endpoint.listen_tcp("127.0.0.1", 0, "127.0.0.1", tls)
        givers.append(Giver(listener, store, lambda: _CLUSTER_KEY, tls))
        about = json.dumps({"host": "there", "objects": where})
        plane.call("node_join", _OTHER, 60_000, about, ns=keys.CLUSTER)
        return where

    yield joins
    for giver in givers:
        giver.close()
    store.close()
    keeper.close(remove=True)


def refusal(plane: Plane, papers: Papers | None) -> str:
    with pytest.raises(errors.LoomError, match=r"\. This node was not started") as caught:
        greet(plane.wire, _NODE, config(papers))
    assert "node 6e6f6465 on there" in str(caught.value)
    return str(caught.value)


def test_nodes_of_one_authority_may_join(
    plane: Plane, member: Callable[[Papers | None], str], ours: Authority
) -> None:
    greet(plane.wire, _NODE, config(ours.sign()))  # the first one
    member(ours.sign())
    greet(plane.wire, _NODE, config(ours.sign()))


def test_one_without_tls_does_not_join_those_that_have_it(
    plane: Plane, member: Callable[[Papers | None], str], ours: Authority
) -> None:
    member(ours.sign())
    assert "encrypts the large values that it gives to other nodes" in refusal(plane, None)


def test_one_with_tls_does_not_join_those_that_have_none(
    plane: Plane, member: Callable[[Papers | None], str], ours: Authority
) -> None:
    member(None)
    assert "this node is to encrypt large values" in refusal(plane, ours.sign())


def test_one_of_another_authority_does_not_join(
    plane: Plane, member: Callable[[Papers | None], str], ours: Authority, theirs: Authority
) -> None:
    member(ours.sign())
    papers = theirs.sign()
    why = refusal(plane, papers)
    assert "do not accept each other's certificates: [SSL: CERTIFICATE_VERIFY_FAILED]" in why
    assert f"here it is {papers.authority}" in why


def test_one_whose_certificate_is_not_accepted_does_not_join(
    plane: Plane,
    member: Callable[[Papers | None], str],
    ours: Authority,
    theirs: Authority,
    tmp_path: Path,
) -> None:
    """It accepts that of the others, so that only they can tell."""
    member(ours.sign())
    papers = theirs.sign().with_authorities(tmp_path / "both.pem", ours, theirs)
    assert "do not accept each other's certificates: [SSL: TLSV1_ALERT" in refusal(plane, papers)


def test_a_node_that_cannot_be_reached_says_nothing_against_it(
    plane: Plane, member: Callable[[Papers | None], str], ours: Authority
) -> None:
    host, _, _ = member(ours.sign()).rpartition(":")
    gone = json.dumps({"host": "there", "objects": f"{host}:1"})
    plane.call("node_join", _OTHER, 60_000, gone, ns=keys.CLUSTER)
    greet(plane.wire, _NODE, config(ours.sign()))
