"""The page's own files, read once and served from memory.

A browser keeps them and asks whether they are still the same: so no page is older than its server.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

_TYPES = {
    ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css",
    ".svg": "image/svg+xml",
}  # fmt: skip


class _File(NamedTuple):
    body: bytes
    tag: str  # another one for another body
    type: str


def routes(folder: Path) -> list[Route]:
    """The page itself, and below ``/static`` all files of the folder that a browser reads."""
    files = {
        str(path.relative_to(folder)): _read(path)
        for path in folder.rglob("*")
        if path.suffix in _TYPES
    }

    async def index(request: Request) -> Response:
        return _answer(request, files["index.html"])

    async def static(request: Request) -> Response:
        found = files.get(request.path_params["name"])
        return Response(status_code=404) if found is None else _answer(request, found)

    return [Route("/", index), Route("/static/{name:path}", static)]


def _read(path: Path) -> _File:
    body = path.read_bytes()
    return _File(body, f'"{hashlib.sha256(body).hexdigest()[:16]}"', _TYPES[path.suffix])


def _answer(request: Request, file: _File) -> Response:
    headers = {"ETag": file.tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == file.tag:
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.type)
