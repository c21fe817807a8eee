"""``loom dashboard``: the page."""

from __future__ import annotations

import webbrowser
from typing import TYPE_CHECKING

import click

from hyperloom.cli import looking, words

if TYPE_CHECKING:
    from hyperloom.watch.cluster import Cluster


@click.command(name="dashboard")
@click.option("--host", default="127.0.0.1", show_default=True, help="Listen on this address.")
@click.option("--port", type=words.Number(most=65535), help="[default: 6391, or any]")
@click.option("--open", "opens", is_flag=True, help="Open it in a browser of this machine.")
@click.option("--session", default="", metavar="NAME", help="Another session of this machine.")
@click.option("--address", default="", help="Another control plane than this machine's.")
def command(host: str, port: int | None, session: str, address: str, *, opens: bool) -> int:
    """Show what goes on as a page, until Ctrl-C.

    It listens on this machine only unless --host says otherwise, and lets in who has the link that
    is printed, once. From another machine, use an ssh tunnel: ssh -L 6391:127.0.0.1:6391 HOST.
    The page reads; it changes nothing.
    """
    try:
        from hyperloom.dashboard import serve  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise click.UsageError(
            "the page needs some packages more: pip install 'hyperloom[dashboard]'"
        ) from error

    def connect() -> Cluster:
        return looking.cluster(address, session)

    connect().close()  # who cannot be reached is told of here, and not in a browser
    sock = serve.listen(host, port)

    def ready(link: str) -> None:
        click.echo(f"The page, for one browser: {link}\nCtrl-C ends it.")
        if opens:
            webbrowser.open(link)

    serve.serve(sock, connect, ready)
    return 0
