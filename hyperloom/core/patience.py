"""A `get` that waits for long says why, once.

To the logger ``hyperloom``, as a warning: who has set up no logging sees it on stderr.  Not in
tasks, whose waiting is a matter of course; and not twice about the same function for the same
reason, however many calls wait for it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hyperloom.core.explain import explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hyperloom.core.session import Session

_SHOWN = 3  # objects that are explained

_log = logging.getLogger("hyperloom")
_said: set[str] = set()


def of(session: Session) -> float | None:
    """How long a `get` waits in silence; None: for ever."""
    seconds = session.config.say_why_s
    return seconds if seconds and session.running is None else None


def ends(session: Session, oids: Sequence[bytes], seconds: float) -> None:
    """It has waited for so long: say why, unless that is known."""
    missing = [oid for oid in oids if session.values.get(oid) is None]
    lines = explain(session, missing[:_SHOWN])
    # What is left of a line without the names of its objects is the reason.
    reasons = {line.partition(" of task ")[2].partition(":")[0] for line in lines}
    if reasons <= _said:
        return
    _said.update(reasons)
    more = f"\n  … and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    shown = "".join([f"\n  {line}" for line in lines])
    _log.warning(
        "hyperloom: get() has waited for %g s, and goes on; %d of %d objects are not there yet:%s%s"
        "\n  loom why tells more. (Said once for each reason; LOOM_SAY_WHY_S=0 silences it.)",
        seconds, len(missing), len(oids), shown, more,
    )  # fmt: skip
