"""``loom start``: how others are told to join."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import TYPE_CHECKING

import psutil

from hyperloom.cli.start import _addresses

if TYPE_CHECKING:
    import pytest


def test_the_addresses_of_a_head_that_listens_on_all_of_them_are_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inet, six = socket.AF_INET, socket.AF_INET6
    cards = {
        "lo": [SimpleNamespace(family=inet, address="127.0.0.1")],
        "eth0": [
            SimpleNamespace(family=inet, address="192.0.2.7"),
            SimpleNamespace(family=six, address="fe80::1%eth0"),
        ],
    }
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: cards)
    assert _addresses("0.0.0.0") == ["192.0.2.7"]
    assert _addresses("192.0.2.7") == []
