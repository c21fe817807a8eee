"""The library is put together as it should be, and its errors lead back to a file."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hyperloom import errors
from hyperloom.gcs import codes, keys, library, wire
from hyperloom.gcs.library import build
from hyperloom.gcs.replies import from_reply
from scripts.generate_docs import LUA, contracts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.gcs.plane import Plane

CONTRACTS = contracts()
NAMES = [contract.name for contract in CONTRACTS]
BROKEN = """-- task_broken() -> nothing
transition('task_broken', DRAINS, function(ns)
  local function deeper()
    return not_here.at_all
  end
  return deeper()
end)
"""


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's Lua, in a folder that a test may change; `build` reads it anew."""
    for path in LUA.rglob("*.lua"):
        target = tmp_path / "lua" / path.relative_to(LUA)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    monkeypatch.setattr(library, "files", lambda _: tmp_path)
    monkeypatch.setattr(library, "build", build.__wrapped__)
    return tmp_path / "lua"


def test_a_server_knows_exactly_the_transitions_that_have_files(plane: Plane) -> None:
    """So that `FCALL loom_task_step` is found in ``task/step.lua``, and nowhere else."""
    (listed,) = plane.wire.call("FUNCTION", "LIST", "LIBRARYNAME", library.NAME)
    fields = dict(zip(listed[0::2], listed[1::2], strict=True))
    names = {dict(zip(f[0::2], f[1::2], strict=True))[b"name"] for f in fields[b"functions"]}
    assert names == {b"loom_" + name.encode() for name in NAMES}


@pytest.mark.parametrize("contract", CONTRACTS, ids=NAMES)
def test_a_file_holds_the_one_transition_it_is_named_after(contract) -> None:
    text = contract.path.read_text()
    assert contract.registered == (contract.name,)
    assert text.startswith(f"-- {contract.name}(")
    assert "\n-- Refuses: " in text
    assert "\n-- Writes:  " in text


@pytest.mark.parametrize("contract", CONTRACTS, ids=NAMES)
def test_a_header_names_every_refusal_of_its_file(contract) -> None:
    text = contract.path.read_text()
    code = text[text.index("\ntransition(") :]
    named = set(re.findall(r"refuse\('(\w+)'", code))
    named |= {"GAP"} if "act.answered(" in code else set()
    assert named == set(re.findall(r"\b[A-Z]{3,}_?[A-Z]+\b|GAP", contract.refuses))
    assert named or contract.refuses.startswith("nothing")


def test_every_refusal_has_an_exception() -> None:
    text = "".join(path.read_text() for path in LUA.rglob("*.lua"))
    for code in sorted(set(re.findall(r"refuse\('(\w+)'", text))):
        refusal = from_reply(f"LOOM_{code} a sentence")
        assert isinstance(refusal, errors.Refused)
        assert (refusal.code, str(refusal)) == (code, "a sentence")


def test_a_bug_is_reported_at_its_file_and_line(
    plane: Plane, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis says `user_function:1234`; a person needs ``task/broken.lua:4``."""
    (copy / "task" / "broken.lua").write_text(BROKEN)
    broken = library.build()
    monkeypatch.setattr(wire, "build", lambda: broken)
    plane.load(broken)
    with pytest.raises(errors.LibraryBug, match=r"task/broken\.lua:4: .*not_here"):
        plane.call("task_broken")


def test_every_line_of_every_file_is_found_again() -> None:
    """The map is right for all of them, not only for the one that broke."""
    whole = build()
    lines = whole.text.splitlines()
    for name in whole.parts:
        if name.startswith("<"):
            continue
        for number, line in enumerate((LUA / name).read_text().splitlines(), 1):
            at = whole.starts[whole.parts.index(name)] + number - 1
            assert lines[at - 1].removeprefix("do ") == line
            assert whole.locate(f"@user_function:{at}.") == f"{name}:{number}."


def test_the_version_follows_every_byte(copy: Path) -> None:
    """Nodes compare versions before they speak to a cluster."""
    versions = {library.build().version}
    for path in sorted(copy.rglob("*.lua")):
        path.write_text(path.read_text() + "-- …\n")
        versions.add(library.build().version)
    assert len(versions) == len(list(copy.rglob("*.lua"))) + 1
    assert build().version == build().version
    assert build(WAKE_MOST=2).version != build().version
    assert replace(build(), text="").version != build().version


def test_lua_and_python_share_keys_and_codes(plane: Plane, copy: Path) -> None:
    """What the preamble renders is, on the server, what `keys` and `codes` say here."""
    calls = ", ".join(
        f"key.{key.table}(" + ", ".join(["'n'", *(f"'i{i}'" for i in range(len(key.by)))]) + ")"
        for key in keys.KEYS
    )
    names = sorted(codes.lua_constants())
    constants = ", ".join(f"tostring(code.{name})" for name in names)
    (copy / "task" / "shown.lua").write_text(
        "transition('task_shown', READS, function()\n"
        f"  return {{ {{ {calls} }}, {{ {constants} }}, act.tables('n') }}\nend)\n"
    )
    plane.load(library.build())
    shown, values, tables = plane.call("task_shown")
    ids = [f"i{i}".encode() for i in range(3)]
    assert shown == [key.name("n", *ids[: len(key.by)]) for key in keys.KEYS]
    assert len(set(shown)) == len(shown)
    for name, value in zip(names, values, strict=True):
        expected = codes.lua_constants()[name]
        assert (float(value) if isinstance(expected, int) else value) == expected
    assert set(tables) == {
        key.name("n") for key in keys.KEYS if key.scope == "job" and not key.by
    } - {key.name("n") for key in keys.OUTLIVE}


def test_a_key_wants_as_many_ids_as_it_has() -> None:
    assert keys.HELD.name("{loom:00}", b"N") == b"{loom:00}:held:N"
    assert keys.job_namespace(b"\x0a\x1b\x2c\x3d") == "{loom:0a1b2c3d}"
    with pytest.raises(TypeError, match="'held' is keyed by"):
        keys.HELD.name("{loom:00}")


def test_all_keys_of_a_job_share_a_slot() -> None:
    """Its braces make the namespace a hash tag: one slot of a Redis Cluster."""
    ns = keys.job_namespace(b"\xff\x00ab")
    assert re.fullmatch(r"\{[^{}]+\}", ns)
    assert all(key.name(ns, *[b"i"] * len(key.by)).startswith(ns.encode()) for key in keys.KEYS)


@pytest.mark.parametrize("contract", CONTRACTS, ids=NAMES)
def test_what_frees_memory_may_run_when_it_is_full(contract) -> None:
    """And what only adds to it may not."""
    fills = {
        "actor_call", "actor_cede", "actor_claim", "actor_create", "actor_find",
        "event_open", "group_create", "job_open", "metric_add",
        "node_attach", "node_join", "object_put", "owner_add", "plan_add", "process_join",
        "process_stops", "stream_open", "task_plan",
        "task_range", "task_submit", "task_yield", "template_declare",
    }  # fmt: skip
    if contract.name == "process_heard":
        assert contract.flags == "DRAINS", "it is refused when words would be"
    elif contract.writes.startswith("nothing"):
        assert contract.flags == "READS"
    else:
        assert contract.flags == ("FILLS" if contract.name in fills else "DRAINS")
