"""Processes come, fork, stop and die; the store goes on."""

from __future__ import annotations

import fcntl
import os
import signal
import threading

import pytest

from hyperloom.objectstore import kernel, teardown
from tests.unit.objectstore.conftest import MIB, fill, oid
from tests.waiting import wait_until


def put_in(peer, number, size=MIB):
    peer.run(f"client.put({oid(number)!r}, 0, b'', [memoryview(bytes([{number % 251}]) * {size})])")


def read_in(peer, number, size=MIB):
    # Through a function: a name of the peer's would go on pinning the object.
    data = f"bytes([{number % 251}]) * {size}"
    return peer.run(f"(lambda found: found and found[2][0] == {data})(client.get({oid(number)!r}))")


def books_agree(store):
    return store.keeper.stats().used_bytes == store.bytes_of_files()


def test_objects_of_a_dead_process_stay_and_its_slots_go(store):
    peer = store.peer()
    for number in range(4):
        put_in(peer, number)
    peer.run(f"client.free({oid(3)!r})")
    put_in(peer, 10, 1000)  # leaves grants that were never used
    assert store.keeper.stats().processes == 1
    assert not books_agree(store)

    peer.kill()

    wait_until(lambda: store.files("p") == [])
    assert store.files("b") == []
    assert books_agree(store)
    reader = store.client()
    for number in range(3):
        assert reader.get(oid(number))[2][0] == fill(number, MIB)
    reader.free(oid(0))  # nobody's slot now: the keeper ends it
    wait_until(lambda: store.files("b") == [] and books_agree(store))


def test_a_builder_killed_in_the_middle_leaves_nothing(store):
    peer = store.peer()
    peer.run("from hyperloom.objectstore import client as module\nimport os, signal")
    peer.run("module._fill = lambda slot, building: os.kill(os.getpid(), signal.SIGKILL)")
    peer.send(f"client.put({oid(1)!r}, 0, b'', [memoryview(bytes({MIB}))])")
    peer.process.wait()
    wait_until(lambda: store.files("n") == store.files("p") == [])
    assert store.keeper.stats().used_bytes == 0
    store.client().put(oid(1), 0, b"again", [])


def test_a_keeper_that_is_started_again_knows_everything(make_store):
    """1. A client has objects, idle slots and unused grants.  2. The keeper is killed.
    3. The client goes on.  4. Another keeper comes; the client needs new slots from it.
    """
    store = make_store(started=False)
    keeper = store.keeper_peer()
    client, dying = store.client(), store.peer()
    for number in range(3):
        client.put(oid(number), 0, b"", [fill(number, MIB)])
    client.put(oid(3), 0, b"", [fill(3, 1000)])
    put_in(dying, 4)
    client.free(oid(2))

    keeper.kill()
    dying.kill()
    client.put(oid(5), 0, b"", [fill(5, MIB)])
    client.put(oid(6), 0, b"", [fill(6, 1000)])  # a grant of the old keeper's
    assert client.get(oid(4))[2][0] == fill(4, MIB)

    store.start()
    client.put(oid(7), 0, b"", [fill(7, 2 * MIB)])
    wait_until(lambda: store.files("p") == ["1"], what="the dead one is buried")
    assert books_agree(store) or store.keeper.stats().used_bytes > store.bytes_of_files()
    for number, size in ((0, MIB), (5, MIB), (6, 1000), (7, 2 * MIB), (4, MIB)):
        assert client.get(oid(number))[2][0] == fill(number, size)
    client.close()
    wait_until(lambda: books_agree(store) and store.files("p") == [])
    assert len(store.files("o")) == 7


def test_without_a_keeper_a_put_goes_to_disk(make_store, monkeypatch):
    monkeypatch.setattr("hyperloom.objectstore.membership._KNOCK_FOR_S", 0.0)
    store = make_store()
    client = store.client()
    client.put(oid(0), 0, b"", [fill(0, MIB)])
    store.keeper.close(remove=False)
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    assert store.files("s") == [oid(1).hex(), "root"]
    assert client.get(oid(1))[2][0] == fill(1, MIB)
    store.start()
    assert store.keeper.stats().spilled_objects == 1


def test_a_keeper_repairs_what_the_one_before_left(make_store):
    """It died between the two names of a spill, in a copy, and freers died half way."""
    store = make_store()
    client = store.client()
    for number in range(4):
        client.put(oid(number), 0, b"", [fill(number, MIB)])
    view = client.get(oid(3))[2][0]
    store.keeper.close(remove=False)
    for number, state in ((1, 0), (2, 2), (3, 2)):
        with (store.root / "o" / oid(number).hex()).open("r+b") as file:
            file.seek(8)
            file.write(bytes([state]))
    (store.spill / oid(0).hex()).write_bytes(b"the same")
    (store.spill / f"{oid(5).hex()}.keeper.tmp").write_bytes(b"half")

    store.start()

    assert store.files("o") == [oid(0).hex()]
    assert store.files("s") == ["root"]
    assert len(store.files("z")) == 1
    assert books_agree(store)
    assert view == fill(3, MIB)
    assert client.get(oid(0))[2][0] == fill(0, MIB)


