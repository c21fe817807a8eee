"""``python -m tests.dashboard.pictures [FOLDER]``: the page over something that goes on.

Without a folder: those that the docs show.  With one: every view, light and dark, wide and narrow,
to be looked at after a change of the page.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

import hyperloom as loom
from hyperloom.testing import Cluster
from tests.dashboard.conftest import served
from tests.dashboard.scene import Counter, fail, never
from tests.home import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHOWN = {"overview": 600, "graph": 600, "stream": 310}  # in the docs, and how high
WIDE, NARROW = 1100, 480
_MOMENTS_MS = 3000  # a page is told of a moment each second
_CURVE_MS = 60_000  # so long something goes on before the pictures of the docs are taken
VIEWS = ["overview", "jobs", "graph", "stream", "tasks", "actors", "nodes", "objects", "errors",
         "logs", "profile", "plan", "task"]  # fmt: skip


def _takes(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(1000))


@loom.task
def read(part: int) -> bytes:
    """Large enough to lie in shared memory."""
    if part % 50 == 0:
        print("reads part", part, flush=True)  # noqa: T201 - to be looked at
    _takes(0.02)
    return bytes(200_000)


@loom.task
def clean(part: bytes) -> bytes:
    _takes(0.05)
    return part


@loom.task
def features(part: bytes, size: int) -> int:
    _takes(0.01 * size)
    return len(part)


@loom.task
def fit(*parts: int) -> int:
    _takes(0.2)
    return sum(parts)


@loom.task
def report(*fits: int) -> int:
    return sum(fits)


def _plan(number: int) -> Any:
    cleaned = [clean.bind(read.bind(part)) for part in range(number)]
    fits = [
        fit.bind(*(features.bind(part, size) for part in cleaned[first::8]))
        for first in range(8)
        for size in (1, 2, 4)
    ]
    return loom.Plan([report.bind(*fits)])


@contextmanager
def _cluster() -> Iterator[dict[str, str]]:
    """Two nodes, a plan that goes on, an actor, failures; what the views of one thing are of."""
    sys.argv[0] = "pipeline.py"  # what the page says of the program
    with Cluster(nodes=2, num_cpus=4) as cluster, cluster.connect():
        counter = Counter.remote()
        failed = [fail.remote(n) for n in range(3)]
        loom.wait([counter.add.remote(), *failed], num_returns=4)
        kept, waits = loom.put(bytes(5_000_000)), never.remote()
        handle = _plan(8000).submit()
        yield {"plan": f"/{handle.id}", "task": f"/{failed[0].hex()[:32]}"}
        handle.cancel()
        loom.cancel(waits)
        del kept, counter


@contextmanager
def _browser() -> Iterator[Callable[..., Any]]:
    """Takes a view's picture: of a page that has logged in, with these options of the browser's."""
    with _cluster() as of, served() as page, sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])

        def take(view: str, file: Path, wait_ms: int = _MOMENTS_MS, **options: Any) -> None:
            tab = browser.new_page(**options)
            tab.goto(page.url + page.access.new_link())
            tab.wait_for_selector("table")
            tab.evaluate(f"location.hash = '#/{view}{of.get(view, '')}'")
            tab.wait_for_selector(f"main[data-page='{view}'] .card")
            tab.wait_for_timeout(wait_ms)
            tab.screenshot(path=file)
            tab.close()
            sys.stdout.write(f"{file}\n")

        yield take
        browser.close()


def _all(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with _browser() as take:
        for view in VIEWS:
            for width in (WIDE, NARROW):
                for scheme in ("light", "dark"):
                    size = {"width": width, "height": 900}
                    file = folder / f"{view}-{width}-{scheme}.png"
                    take(view, file, viewport=size, color_scheme=scheme)


def _of_the_docs() -> None:
    with _browser() as take:
        for view, height in SHOWN.items():
            file = ROOT / "docs" / "pictures" / f"dashboard-{view}.png"
            wait_ms = _CURVE_MS if view == "overview" else _MOMENTS_MS
            take(view, file, wait_ms, viewport={"width": WIDE, "height": height})


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/pictures", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="for pictures of all views")
    folder = parser.parse_args().folder
    if folder is None:
        _of_the_docs()
    else:
        _all(folder)


if __name__ == "__main__":
    main()
