"""``loom start``: a node for good, with a control plane (``--head``) or joined to one."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hyperloom.cli import dashboard, words

if TYPE_CHECKING:
    from hyperloom.raylet.node import NodeSettings

_ADDRESSES = 3  # of this machine that are shown
_PAGE_S = 10.0  # until the page is there; the node serves already
_FILE = words.File(exists=True, dir_okay=False, path_type=Path)


@click.command(name="start")
@click.option("--head", is_flag=True, help="Start a control plane, and this machine's node on it.")
@click.option("--address", help="Join the control plane at this redis:// or rediss:// address.")
@click.option("--password-file", type=_FILE, help="File with the control plane's password; 0600.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Head: listen on this address; 0.0.0.0 to let other machines join.",
)
@click.option(
    "--port",
    type=words.Number(most=65535),
    help="Head: listen on this port; 0 for any that is free.  [default: 6390, or any]",
)
@click.option("--num-cpus", type=words.Number(), help="CPUs of this node.  [default: all]")
@click.option("--num-gpus", type=words.Number(), help="GPUs of this node.  [default: 0]")
@click.option("--resources", type=words.Amounts(), help="Other amounts: '{\"licence\": 2}'.")
@click.option("--labels", type=words.Labels(), help="For NodeLabels: zone=a,disk=fast.")
@click.option("--memory", type=words.Size(), help="Memory that tasks may ask for.  [default: all]")
@click.option("--object-store-memory", type=words.Size(), help="Shared memory for objects.")
@click.option(
    "--dir",
    "data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Head: keep its data here, and go on with what is here already.",
)
@click.option(
    "--durability",
    type=click.Choice(["always", "everysec"]),
    default="always",
    show_default=True,
    help="Head: sync to disk before each answer, or every second.",
)
@click.option("--dashboard/--no-dashboard", default=True, help="Head: with its page, or without.")
@click.option(
    "--dashboard-port",
    type=words.Number(most=65535),
    help="Head: its page listens on this port of the loopback address.  [default: 6391, or any]",
)
@click.option(
    "--allow-actions", is_flag=True, help="Head: its page may cancel tasks and jobs, kill actors."
)
@click.option("--block", is_flag=True, help="Stay in the foreground; for systemd and containers.")
def command(**given: Any) -> int:  # noqa: ANN401 - the options above
    """Start a node that outlives this command.

    With --head, a control plane comes with it: a Valkey or Redis server of its own, with a
    password, on this machine's loopback address if nothing else is said; and a page that shows
    what goes on, to who has its link.  All of them are started again when they die.  Python
    programs of yours on this machine find the node by themselves: `loom.init()`.
    """
    if given["head"] == (given["address"] is not None):
        raise click.UsageError(
            "say either --head, to start a control plane, or --address redis://HOST:PORT, to join "
            "one"
        )
    if not given["head"]:
        _refuse_for_a_joining_node(given)
    from hyperloom.config import Config  # noqa: PLC0415
    from hyperloom.node import head  # noqa: PLC0415
    from hyperloom.raylet.node import NodeSettings  # noqa: PLC0415

    config = Config.load()
    if given["password_file"] is None and not given["head"] and config.password_file:
        given["password_file"] = Path(config.password_file)
    folder = head.prepare(_plan(given), config)
    settings = NodeSettings.read(folder)
    if given["block"]:
        return head.run_in_foreground(folder, config, lambda: _tell(settings))
    head.start_daemon(folder, config)
    _tell(settings)
    return 0


def _refuse_for_a_joining_node(given: dict[str, Any]) -> None:
    context = click.get_current_context()
    for name, option in (
        ("port", "port"), ("data", "dir"), ("host", "host"), ("durability", "durability"),
        ("dashboard", "dashboard"), ("dashboard_port", "dashboard-port"),
        ("allow_actions", "allow-actions"),
    ):  # fmt: skip
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{option} is for --head; a node that joins has no server")
    del given


def _plan(given: dict[str, Any]) -> Any:  # noqa: ANN401 - a NodePlan
    from hyperloom.gcs.address import parse_address  # noqa: PLC0415
    from hyperloom.node.connect import Wanted, node_resources  # noqa: PLC0415
    from hyperloom.node.description import NodePlan  # noqa: PLC0415

    sizes = {name: given[name] for name in ("num_cpus", "num_gpus", "resources", "memory")}
    about: dict[str, Any] = {"embedded": False, "store_bytes": given["object_store_memory"]}
    about["labels"] = given["labels"] or {}
    try:
        about["resources"] = node_resources(Wanted(**sizes))
        if given["head"]:
            about |= {name: given[name] for name in ("host", "port", "durability", "data")}
            about |= {"password_file": given["password_file"], "page": _page(given)}
        else:
            about["address"] = parse_address(given["address"], given["password_file"])
            if about["address"].url not in {given["address"], f"redis://{given['address']}"}:
                click.echo(
                    "loom: warning: everybody on this machine can read a command line, and so the "
                    "password in yours; give --password-file instead",
                    err=True,
                )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return NodePlan(**about)


def _page(given: dict[str, Any]) -> dict[str, Any] | None:
    """How the head's page is to be served; None: it shall have none, or cannot."""
    from hyperloom.node.description import free_port  # noqa: PLC0415

    if not given["dashboard"] or not dashboard.installed():
        return None
    port = given["dashboard_port"]
    if port and free_port("127.0.0.1", port) is None:
        raise click.UsageError(
            f"port {port} of the loopback address is taken by another program; nothing was "
            "started. Choose another one for the page, or leave --dashboard-port out"
        )
    return {"port": port, "actions": given["allow_actions"]}


