"""What a viewer may do with ``--allow-actions``; without it, none of these routes exists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse
from starlette.routing import Route

from hyperloom import errors
from hyperloom.gcs import cancelling
from hyperloom.watch import plans

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from hyperloom.dashboard.access import Access
    from hyperloom.dashboard.desk import Desk
    from hyperloom.watch.cluster import Cluster

    Do = Callable[[Cluster, Mapping[str, str]], dict[str, Any]]


def routes(access: Access, desk: Desk) -> list[Route]:
    """A route for each action."""

    def route(name: str, do: Do) -> Route:
        async def done(request: Request) -> Response:
            if not access.may_act(request):
                return JSONResponse({"error": "only this page itself may ask for that"}, 403)
            asked = dict(request.query_params)
            try:
                return JSONResponse(await desk.ask(lambda cluster: do(cluster, asked)))
            except errors.NotFound as error:
                return JSONResponse({"error": str(error)}, 404)
            except errors.LoomError as error:
                return JSONResponse({"error": str(error)}, 503)

        return Route(f"/api/do/{name}", done, methods=["POST"])

    return [route("cancel", cancel), route("kill", kill)]


def cancel(cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
    """A task, or all tasks of a plan or a job that are not over."""
    found = cluster.find(asked.get("id", ""))
    wire = cluster.control_plane.wire
    if found.kind == "job":
        return cancelling.cancel_all(wire, found.id, force=False)
    if found.kind == "plan":
        mine = plans.belonging_to(cluster, found.id)
        return cancelling.cancel_all(wire, found.job, force=False, belongs=mine)
    if found.kind == "task":
        return cancelling.cancel(wire, found.job, [found.id], force=False)
    raise errors.NotFound(
        f"{asked.get('id')!r} is a {found.kind}: a task, plan or job is cancelled"
    )


def kill(cluster: Cluster, asked: Mapping[str, str]) -> dict[str, Any]:
    """An actor, for good."""
    found = cluster.find(asked.get("id", ""))
    if found.kind != "task":
        raise errors.NotFound(f"{asked.get('id')!r} is a {found.kind}, and no actor")
    live = cluster.control_plane
    (stand,) = live.where(found.job, [found.id])
    name = stand.template.name if stand.template else ""
    return {"killed": cancelling.kill_actor(live.wire, found.job, found.id, name)}
