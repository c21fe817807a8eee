"""Who may look: a login link that works once, a cookie, known hosts, no foreign origin.

The rule: nothing but the login is answered without a cookie, and nothing at all when the request
was meant for another host (a name that somebody points at this machine) or comes from a page of
another origin.  Who wants to change something, where that is allowed at all, must also say that
the request comes from our own page, and show its token, which no other page can read.
"""

from __future__ import annotations

import hmac
import secrets
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "X-Loom-Token"  # noqa: S105 - the name of a header
_COOKIE_S = 12 * 3600
_LINKS_MOST = 20

# What a browser says of a request that another page makes: one of this machine's too.
_FOREIGN = frozenset(("cross-site", "same-site"))

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

    def __init__(self, hosts: Iterable[str], *, actions: bool = False) -> None:
        self._hosts = frozenset(hosts)
        self._links: list[str] = []
        self._cookies: dict[str, tuple[str, float]] = {}  # each with its token, and until when
        self.actions = actions

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
                "This link was used already, or is of an earlier run of the page: each works once, "
                "for one browser. Get a new one with this command: loom dashboard\n",
                403,
            )
        self._links.remove(known)
        cookie = secrets.token_urlsafe(32)
        now = time.monotonic()
        self._cookies = {old: about for old, about in self._cookies.items() if about[1] > now}
        self._cookies[cookie] = secrets.token_urlsafe(32), now + _COOKIE_S
        response = RedirectResponse("/", 303)
        response.set_cookie(
            _cookie(request), cookie, max_age=_COOKIE_S, httponly=True, samesite="strict", path="/"
        )
        return response

    def refusal(self, request: Request) -> Response | None:
        """Why this request is not answered; None: it is."""
        if request.url.hostname not in self._hosts:
            return PlainTextResponse("This host is not known here.\n", 421)
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
            return PlainTextResponse("Pages of other origins are not answered.\n", 403)
        if request.headers.get("sec-fetch-site") in _FOREIGN and not _is_opened(request):
            return PlainTextResponse("Pages of other origins are not answered.\n", 403)
        if request.url.path == "/login" or self.knows(request):
            return None
        return PlainTextResponse("Log in with the link that loom dashboard prints\n", 401)

    def knows(self, request: Request) -> bool:
        """Whether it carries a cookie of ours."""
        return bool(self.token(request))

    def token(self, request: Request) -> str:
        """What actions of this viewer must show; empty: it has no cookie of ours."""
        cookie = request.cookies.get(_cookie(request), "").encode()
        for known, (token, until) in self._cookies.items():
            if hmac.compare_digest(known.encode(), cookie) and time.monotonic() < until:
                return token
        return ""

    def may_act(self, request: Request) -> bool:
        """Whether it may change something: it was sent by our own page, which knows the token."""
        shown = request.headers.get(TOKEN, "").encode()
        token = self.token(request).encode()
        return (
            self.actions
            and bool(token)
            and request.headers.get("origin") is not None  # whose it is, `refusal` looked at
            and hmac.compare_digest(token, shown)
        )


def _is_opened(request: Request) -> bool:
    """Whether a person follows a link to us, from wherever it stands."""
    document = request.headers.get("sec-fetch-dest") == "document"
    return request.url.path == "/login" or (document and request.url.path == "/")


def _cookie(request: Request) -> str:
    """Browsers tell hosts apart, not their ports; there may be a page on another one."""
    return f"loom-dashboard-{request.url.port}"


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
