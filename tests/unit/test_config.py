"""Options: where their values come from, and what is said about wrong ones."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import hyperloom
from hyperloom.config import OPTIONS, Config, Option, unknown_variables
from hyperloom.disks import in_memory
from hyperloom.errors import InvalidOption

SOURCE = [
    path.read_text()
    for path in Path(hyperloom.__file__).parent.rglob("*.py")
    if path.name not in {"config.py", "checks.py"}  # they only tell of it
]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_every_default_is_valid_and_every_option_is_told(option: Option) -> None:
    option.check(option.default)
    assert option.sentence.endswith(".")


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_ends_in_its_unit(option: Option) -> None:
    endings = {"bytes": "_bytes", "seconds": "_s", "percent": "_percent"}
    assert option.name.endswith(endings.get(option.unit, ""))


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_is_read_by_somebody_who_acts_on_it(option: Option) -> None:
    assert any(re.search(rf"\.{option.name}\b", text) for text in SOURCE), (
        f"{option.variable} is documented and changes nothing"
    )


def test_what_is_given_wins_over_the_environment_and_that_over_the_default() -> None:
    environ = {"LOOM_LEASE_S": "20", "LOOM_BEAT_S": "4"}
    config = Config.load(environ, beat_s=1.5)
    assert (config.lease_s, config.beat_s, config.reconcile_s) == (20.0, 1.5, 5.0)


def test_a_wrong_variable_does_not_hurt_when_a_value_is_given() -> None:
    assert Config.load({"LOOM_BEAT_S": "soon"}, beat_s=1).beat_s == 1


def test_an_empty_variable_is_an_unset_one() -> None:
    assert Config.load({"LOOM_LEASE_S": ""}) == Config.load({})


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("64KiB", 65536), ("1 MiB", 1048576), ("2kB", 2000)]
)
def test_bytes_may_be_written_with_their_unit(text: str, size: int) -> None:
    assert Config.load({"LOOM_INLINE_MAX_BYTES": text}).inline_max_bytes == size


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("0", False)])
def test_a_switch_is_written_in_words_or_digits(text: str, value: bool) -> None:  # noqa: FBT001
    assert Config.load({"LOOM_CHECK": text}).check is value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lease_s", "soon"),
        ("lease_s", "nan"),
        ("lease_s", "inf"),
        ("lease_s", "-1"),
        ("submit_batch", "1.5"),
        ("submit_batch", "0"),
        ("inline_max_bytes", "3 apples"),
        ("check", "maybe"),
    ],
)
def test_a_refusal_says_what_was_given_what_may_be_and_what_to_do(name: str, text: str) -> None:
    variable = f"LOOM_{name.upper()}"
    with pytest.raises(InvalidOption) as caught:
        Config.load({variable: text})
    message = str(caught.value)
    allowed = next(option for option in OPTIONS if option.name == name).allowed()
    for part in (name, variable, text, allowed, "Nothing was started", "default"):
        assert part in message


@pytest.mark.parametrize(
    ("name", "value"), [("lease_s", "10"), ("submit_batch", True), ("check", 1)]
)
def test_a_given_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidOption, match=name):
        Config.load({}, **{name: value})


def test_options_that_cannot_work_together_are_refused() -> None:
    with pytest.raises(InvalidOption, match=r"beat_s=6.0 must be at most half of lease_s=10.0"):
        Config.load({"LOOM_BEAT_S": "6"})


def test_an_unknown_option_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InvalidOption, match=r"no option 'leese_s'. Did you mean 'lease_s'\?"):
        Config.load({}, leese_s=3)


def test_a_misspelt_variable_is_told() -> None:
    (told,) = unknown_variables({"LOOM_LEASE": "3", "LOOM_LEASE_S": "3", "PATH": "/bin"})
    assert "LOOM_LEASE means nothing" in told
    assert "Did you mean 'LOOM_LEASE_S'?" in told


def test_a_password_in_the_address_is_never_shown() -> None:
    config = Config.load({"LOOM_ADDRESS": "redis://:hunter2@head:6379"})
    assert config.address.endswith("head:6379")
    assert "hunter2" not in repr(config)
    with pytest.raises(InvalidOption) as caught:
        Config(address=b"redis://:hunter2@head")  # type: ignore[arg-type]
    assert "hunter2" not in str(caught.value)


def test_sessions_lie_in_a_folder_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the temporary folder, unless that is in memory: what spills must not go there."""
    name = f"hyperloom-{os.getuid()}"
    monkeypatch.setattr("tempfile.tempdir", "/somewhere")
    assert Config.load({}).runtime_dir == f"/somewhere/{name}"
    monkeypatch.setattr("tempfile.tempdir", "/dev/shm")
    assert Config.load({"LOOM_RUNTIME_DIR": ""}).runtime_dir == f"/var/tmp/{name}"
    assert Config.load({"LOOM_RUNTIME_DIR": "/dev/shm/x"}).runtime_dir == "/dev/shm/x"


def test_what_is_in_memory_is_known_before_it_is_made() -> None:
    assert [in_memory(Path(p)) for p in ("/dev/shm", "/dev/shm/no/such", "/proc")] == [
        True, True, False,
    ]  # fmt: skip
