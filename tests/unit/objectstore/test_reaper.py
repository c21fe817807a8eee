"""Nothing is left in memory or on disk when all are gone, however they went."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hyperloom.errors import LoomError
from hyperloom.objectstore import reaper
from tests.unit.objectstore.conftest import MIB, fill, oid
from tests.waiting import wait_until


@pytest.mark.slow
def test_nothing_is_left_when_everybody_is_killed(make_store):
    store = make_store(started=False)
    keeper = store.keeper_peer()
    peers = [store.peer(), store.peer()]
    for number, peer in enumerate(peers):
        for size in (MIB, 40 * MIB):  # the second one drives the first ones to disk
            name = bytes([number]) * 19 + bytes([size >> 20])
            peer.run(f"client.put({name!r}, 0, b'', [memoryview(bytes({size}))])")
            peer.run(f"kept = client.get({name!r})")
    assert len(store.files("s")) > 1

    keeper.kill()
    peers[0].kill()
    assert store.root.exists()  # the other one may still need it
    peers[1].kill()

    wait_until(lambda: not store.root.exists() and not store.spill.exists())


def test_a_second_keeper_needs_no_second_reaper(make_store):
    store = make_store()
    store.keeper.close(remove=False)
    store.start()

    def reapers():
        folder = str(store.root).encode()
        processes = [path for path in Path("/proc").iterdir() if path.name.isdecimal()]
        return [path for path in processes if folder in read(path / "cmdline")]

    wait_until(lambda: len(reapers()) == 1)  # the second one ends when it meets the first


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_next_start_sweeps_what_nobody_holds(make_store, tmp_path):
    live = make_store()
    live.client().put(oid(1), 0, b"", [fill(1, 1000)])
    me = os.getuid()
    dead = tmp_path / f"loom-{me}-dead"
    spill = tmp_path / f"loom-{me}-dead-spill"
    for folder in (dead, dead / "o", spill):
        folder.mkdir()
    (dead / "alive").touch()
    (dead / "s").symlink_to(spill)
    (dead / "o" / oid(1).hex()).write_bytes(b"x")
    (spill / "root").symlink_to(dead)
    (spill / oid(2).hex()).write_bytes(b"x")
    (spill / f"{oid(3).hex()}.7.123-0.tmp").write_bytes(b"x")
    half_removed = tmp_path / f"loom-{me}-old.removed-17"
    half_removed.mkdir()
    after_a_boot = tmp_path / f"loom-{me}-boot"
    after_a_boot.mkdir()
    (after_a_boot / "root").symlink_to(tmp_path / "gone")
    (after_a_boot / oid(2).hex()).write_bytes(b"x")
    being_made = tmp_path / f"loom-{me}-new"
    being_made.mkdir()
    foreign = tmp_path / "loom-x-other"
    foreign.mkdir()
    beside = tmp_path / f"loom-{me}-boot" / "notes.txt"
    beside.write_text("not ours")

    removed = {*reaper.sweep_stale(tmp_path), *reaper.sweep_stale(live.root.parent)}

    assert {dead, half_removed, after_a_boot} <= removed
    left = {path.name for path in tmp_path.iterdir()} - {live.root.name}
    assert left == {after_a_boot.name, being_made.name, foreign.name}
    assert [path.name for path in after_a_boot.iterdir()] == ["notes.txt"]
    assert live.root not in removed
    assert live.client().contains(oid(1))


def test_a_folder_of_somebody_else_is_refused(make_store):
    store = make_store(started=False)
    store.root.mkdir(mode=0o755)
    with pytest.raises(LoomError, match="not private to this user"):
        store.start()
    store.root.rmdir()


@pytest.mark.parametrize("name", ["0a1b", "0a1b.keeper.tmp", "0a1b.3.77-1.tmp"])
def test_only_our_files_are_spill_files(name):
    assert reaper.is_spill_file(name)
    assert not reaper.is_spill_file(name + ".txt")
    assert not reaper.is_spill_file("x" + name)
