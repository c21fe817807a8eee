"""Placement groups in the played world: what the control plane says of them, and their tasks.

A bundle is told once, is open when it was held for a while, and its group is removed some time;
tasks of a group may come whether the node keeps a bundle of it or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from hyperloom import bundles
from hyperloom.raylet import messages as m
from hyperloom.raylet.reserving import GROUP_BYTES, REMOVED
from hyperloom.resources import CPU, GPU, UNIT
from tests.unit.raylet.cast import JOBS, SHAPES

if TYPE_CHECKING:
    from random import Random

    from tests.unit.raylet.played_world import World

NEEDS = [{CPU: UNIT}, {CPU: UNIT, GPU: UNIT}, {CPU: UNIT // 2, GPU: UNIT // 2}, {"licence": UNIT}]
TASKS = ["one", "half", "gpu", "none"]
MOST = 3


def id_of(number: int) -> bytes:
    return number.to_bytes(GROUP_BYTES, "big")


def tell(world: World) -> None:
    """What the control plane has to say of groups."""
    kept = [m.Kept(name, needs, is_open, 2.0) for name, (needs, is_open) in world.bundles.items()]
    world.tell(m.BundlesTold(kept, [id_of(number) for number in world.gone]))
    world.gone.clear()


def play(world: World, random: Random) -> None:
    """Bundles come, open, and are given up; a group ends."""
    groups = sorted({name[:GROUP_BYTES] for name in world.bundles})
    if groups and random.random() < 0.2:
        remove(world, int.from_bytes(random.choice(groups), "big"))
    elif random.random() < 0.5 and len(world.bundles) < MOST:
        free = {name: world.machine.total.get(name, 0) for name in (CPU, GPU, "licence")}
        needs = random.choice(NEEDS)
        if all(free[name] >= amount for name, amount in needs.items()):
            group = random.choice([*groups, id_of(world.groups_made + 1)])
            world.groups_made = max(world.groups_made, int.from_bytes(group, "big"))
            number = sum(name.startswith(group) for name in world.bundles)
            world.bundles[group + b"%d" % number] = (needs, False)
    for name, bundle in list(world.machine.bundles.items()):
        group = [each for each in world.bundles if each.startswith(name[:GROUP_BYTES])]
        word = bundle.word(world.now)
        if word == "H" and name in world.bundles:
            world.bundles[name] = (world.bundles[name][0], True)
        elif word == "D" and not any(world.bundles[each][1] for each in group):
            world.bundles.pop(name, None)
    tell(world)


def remove(world: World, number: int) -> None:
    for name in [name for name in world.bundles if name.startswith(id_of(number))]:
        del world.bundles[name]
    world.gone.append(number)
    world.removed.add(id_of(number).hex())
    for held in world.all_held():
        if held.kind.group in world.removed:
            world.asked_to_stop.add(held.task)
    world.stop_asked = world.now


def kind(world: World, random: Random) -> m.Kind:
    """Of tasks of the group that was made last, or of the next."""
    group = id_of(max(1, world.groups_made + random.randint(-1, 1))).hex()
    bundle = random.choice([None, 0, 1])
    needs = bundles.asked(SHAPES[random.choice(TASKS)], group, bundle)
    job, text = random.choice(JOBS), ",".join(f"{n}:{a}" for n, a in sorted(needs.items()))
    template = f"{crc32(text.encode()):08x}".encode()
    return m.Kind(template, job, "grouped", f"0|{text}", needs).in_group()


def end(world: World) -> None:
    """No group is wanted any more."""
    for number in range(1, world.groups_made + 2):
        remove(world, number)
    tell(world)


def is_right(world: World, held: m.Held, why: str) -> bool:
    """Whether this is a reason for a task to fail."""
    if why == REMOVED:
        return held.kind.group in world.removed
    return held.task in (world.asked_to_stop if why == "cancelled" else world.over_time)
