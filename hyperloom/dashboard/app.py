"""The web application: files, a common stream of moments, one answer for each page."""

from __future__ import annotations

from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import json
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from hyperloom import errors
from hyperloom.dashboard import actions, files
from hyperloom.dashboard import answers as pages
from hyperloom.dashboard.access import Guard
from hyperloom.dashboard.desk import Desk
from hyperloom.dashboard.sampler import Sampler
from hyperloom.dashboard.shared import Shared

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from hyperloom.dashboard.access import Access
    from hyperloom.watch.cluster import Cluster

STATIC = Path(__file__).parent / "static"
_NOT_KEPT = {"Cache-Control": "no-store"}


def make_app(
    connect: Callable[[], Cluster],
    access: Access,
    beside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
    goes_on: Callable[[], bool] = lambda: True,
) -> ASGIApp:
    """The application over the cluster that `connect` connects to; `beside` lasts as long.

    Who follows moments is let go when it does not `goes_on`.
    """
    # Who takes long keeps nobody waiting but his like.
    moments, common, tables, reading, watching, following = desks = [
        Desk(connect) for _ in range(6)
    ]
    slow = {
        "tasks": tables, "objects": tables, "task": tables, "log": reading, "logs": reading,
        "profile": watching, "plan": following, "drawn": following,
    }  # fmt: skip
    answers = pages.Answers()
    shared = Shared()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with beside():
            yield
        for desk in desks:
            desk.close()

    app = Starlette(
        routes=[
            *_of_viewers(access),
            *_of_moments(Sampler(moments), goes_on),
            *[
                _of_page(name, pages.page(answers, name), slow.get(name, common), shared)
                for name in pages.PAGES
            ],
            *(actions.routes(access, common) if access.actions else ()),
            *files.routes(STATIC),
        ],
        lifespan=lifespan,
    )
    return Guard(app, access)


def _of_viewers(access: Access) -> list[Route]:
    """What each viewer begins with."""

    async def log_in(request: Request) -> Response:
        return access.log_in(request)

    async def terms(request: Request) -> Response:
        told = {"actions": access.actions, "token": access.token(request)}
        return JSONResponse(told, headers=_NOT_KEPT)

    return [Route("/login", log_in), Route("/api/terms", terms)]


def _of_moments(sampler: Sampler, goes_on: Callable[[], bool]) -> list[Route]:
    """What all of them see alike."""

    async def moment(_: Request) -> Response:
        return await _answered(_encoded(sampler.whole))

    async def moments(request: Request) -> Response:
        return StreamingResponse(
            _told(sampler, request, goes_on), media_type="text/event-stream", headers=_NOT_KEPT
        )

    return [Route("/api/moment", moment), Route("/api/moments", moments)]


def _of_page(name: str, answer: pages.Answer, desk: Desk, shared: Shared) -> Route:
    async def answered(request: Request) -> Response:
        asked = dict(request.query_params)
        question = f"{name}?{sorted(asked.items())}"

        async def ask() -> dict[str, Any]:
            return await desk.ask(lambda cluster: answer(cluster, asked))

        return await _answered(shared.get(question, ask))

    return Route(f"/api/{name}", answered)


async def _encoded(ask: Callable[[], Awaitable[Any]]) -> bytes:
    return json.encode(await ask())


async def _answered(answer: Awaitable[bytes]) -> Response:
    try:
        return Response(await answer, media_type="application/json", headers=_NOT_KEPT)
    except (errors.NotFound, errors.NotConnected) as error:
        return _refused(404, error)
    except errors.InvalidOption as error:
        return _refused(400, error)
    except errors.LoomError as error:
        return _refused(503, error)


def _refused(status: int, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status, headers=_NOT_KEPT)


async def _told(
    sampler: Sampler, request: Request, goes_on: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Server-sent events: a moment a second."""
    async for moment in sampler.follow():
        if not goes_on() or await request.is_disconnected():
            return
        yield b"data: " + moment + b"\n\n"
