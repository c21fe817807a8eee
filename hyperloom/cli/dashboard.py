"""``loom dashboard``: the page."""

from __future__ import annotations

import os
import webbrowser
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from hyperloom.cli import looking, words

if TYPE_CHECKING:
    from pathlib import Path

    from hyperloom.watch.cluster import Cluster

INSTALL = "pip install 'hyperloom[dashboard]'"
_PACKAGES = ("starlette", "uvicorn", "numpy")


@click.command(name="dashboard")
@click.option("--host", help="Listen on this address.  [default: 127.0.0.1]")
@click.option("--port", type=words.Number(most=65535), help="[default: 6391, or any]")
@click.option("--allow-actions", is_flag=True, help="Let it cancel tasks and jobs, kill actors.")
@click.option("--open", "opens", is_flag=True, help="Open it in a browser of this machine.")
@click.option("--json", "as_json", is_flag=True, help="url, pid, allow_actions, for programs.")
@click.option("--session", default="", metavar="NAME", help="Another session of this machine.")
@click.option("--address", default="", help="Another control plane than this machine's.")
def command(  # noqa: PLR0913 - the options of the command
    *, host: str | None, port: int | None, allow_actions: bool, opens: bool, as_json: bool,
    session: str, address: str,
) -> int:  # fmt: skip
    """Show what goes on as a page.

    The page of a head of this machine: a new link to it is printed, also where its other nodes are
    looked at. If there is none, or any of --host, --port and --allow-actions is given, one is
    served until Ctrl-C.

    It listens on this machine only unless --host says otherwise, and lets in who has the link that
    is printed, once. From another machine, use an ssh tunnel: ssh -L 6391:127.0.0.1:6391 HOST.
    The page only reads, unless --allow-actions lets it do more.
    """
    if not installed():
        raise click.UsageError(f"the page needs some packages more: {INSTALL}")
    own = host is not None or port is not None or allow_actions
    folder = None if own else head_folder(address, session)
    link = None if folder is None else link_of(folder)
    if link is not None and folder is not None:
        if as_json:
            looking.say_json(_of_head(link, folder))
        _tell(link, opens=opens, quiet=as_json)
        return 0
    from hyperloom.dashboard import serve  # noqa: PLC0415 - an extra
    from hyperloom.gcs.server import is_loopback  # noqa: PLC0415

    def connect() -> Cluster:
        return looking.cluster(address, session)

    def ready(link: str) -> None:
        if as_json:
            told = {"url": link, "pid": os.getpid(), "allow_actions": allow_actions}
            looking.say_json(told)
        _tell(link, opens=opens, quiet=as_json)
        if not as_json:
            click.echo("Ctrl-C ends it.")

    if host not in {None, "localhost"} and not is_loopback(str(host)):
        click.echo("loom: warning: what the page sends over the network is not encrypted", err=True)
    connect().close()  # who cannot be reached is told of here, and not in a browser
    sock = serve.listen(host or "127.0.0.1", port)
    serve.serve(sock, connect, serve.Terms(ready=ready, actions=allow_actions))
    return 0


def installed() -> bool:
    """Whether what the page needs is there."""
    return all(find_spec(name) is not None for name in _PACKAGES)


def link_of(folder: Path) -> str | None:
    """A new link to the page that this head brought along; None: it has none."""
    from hyperloom.dashboard import links  # noqa: PLC0415

    return links.ask(folder)


def head_folder(address: str, session: str) -> Path | None:
    """The session folder of the head that is looked at, if it is one of this machine."""
    from hyperloom.config import Config  # noqa: PLC0415
    from hyperloom.node import found  # noqa: PLC0415

    head = found.find(Config.load(), address, session).head
    return None if head is None else head.folder


def _of_head(link: str, folder: Path) -> dict[str, Any]:
    """The same about the page of a head, for programs."""
    from hyperloom.dashboard import links  # noqa: PLC0415
    from hyperloom.raylet.node import NodeSettings  # noqa: PLC0415

    page = NodeSettings.read(folder).page
    return {
        "url": link,
        "pid": links.process(folder),
        "allow_actions": page is not None and bool(page["actions"]),
    }


def _tell(link: str, *, opens: bool, quiet: bool) -> None:
    if not quiet:
        click.echo(f"The page, for one browser: {link}")
    if opens:
        webbrowser.open(link)
