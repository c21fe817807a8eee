"""The first look at a control plane that a person named, before anything is started for it.

The rule: what fails here is most often in the address itself, so each error names it, says what
was found there, and what to write instead.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from hyperloom import errors
from hyperloom.gcs import install
from hyperloom.gcs.wire import Wire

if TYPE_CHECKING:
    from hyperloom.gcs.address import Address

_HOW_TO_SAY_IT = (
    "Write it into a file of mode 0600 and name that: LOOM_PASSWORD_FILE=FILE, or loom start "
    "--password-file FILE; or into the address: redis://:PASSWORD@HOST:PORT"
)
_SIGNER = (
    "If it is signed by an authority of your own, name that in the address: "
    "rediss://HOST:PORT?ssl_ca_certs=/path/to/ca.pem"
)
_PORT = "Is the port right? A server with TLS wants rediss://"
# What the words of a server or of the TLS library contain; what that means; what to do.
_KNOWN = (
    ("NOAUTH", "it asks for a password, and none was given", _HOW_TO_SAY_IT),
    ("invalid username-password", "it refused the password that was given", _HOW_TO_SAY_IT),
    ("without any password", "it has no password, and one was given", "Leave it out"),
    ("CERTIFICATE_VERIFY", "this machine does not trust its certificate ({words})", _SIGNER),
    ("[SSL", "{words}", "Does it speak TLS at all? If not, write redis://"),
    ("another protocol", "{words}", _PORT),
    ("reset by peer", "{words}", _PORT),
    ("closed the connection", "{words}", _PORT),
    ("", "{words}", "Is the address right, and does the server run? There, loom status tells"),
)


def reach(address: Address) -> None:
    """Make sure that there is a control plane, and that it will do.

    Raises:
        errors.NotConnected: there is none, it lets us not in, or it will not do.
    """
    try:
        with closing(Wire(address)) as wire:
            wire.call("PING")
            install.check(wire)
    except (errors.ControlPlaneLost, errors.ServerRefused) as error:
        words = str(error.__cause__ or error)
        said, advice = next((said, advice) for mark, said, advice in _KNOWN if mark in words)
        raise errors.NotConnected(
            f"no connection to the control plane at {address}: "
            f"{said.format(words=words.rstrip('.'))}. {advice}. Nothing was started"
        ) from error