def test_two_clients_and_eight_threads(store):
    clients = [store.client(), store.client()]
    failures = []

    def work(seed):
        mine = clients[seed % 2]
        try:
            for step in range(60):
                number = seed * 1000 + step
                size = (1000, 50_000, 400_000, MIB)[step % 4]
                mine.put(oid(number), 0, b"m", [fill(number, size)])
                view = clients[(seed + 1) % 2].get(oid(number))[2][0]
                clients[step % 2].free(oid(number))
                assert view == fill(number, size)
        except Exception as error:  # noqa: BLE001 - the main thread fails the test
            failures.append(repr(error))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.files("o") == []
    for one in clients:
        one.close()
    wait_until(lambda: store.keeper.stats().used_bytes == 0)


def test_a_fork_keeps_pins_and_shares_no_slots(store):
    """The child of a process that has slots, pins and a line to the keeper."""
    peer = store.peer()
    put_in(peer, 1)
    put_in(peer, 2)
    peer.run(f"client.free({oid(2)!r})\nview = client.get({oid(1)!r})[2][0]\nimport os")
    peer.run(
        "ours, theirs = os.pipe(), os.pipe()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.read(ours[0], 1)\n"
        f"    good = view == bytes([1]) * {MIB}\n"
        f"    client.put({oid(3)!r}, 0, b'', [memoryview(bytes([3]) * {MIB})])\n"
        f"    good = good and client.get({oid(3)!r})[2][0] == bytes([3]) * {MIB}\n"
        "    os.write(theirs[1], b'good' if good else b'bad')\n"
        "    os.read(ours[0], 1)\n"
        "    os._exit(0)\n"
    )
    # The parent's slots are still the parent's, and locked or idle as they were.
    put_in(peer, 4)
    assert read_in(peer, 4)
    peer.run(f"client.free({oid(1)!r})\ndel view\nos.write(ours[1], b'1')")
    assert peer.run("os.read(theirs[0], 9)") == b"good"
    store.keeper._room.sweep_zombies()
    assert len(store.files("z")) == 1, "the child still looks at it"
    assert store.keeper.stats().processes == 2
    peer.run("os.write(ours[1], b'2')\nos.waitpid(child, 0)")
    wait_until(lambda: store.files("z") == [])
    assert read_in(peer, 3)
    assert read_in(peer, 4)


def test_a_fork_leaves_the_lock_of_a_build_alone(store):
    """One thread builds while another one forks."""
    peer = store.peer()
    peer.run(
        "slot, _ = client._pool.take(1 << 20)\nimport os\nchild = os.fork()\n"
        "if child == 0: os._exit(0)\n"
        "os.waitpid(child, 0)"
    )
    fd = os.open(store.root / "n" / store.files("n")[0], os.O_RDONLY)
    assert not kernel.lock_now(fd, fcntl.LOCK_SH)
    os.close(fd)


def test_a_child_of_the_raylet_does_not_hold_its_lines(make_store):
    """1. The raylet forks.  2. It is killed.  3. Its clients see their lines close."""
    store = make_store(started=False)
    keeper = store.keeper_peer()
    client = store.client()
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    keeper.run("import os, signal\nchild = os.fork()\nif child == 0: signal.pause()")
    child = keeper.run("child")
    try:
        keeper.kill()
        store.start()
        client.put(oid(2), 0, b"", [fill(2, 2 * MIB)])
        assert store.files("s") == ["root"]
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_freer_that_is_stopped_does_not_stop_readers(store, client):
    """1. A freer takes the lock.  2. It is stopped.  3. Others read, put and free on."""
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    peer = store.peer()
    peer.run(
        "from hyperloom.objectstore import kernel, teardown\nimport os, signal\n"
        "def same_file(fd, path, real=kernel.same_file):\n"
        "    os.kill(os.getpid(), signal.SIGSTOP)\n"
        "    return real(fd, path)\n"
        "kernel.same_file = same_file"
    )
    peer.send(f"client.free({oid(1)!r})")
    os.waitid(os.P_PID, peer.pid, os.WSTOPPED | os.WNOWAIT)

    assert client.get(oid(1))[2][0] == fill(1, MIB)  # a copy
    client.free(oid(1))  # told to the keeper, who will try again
    torn = teardown.free(client._places, oid(1), teardown.always_keep)
    assert torn.end is teardown.End.BUSY
    client.put(oid(2), 0, b"", [fill(2, MIB)])

    peer.kill()
    wait_until(lambda: client.get(oid(1)) is None)


def test_a_put_into_a_removed_store_says_so(make_store, monkeypatch):
    monkeypatch.setattr("hyperloom.objectstore.membership._KNOCK_FOR_S", 0.0)
    store = make_store()
    client = store.client()
    client.put(oid(1), 0, b"", [fill(1, MIB)])
    view = client.get(oid(1))[2][0]
    store.keeper.close(remove=True)
    with pytest.raises(Exception, match=f"{store.root}, is gone; the node was stopped"):
        client.put(oid(2), 0, b"", [fill(2, MIB)])
    assert client.get(oid(2)) is None
    client.free(oid(2))
    assert view == fill(1, MIB)
    store.start()
