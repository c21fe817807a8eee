"""Whether nobody reads along when this node and the others give each other large values.

The rule: a node that could not give a value to the others, or take one from them, does not join.
It would take tasks all the same, and their inputs would never come.
"""

from __future__ import annotations

import ssl
from contextlib import closing
from typing import TYPE_CHECKING, Any

from hyperloom import errors
from hyperloom.gcs import keys, members
from hyperloom.gcs.wire import fcall
from hyperloom.transfer import endpoint, protocol
from hyperloom.transfer.tls import Tls

if TYPE_CHECKING:
    from hyperloom.config import Config
    from hyperloom.gcs.wire import Wire

_ASKED_MOST = 3  # what the first one says that can be reached is enough
_PATIENCE_S = 2.0
_NOT_STARTED = "This node was not started, and nothing was changed"
_OPTIONS = "LOOM_OBJECT_TLS_CERTIFICATE, LOOM_OBJECT_TLS_KEY and LOOM_OBJECT_TLS_AUTHORITY"


KEY = b"key"  # what nodes prove to each other that they know: where the control plane keeps it


def cluster_key(stored: bytes | None) -> bytes:
    """As it is used; of none that is any good when the control plane has none yet."""
    return bytes.fromhex(stored.decode()) if stored is not None else b""


def tls_of(config: Config) -> Tls | None:
    """What the node shows to others, and what it accepts; None when nothing is encrypted.

    Raises:
        errors.LoomError: a part is missing, or it will not do.
    """
    parts = (config.object_tls_certificate, config.object_tls_key, config.object_tls_authority)
    if not any(parts):
        return None
    if not all(parts):
        raise errors.LoomError(
            "of object_tls_certificate, object_tls_key and object_tls_authority some are set and "
            f"some are not. {_NOT_STARTED}. Set all of {_OPTIONS}, or none of them"
        )
    try:
        return Tls(*parts)
    except OSError as error:
        raise errors.LoomError(
            f"TLS between nodes cannot be had with the certificate {parts[0]}, its key {parts[1]} "
            f"and the authority {parts[2]}: {error}. {_NOT_STARTED}. The certificate must be valid "
            "today, go with the key, and be signed by the authority"
        ) from error


def greet(wire: Wire, node: bytes, config: Config) -> None:
    """Shake hands with a node that is there, if one can be reached and one of the two has TLS.

    Raises:
        errors.LoomError: it and we cannot give each other large values.
        errors.ControlPlaneLost: the connection broke.
    """
    tls = tls_of(config)
    key = cluster_key(wire.call("HGET", keys.ABOUT.name(keys.CLUSTER), KEY))
    there = members.of(wire.call(*fcall("node_list", keys.CLUSTER)))
    encrypt = ("tls:", "tcp:") if tls else ("tls:",)  # where no side does, all is well
    others = [
        each
        for each in there
        if each["alive"]
        and each["node"] != node.hex()
        and each.get("objects", "").startswith(encrypt)
    ]
    for other in others[:_ASKED_MOST]:
        try:
            _knock(other["objects"], key, tls)
        except endpoint.Unlike:
            raise errors.LoomError(_unlike(other, has_tls=tls is None)) from None
        except ssl.SSLEOFError:
            continue  # it hung up, and did not say that this was the reason
        except ssl.SSLError as error:
            raise errors.LoomError(
                f"this node and {_name(other)} do not accept each other's certificates: {error}. "
                "Large values could not move between them, and tasks would wait for their inputs "
                f"for ever. {_NOT_STARTED}. Have the certificates of all nodes signed by one "
                f"authority, and name it on each; here it is {config.object_tls_authority}"
            ) from error
        except OSError:
            continue  # it has just died, or the path to it carries nothing now
        return


def _knock(where: str, key: bytes, tls: Tls | None) -> None:
    with closing(endpoint.connect(where, _PATIENCE_S, tls)) as sock:
        # After the handshake: only now does the other side look at our certificate.
        protocol.knock(sock, key)


def _unlike(other: dict[str, Any], *, has_tls: bool) -> str:
    if has_tls:
        return (
            f"{_name(other)} encrypts the large values that it gives to other nodes, and this node "
            f"has no certificate for that. {_NOT_STARTED}. Set {_OPTIONS} to files of this cluster"
        )
    return (
        f"this node is to encrypt large values, and {_name(other)} does not. {_NOT_STARTED}. Start "
        f"all nodes of the cluster with {_OPTIONS}, or all without"
    )


def _name(other: dict[str, Any]) -> str:
    return f"node {other['node'][:8]} on {other.get('host', '?')}"
