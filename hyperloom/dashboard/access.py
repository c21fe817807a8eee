"""Who may look: a login link that works once, a cookie, known hosts, no foreign origin.

The rule: nothing but the login and the stylesheet of its page is answered without a cookie, and
nothing at all when the request was meant for another host (a name that somebody points at this
machine) or comes from a page of another origin.
"""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "loom-dashboard"
_COOKIE_S = 12 * 3600
_LINKS_MOST = 20

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Access:
    """Links and cookies of one run of the page; none outlives it."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(hosts)
        self._links: list[str] = []
        self._cookies: set[str] = set()

    def new_link(self) -> str:
        """The path of a login that works once."""
        token = secrets.token_urlsafe(32)
        self._links = [*self._links, token][-_LINKS_MOST:]
        return f"/login?token={token}"

    def log_in(self, request: Request) -> Response:
        """Exchange a link for a cookie."""
        token = request.query_params.get("token", "")
        known = next((link for link in self._links if hmac.compare_digest(link, token)), None)
        if known is None:
            return PlainTextResponse(
                "This link was used already, or is of an earlier run. Start loom dashboard again "
                "for a new one\n",
                403,
            )
        self._links.remove(known)
        cookie = secrets.token_urlsafe(32)
        self._cookies.add(cookie)
        response = RedirectResponse("/", 303)
        response.set_cookie(
            COOKIE, cookie, max_age=_COOKIE_S, httponly=True, samesite="strict", path="/"
        )
        return response

    def refusal(self, request: Request) -> Response | None:
        """Why this request is not answered; None: it is."""
        if request.url.hostname not in self._hosts:
            return PlainTextResponse("This host is not known here.\n", 421)
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return PlainTextResponse("Pages of other origins are not answered.\n", 403)
        if request.headers.get("sec-fetch-site") == "cross-site" and request.url.path != "/login":
            return PlainTextResponse("Pages of other origins are not answered.\n", 403)
        if request.url.path == "/login" or self.knows(request):
            return None
        return PlainTextResponse(
            "Log in with the link that loom dashboard shows when it starts\n", 401
        )

    def knows(self, request: Request) -> bool:
        """Whether it carries a cookie of ours."""
        cookie = request.cookies.get(COOKIE, "")
        return any(hmac.compare_digest(known, cookie) for known in self._cookies)


class Guard:
    """Asks `Access` before anything else, and puts `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        from starlette.requests import Request  # noqa: PLC0415 - typed above

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                more = [(name.lower().encode(), text.encode()) for name, text in HEADERS.items()]
                message["headers"] = [*message["headers"], *more]
            await send(message)

        refusal = self._access.refusal(Request(scope))
        await (refusal or self._app)(scope, receive, with_headers)
