"""Where the control plane is, and the secret that opens it.

The password is never part of anything that prints: not of the address, its repr, an error
or a command line.  It lies in a file that only its owner may read; the address knows the
path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from hyperloom import errors
from hyperloom.nearest import did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

SCHEMES = frozenset({"redis", "rediss", "unix"})
# What an address may say behind a "?", in the words of redis-py.
OPTIONS = (
    "db",
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
)


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
    bare, password = _taken_apart(url)
    parts = urlsplit(bare)
    # A password with a "/" in it that was not written %2F looks like a path: so not shown.
    shown = f"{parts.scheme}://{bare.partition('://')[2].rpartition('@')[2]}"
    if parts.scheme not in SCHEMES:
        msg = (
            f"address {shown!r} begins with {parts.scheme}://; "
            "use redis://host:port, rediss://host:port or unix:///path/to/socket"
        )
        raise ValueError(msg)
    if not (parts.path if parts.scheme == "unix" else parts.hostname):
        msg = f"address {shown!r} names no server; a / in a password is written %2F"
        raise ValueError(msg)
    try:
        parts.port  # noqa: B018 - looking at it is the check
    except ValueError:
        msg = f"address {shown!r} has no valid port after its host"
        raise ValueError(msg) from None
    _check_options(bare, shown)
    return Address(bare, password_file, Secret(password) if password else None)


def options_of(url: str) -> dict[str, str]:
    """What an address says behind its "?"."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def _check_options(url: str, shown: str) -> None:
    options = options_of(url)
    unknown = sorted(options.keys() - set(OPTIONS))
    if unknown:
        msg = (
            f"address {shown!r} says {unknown[0]}=, which an address cannot say."
            f"{did_you_mean(unknown[0], OPTIONS)} It can say {', '.join(OPTIONS)}"
        )
        raise ValueError(msg)
    parts = urlsplit(url)
    database = options.get("db", "" if parts.scheme == "unix" else parts.path.strip("/"))
    if database and not database.isdecimal():
        msg = f"address {shown!r} names a database that is no number"  # but maybe a password
        raise ValueError(msg)
    if options.get("ssl_cert_reqs", "required") not in {"required", "none"}:
        msg = f"address {shown!r}: ssl_cert_reqs is required or none"
        raise ValueError(msg)


def _taken_apart(url: str) -> tuple[str, str | None]:
    """The URL without its password, and the password.

    It stands before the host, or, as redis-py reads it too, in ``?password=``.
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        msg = f"this is not an address ({error}); use redis://host:port or unix:///path/to/socket"
        raise ValueError(msg) from None
    user, _, host = parts.netloc.rpartition("@")
    name, _, secret = user.partition(":")
    query = parse_qsl(parts.query, keep_blank_values=True)
    password = unquote(secret) or dict(query).get("password")
    netloc = f"{name}@{host}" if name else host
    rest = urlencode([(key, value) for key, value in query if key != "password"])
    bare = f"{parts.scheme}://{netloc}{parts.path}"
    return f"{bare}?{rest}" if rest else bare, password


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
    if not text:
        msg = f"the password file {path} is empty"
        raise errors.LoomError(msg)
    return text
