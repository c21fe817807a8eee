"""Addresses as people write them, and passwords that never print."""

from __future__ import annotations

import pickle
import re
from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.gcs.address import Address, Secret, parse_address, read_secret

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hush-hush"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("head:6379", "redis://head:6379"),
        ("redis://head:6379", "redis://head:6379"),
        ("redis://head", "redis://head"),
        ("rediss://head:6380/2", "rediss://head:6380/2"),
        ("redis://[::1]:6379", "redis://[::1]:6379"),
        ("unix:///run/loom/s", "unix:///run/loom/s"),
        ("unix:///run/loom/s?db=1", "unix:///run/loom/s?db=1"),
        ("redis://user@head:6379", "redis://user@head:6379"),
    ],
)
def test_the_forms_of_an_address(text: str, url: str) -> None:
    address = parse_address(text)
    assert (address.url, str(address), address.password()) == (url, url, None)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (f"redis://:{SECRET}@head:6379", "redis://head:6379"),
        (f"redis://user:{SECRET}@head:6379/1", "redis://user@head:6379/1"),
        (f"user:{SECRET}@head:6379", "redis://user@head:6379"),
        (f"rediss://user:{SECRET}@[::1]:6379", "rediss://user@[::1]:6379"),
        (f"unix://:{SECRET}@/run/s", "unix:///run/s"),
        (f"unix:///run/s?password={SECRET}", "unix:///run/s"),
        (f"redis://head:1?db=2&password={SECRET}", "redis://head:1?db=2"),
    ],
)
def test_a_password_is_kept_apart_and_never_prints(text: str, url: str) -> None:
    address = parse_address(text)
    assert address.url == url
    assert address.password() == SECRET
    shown = [str(address), repr(address), f"{address}", repr([address]), repr(vars_of(address))]
    assert SECRET not in " ".join(shown)
    assert pickle.loads(pickle.dumps(address)).password() == SECRET


def vars_of(address: Address) -> list[object]:
    return [getattr(address, name) for name in Address.__slots__]


def test_a_password_is_unquoted() -> None:
    assert parse_address("redis://:a%40b%2Fc@head").password() == "a@b/c"
    assert parse_address("redis://:a@b@head").password() == "a@b"


def test_addresses_and_secrets_compare() -> None:
    one = parse_address(f"redis://:{SECRET}@head")
    assert one == parse_address(f"redis://:{SECRET}@head")
    assert one != parse_address("redis://:other@head")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
    assert SECRET not in f"{Secret(SECRET)} {Secret(SECRET)!r}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"http://user:{SECRET}@head:80", "begins with http://; use redis://host:port"),
        (f"redis://user:123/{SECRET}@head", "a database that is no number"),
        ("redis://head/1?db=x", "a database that is no number"),
        (
            "rediss://head?ssl_ca_cert=/ca.pem",
            "cannot say. Did you mean 'ssl_ca_certs'? It can say db, ssl",
        ),
        ("redis://head?socket_timeout=5", "socket_timeout=, which an address cannot say. It can"),
        ("rediss://head?ssl_cert_reqs=perhaps", "ssl_cert_reqs is required or none"),
        (f"redis://:{SECRET}@", "names no server"),
        (f"unix://:{SECRET}@", "names no server"),
        ("unix://", "names no server"),
        ("", "names no server"),
        ("redis://:6379", "names no server"),
        (f"redis://:{SECRET}@head:port", "'redis://head:port' has no valid port"),
        (f"redis://:{SECRET}@head:99999", "has no valid port"),
        (f"redis://:{SECRET}/with/slashes@head:1", "written %2F"),
        (f"redis://:{SECRET}@[::1", "this is not an address"),
    ],
)
def test_a_bad_address_says_what_is_wrong_and_no_secret(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        parse_address(text)
    assert SECRET not in f"{caught.value}{caught.value.__cause__}"
    assert caught.value.__cause__ is None


# -- password files -----------------------------------------------------------------------------


@pytest.fixture
def secret_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return path


def test_a_password_file_is_read_when_it_is_needed(secret_file: Path) -> None:
    address = parse_address("head:1", secret_file)
    assert address.password() == SECRET
    secret_file.write_text("changed")
    assert address.password() == "changed"
    assert SECRET not in f"{address!r}"


def test_the_address_own_password_comes_first(secret_file: Path) -> None:
    assert parse_address("redis://:inline@head", secret_file).password() == "inline"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o666])
def test_a_file_that_is_open_to_others_is_refused(secret_file: Path, mode: int) -> None:
    secret_file.chmod(mode)
    with pytest.raises(errors.LoomError, match=f"chmod 600 {secret_file}") as caught:
        read_secret(secret_file)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_ones_own_is_read(secret_file: Path, mode: int) -> None:
    secret_file.chmod(mode)
    assert read_secret(secret_file) == SECRET


def test_a_file_that_is_missing_or_empty_is_said_by_its_path(secret_file: Path) -> None:
    secret_file.write_text("\n")
    with pytest.raises(errors.LoomError, match=f"{secret_file} is empty"):
        read_secret(secret_file)
    secret_file.unlink()
    with pytest.raises(errors.LoomError, match=f"{secret_file}: No such file"):
        parse_address("head:1", secret_file).password()
