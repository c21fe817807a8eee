"""Where the control plane is, and the secret that opens it.

The password is never part of anything that prints: not of the address, its repr, an error
or a command line.  It lies in a file that only its owner may read; the address knows the
path.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from hyperloom import errors


@dataclass(frozen=True, slots=True)
class Address:
    """A server: ``redis://host:port``, ``rediss://…`` (TLS) or ``unix:///path``.

    Attributes:
        url: without any password.
        password_file: a file with the password alone, mode 0600; None for none.
    """

    url: str
    password_file: Path | None = None
    _password: Secret | None = None

    def __str__(self) -> str:
        return self.url

    def password(self) -> str | None:
        """The password itself, read from its file now.

        Raises:
            errors.LoomError: the file is gone, or others than its owner may read it.
        """
        if self._password is not None:
            return self._password.reveal()
        return None if self.password_file is None else read_secret(self.password_file)


class Secret:
    """A string that does not print."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The string."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(...)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


def parse_address(text: str, password_file: Path | None = None) -> Address:
    """An address as a person writes it; ``host:port`` means ``redis://host:port``.

    A password inside the URL is taken out of it and kept apart.

    Raises:
        ValueError: it is none of the forms.
    """
    url = text if "://" in text else f"redis://{text}"
    parts = urlsplit(url)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        msg = (
            f"address {_without_password(url)!r} begins with {parts.scheme}://; "
            "use redis://host:port, rediss://host:port or unix:///path/to/socket"
        )
        raise ValueError(msg)
    if parts.scheme == "unix" and not parts.path or parts.scheme != "unix" and not parts.hostname:
        msg = f"address {_without_password(url)!r} names no server"
        raise ValueError(msg)
    secret = Secret(unquote(parts.password)) if parts.password else None
    return Address(_without_password(url), password_file, secret)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    user = f"{parts.username}@" if parts.username else ""
    bare = urlunsplit(parts._replace(netloc=user + host))
    return bare.replace("unix:/", "unix:///", 1) if bare.startswith("unix:/") and not (
        bare.startswith("unix://")
    ) else bare


def read_secret(path: Path) -> str:
    """The secret in a file, if nobody but its owner can read it.

    Raises:
        errors.LoomError: otherwise.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text().strip()
    except OSError as error:
        msg = f"cannot read the password file {path}: {error.strerror}"
        raise errors.LoomError(msg) from error
    if mode & 0o077:
        msg = f"the password file {path} is open to others; run: chmod 600 {path}"
        raise errors.LoomError(msg)
    return text
