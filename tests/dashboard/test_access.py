"""Who is let in, and who is not."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import httpx
import pytest

from hyperloom.dashboard import access, serve
from hyperloom.dashboard.answers import PAGES
from hyperloom.dashboard.app import STATIC

if TYPE_CHECKING:
    from tests.dashboard.conftest import Page

pytestmark = pytest.mark.slow

EVERYTHING = ["/", "/api/moment", "/static/app.js", *[f"/api/{name}" for name in PAGES]]
EVERYTHING[EVERYTHING.index("/api/profile")] += "?seconds=0.01"


@pytest.mark.parametrize("path", [*EVERYTHING, "/api/moments"])
def test_without_a_cookie_nothing_is_answered(page: Page, path: str) -> None:
    reply = httpx.get(page.url + path)
    assert reply.status_code == 401
    assert "loom dashboard" in reply.text


def test_a_link_works_once(page: Page) -> None:
    link = page.url + page.access.new_link()
    first = httpx.get(link)
    assert first.status_code == 303
    cookie = first.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert httpx.get(link).status_code == 403


def test_a_cookie_is_good_for_some_hours(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.monotonic() + 12 * 3600 + 60
    with page.visitor() as visitor, page.visitor() as another:
        assert (
            visitor.get("/api/terms").json()["token"] != another.get("/api/terms").json()["token"]
        )
        monkeypatch.setattr(access, "time", SimpleNamespace(monotonic=lambda: later))
        assert visitor.get("/api/terms").status_code == 401


def test_a_guessed_link_does_not(page: Page) -> None:
    assert httpx.get(page.url + "/login?token=").status_code == 403
    assert httpx.get(page.url + "/login?token=" + "a" * 43).status_code == 403


def test_it_answers_for_the_names_of_this_machine_only() -> None:
    assert serve.names_of("127.0.0.1") == {"127.0.0.1", "localhost", "::1", "[::1]"}
    everywhere = serve.names_of("0.0.0.0")
    assert {"127.0.0.1", socket.gethostname().lower()} <= everywhere
    assert "0.0.0.0" not in everywhere


@pytest.mark.parametrize("path", EVERYTHING)
def test_another_hosts_name_is_refused(page: Page, path: str) -> None:
    """Somebody's name that leads to this machine: its pages would count as of one origin."""
    with page.visitor() as visitor:
        port = page.url.rpartition(":")[2]
        assert visitor.get(path, headers={"Host": f"evil.example:{port}"}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"}, {"Origin": "http://127.0.0.1:1"}, {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "document"},
    ],
)  # fmt: skip
def test_a_page_of_another_origin_is_refused(page: Page, headers: dict[str, str]) -> None:
    with page.visitor() as visitor:
        assert visitor.get("/api/moment", headers=headers).status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_changed(page: Page, method: str) -> None:
    with page.visitor() as visitor:
        for path in EVERYTHING:
            assert visitor.request(method, path).status_code == 405


def test_scripts_are_the_pages_own_only(page: Page) -> None:
    with page.visitor() as visitor:
        for path in EVERYTHING:
            reply = visitor.get(path)
            policy = reply.headers["content-security-policy"]
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert reply.headers["x-content-type-options"] == "nosniff"
    index = (STATIC / "index.html").read_text()
    assert "style=" not in index
    assert "onclick" not in index


def test_files_beside_the_pages_are_not_served(page: Page) -> None:
    with page.visitor() as visitor:
        for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"):
            assert visitor.get(path).status_code == 404


def test_what_is_vendored_is_as_its_makers_published_it() -> None:
    vendor = STATIC / "vendor"
    sums = dict(reversed(line.split()) for line in (vendor / "SHA256SUMS").read_text().splitlines())
    files = {file.name for file in vendor.iterdir() if file.suffix in {".mjs", ".css"}}
    assert files == set(sums)
    for name, told in sums.items():
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == told, name


MARKUP = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "srcdoc", "eval(")


def test_no_script_of_ours_can_make_markup_of_text() -> None:
    """What a task says of itself is text, whatever it says."""
    scripts = [file for file in STATIC.rglob("*.js") if "vendor" not in file.parts]
    assert len(scripts) >= 15
    for script in scripts:
        text = script.read_text()
        for word in (*MARKUP, "dangerouslySetInnerHTML", "new Function", "javascript:"):
            assert word not in text, f"{word} in {script.name}"


def test_files_are_kept_by_browsers_that_ask_whether_they_are_the_same(page: Page) -> None:
    with page.visitor() as visitor:
        for path, kind in {"/": "text/html", "/static/app.js": "text/javascript"}.items():
            first = visitor.get(path)
            assert first.headers["content-type"].startswith(kind)
            assert first.headers["cache-control"] == "no-cache"
            again = visitor.get(path, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            other = visitor.get(path, headers={"If-None-Match": '"another"'})
            assert other.content == first.content


def test_what_is_answered_leaves_at_once() -> None:
    """Else a small answer waits until its reader has acknowledged the one before: 40 ms."""

    async def sent_at_once(sock: socket.socket) -> int:
        told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            at = writer.get_extra_info("socket")
            told.set_result(at.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(answer, sock=sock):
            _, writer = await asyncio.open_connection(*sock.getsockname())
            writer.close()
            return await told

    assert asyncio.run(sent_at_once(serve.listen("127.0.0.1", 0))) == 1
