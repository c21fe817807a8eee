"""Signs certificates of nodes, with openssl(1)."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout")


class Papers(NamedTuple):
    """Files that a node is given."""

    certificate: str
    key: str
    authority: str

    @property
    def variables(self) -> dict[str, str]:
        """How a node is told of them."""
        return {f"LOOM_OBJECT_TLS_{name.upper()}": file for name, file in self._asdict().items()}

    def with_authorities(self, file: Path, *authorities: Authority) -> Papers:
        """The same, of a node that accepts what any of these has signed; written to the file."""
        file.write_text("".join(each.certificate.read_text() for each in authorities))
        return self._replace(authority=str(file))


class Authority:
    """See the module.  It lives in a folder of its own, and has a name of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._made = 0
        self._openssl("req", "-x509", *_KEY, "ca.key", "-out", "ca.pem",
                      "-subj", f"/CN={folder.name}", "-days", "2")  # fmt: skip

    @property
    def certificate(self) -> Path:
        """Its own."""
        return self._folder / "ca.pem"

    def _openssl(self, *words: str) -> None:
        openssl = shutil.which("openssl") or pytest.skip("there is no openssl(1) here")
        subprocess.run([openssl, *words], cwd=self._folder, capture_output=True, check=True)

    def sign(self, *, days: int = 2) -> Papers:
        """What a node is given."""
        self._made += 1
        name = f"node{self._made}"
        self._openssl("req", *_KEY, f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                      "-CAcreateserial", "-out", f"{name}.pem", "-days", str(days))  # fmt: skip
        return Papers(*(str(self._folder / f) for f in (f"{name}.pem", f"{name}.key", "ca.pem")))