def _tell(settings: NodeSettings) -> None:
    """What was started, and how to go on."""
    cpus = words.amounts(settings.resources.as_dict())
    store = words.size(settings.store_bytes)
    click.echo(f"Node {settings.node.hex()} runs here, with {cpus}; {store} for objects.")
    click.echo(f"  logs          {settings.folder}")
    if settings.server is None:
        click.echo(f"  control plane {settings.address}")
    else:
        _tell_of_head(settings, settings.server, _page_link(settings))
    click.echo("Programs of yours on this machine use it by themselves. End it: loom stop")


def _page_link(settings: NodeSettings) -> str:
    """A link to the head's page, or why there is none."""
    from hyperloom.dashboard import links  # noqa: PLC0415

    if settings.page is None:
        if dashboard.installed():
            return "none; loom dashboard shows one"
        return f"none; {dashboard.INSTALL} brings it"
    link = links.ask(settings.folder, _PAGE_S)
    return link or "is still starting; loom dashboard prints a link to it"


def _tell_of_head(settings: NodeSettings, server: dict[str, Any], page: str) -> None:
    from hyperloom.gcs.server import is_loopback  # noqa: PLC0415

    data = Path(server["folder"]).parent
    click.echo(f"  data          {data}")
    click.echo(f"  control plane {server['url']}, durability {server['durability']}")
    click.echo(f"  password      {server['password_file']}")
    click.echo(f"  page          {page}")
    for line in _hints(settings, server, data):
        click.echo(f"  note          {line}")
    if is_loopback(server["host"]):
        return  # no other machine reaches it, as a note says
    click.echo("Join it from another machine; first copy the password there:")
    host = socket.gethostname()
    click.echo(f"  scp -p {host}:{server['password_file']} loom.password")
    click.echo(f"  loom start --address {server['url']} --password-file loom.password")
    if addresses := _addresses(server["host"]):
        click.echo(f"Where the name {host} is not known, write {' or '.join(addresses)} for it.")


def _addresses(host: str) -> list[str]:
    """By which others reach this machine, if it listens on all of them."""
    import ipaddress  # noqa: PLC0415

    import psutil  # noqa: PLC0415

    if host not in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        return []
    found = [each for some in psutil.net_if_addrs().values() for each in some]
    numeric = [each.address for each in found if each.family == socket.AF_INET]
    return [each for each in numeric if not ipaddress.ip_address(each).is_loopback][:_ADDRESSES]


def _hints(settings: NodeSettings, server: dict[str, Any], data: Path) -> list[str]:
    from hyperloom.disks import in_memory  # noqa: PLC0415
    from hyperloom.gcs.server import is_loopback  # noqa: PLC0415
    from hyperloom.node import folder as folders  # noqa: PLC0415

    hints = []
    if is_loopback(server["host"]):
        hints.append("it listens on this machine only; --host 0.0.0.0 lets others join")
    elif settings.config.object_tls_certificate:
        hints.append(
            "large values are encrypted on their way between nodes, all else that goes over the "
            "network is not: use it where you trust that"
        )
    else:
        hints.append("what goes over the network is not encrypted: use it where you trust that")
    if not settings.keeps_data:
        hints.append("its data last as long as it does; --dir DIR keeps them for a later start")
        if left := folders.left_by_crash(settings.folder):
            hints.append(
                "it begins anew; the head before it ended without loom stop, and its data are "
                "still there. To go on with those, in a folder that is not there yet: "
                f"loom stop && mv {left} DIR && loom start --head --dir DIR"
            )
    if in_memory(data):
        hints.append(f"{data} is in memory and gone after a reboot; give --dir on a disk")
    return hints
