"""TLS between nodes is asked for whole, or the node does not start."""

from __future__ import annotations

import pytest

from hyperloom import errors
from hyperloom.config import Config
from hyperloom.raylet.fetching import _tls


@pytest.mark.parametrize("name", ["object_tls_key", "object_tls_authority"])
def test_without_a_certificate_nothing_would_be_encrypted_so_it_is_refused(name: str) -> None:
    with pytest.raises(errors.LoomError, match="object_tls_certificate, without which nothing"):
        _tls(Config(**{name: "file.pem"}))  # type: ignore[arg-type]
    assert _tls(Config()) is None
