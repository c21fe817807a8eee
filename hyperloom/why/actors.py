"""Why a call of an actor is not answered: what the actor does instead, as its node tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from hyperloom.why.reason import LONG_S, Reason, Why, spoken

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class AtActor:
    """How far an actor is with its calls, for one that it has not answered."""

    pid: int
    runs: bool  # this one
    before: int  # calls that begin before it
    running: Sequence[str]  # names of calls that run there, perhaps not all;
    more: int = 0  # how many others do
    seconds: float = 0.0  # since it answered one, or since the first of these came
    blocked: bool = False  # the one that runs waits in `get`
    many: bool = False  # it may run several at the same time
    waits: str = ""  # what the one that runs waits for in `get`, if its worker says so
    inner: str = ""  # a call that one that runs has made of its own actor, and that has not begun
    is_inner: bool = False  # that is the one which is asked about
    ids: Sequence[bytes] = ()  # of the calls that are named as running
    lacking: str = ""  # a call of the same process that is before it, and lacks an input
    called: bytes = b""  # that one; or what this one, which waits in `get`, has submitted
    circle: bool = False  # what it waits for waits for this one, by what stands before


class Rests(NamedTuple):
    """An actor that is not made anew before a pause is over."""

    times: int  # incarnations in a row that came to nothing
    seconds: float  # left of the pause


def at_actor(stands: AtActor, holder: str) -> Reason:
    """Of a call; `holder`: the node that has it, if it is not in a lane."""
    where = f"in worker {stands.pid}{holder and f' on node {holder[:8]}'}"
    if stands.is_inner or (stands.inner and not stands.waits and (stands.runs or stands.many)):
        tell = _each_other if stands.many else _itself
        return tell(stands, where)
    if stands.runs:
        return _runs(stands, where)
    if stands.lacking:
        return Reason(
            Why.BEHIND,
            f"waits for its turn at its actor: call {stands.lacking} of the same process is before "
            "it, and waits for an input",
            "allow_out_of_order= lets others go first, if the actor runs several calls at a time",
        )
    before = "1 call is" if stands.before == 1 else f"{stands.before or 'no'} calls are"
    says = f"waits for its turn at its actor: {before} before it"
    if stands.running:
        says += f", and {_running(stands)} {where}"
    if stands.circle:
        return Reason(
            Why.ITSELF,
            f"{says}{_CIRCLE}",
            "let one of these actors run several calls at the same time (max_concurrency=, or "
            "async methods that await), or pass on the ref and not wait for it",
        )
    if stands.inner:
        return Reason(
            Why.ITSELF,
            f"{says}, which waits in get() and has called its own actor: {stands.inner} cannot "
            "begin before it ends",
            _CALL_DIRECTLY,
        )
    return Reason(Why.BEHIND, says, "max_concurrency= lets an actor answer several at a time")


_CIRCLE = ". That waits for this one, by what stands above: none of them ever ends"


def _runs(stands: AtActor, where: str) -> Reason:
    says = _has_run(stands, where) if _alone(stands) else f"runs at its actor: {where}"
    if stands.blocked:
        says += f", and waits there in get(){f' for {stands.waits}' if stands.waits else ''}"
    if stands.circle:
        advice = "have one of them pass on the ref, and not wait for it"
        return Reason(Why.ITSELF, f"{says}{_CIRCLE}", advice)
    advice = "loom stack shows where it is" if stands.seconds >= LONG_S else ""
    return Reason(Why.BLOCKED if stands.blocked else Why.RUNNING, says, advice)


def _alone(stands: AtActor) -> bool:
    return len(stands.running) + stands.more == 1


def _has_run(stands: AtActor, where: str) -> str:
    return f"has run at its actor for {spoken(stands.seconds)} {where}"


def _running(stands: AtActor) -> str:
    more = f" and {stands.more} more" if stands.more > 0 else ""
    has = "has" if _alone(stands) else "have"
    return f"{', '.join(stands.running)}{more} {has} run for {spoken(stands.seconds)}"


_CALL_DIRECTLY = (
    "in a method call self.method(...) and not .remote(...), or let the actor run several calls at "
    "the same time (max_concurrency=, or async methods that await)"
)


def _itself(stands: AtActor, where: str) -> Reason:
    if stands.is_inner:
        says = (
            f"waits for its turn at its actor: {', '.join(stands.running)}, which made this call, "
            f"has run there for {spoken(stands.seconds)} {where}, and waits in get(). If "
            "for this one, neither ever ends"
        )
    else:
        says = (
            f"{_has_run(stands, where)}, waits there in get(), and has called its own actor: "
            f"{stands.inner} cannot begin before this one ends. If it waits for that, neither ever "
            "ends"
        )
    return Reason(Why.ITSELF, says, _CALL_DIRECTLY)


def _each_other(stands: AtActor, where: str) -> Reason:
    if stands.runs:
        says = f"{_has_run(stands, where)}, beside as many others as may"
    else:
        says = f"waits for its turn at its actor: {_running(stands)} {where}, as many as may"
    one = "this one" if stands.is_inner else stands.inner
    return Reason(
        Why.ITSELF,
        f"{says}. One of those that run has called the actor itself: {one} cannot begin before one "
        "of them ends. If all of them wait in get() for such calls, none ever ends",
        "in a method call self.method(...) and not .remote(...), or let the actor run more calls "
        "at the same time (max_concurrency=) than ever wait for each other",
    )


def rests(pause: Rests, holder: str) -> Reason:
    """Of an actor that waits until it is made anew."""
    return Reason(
        Why.RESTS,
        f"is made anew on node {holder[:8]}: in {pause.seconds:.1f} s, since {pause.times} "
        "incarnations in a row died before they answered a call",
        "loom show tells of what they died, loom logs what they printed; loom.kill ends it",
    )
