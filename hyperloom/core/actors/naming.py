"""Actors are made, found by name, and killed.

A name belongs to a namespace, and is taken and freed in the same transitions that begin and end
its actor; so whoever asks for a name, among any number of others, gets the one actor that has it.

The name of an actor that is detached, or in a namespace that was given, is known to the whole
cluster (`claims`); any other to its own program, so that programs do not get in each other's way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hyperloom import errors, specs
from hyperloom.core import current
from hyperloom.core.actors import claims
from hyperloom.core.actors.claims import NO_CLAIM
from hyperloom.core.actors.definition import ActorClass
from hyperloom.core.actors.handle import ActorHandle
from hyperloom.core.calling import Calling
from hyperloom.core.grouping import inherited
from hyperloom.core.session import FIRST
from hyperloom.core.visiting import session_in
from hyperloom.gcs import codes
from hyperloom.gcs.cancelling import end_actor
from hyperloom.ids import TASK_BYTES, TaskID, function_id, job_of, template_id
from hyperloom.nearest import did_you_mean
from hyperloom.serialization import noting_refs, pack_function
from hyperloom.specs import Template, encode_template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hyperloom.core.actors.options import ActorOptions
    from hyperloom.core.actors.typed import Actor
    from hyperloom.core.refs import ObjectRef
    from hyperloom.core.session import Session
    from hyperloom.ids import TemplateID

_BETWEEN = b"\0"  # namespace and name, in a full name


def make(
    cls: ActorClass[Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> ActorHandle[Any]:
    """See `ActorClass.remote`."""
    session: Session = current.session_of((*args, *kwargs.values()))
    cls.loom_arity.check(args, kwargs)
    if cls.loom_options.scheduling == "default" and (where := inherited(session)) is not None:
        cls = cls.options(scheduling=where)
    options = cls.loom_options
    if options.name is None:
        task = _created(session, cls, args, kwargs)
        handle = _own(session, cls, task)
        if options.lifetime == "detached":
            # 1. it is said  2. its handle is passed on by what we say in another job, that is on
            # another way  3. who gets it calls the actor.  So it must be there before 2.
            session.settle()
        session.wake()
        return handle
    name = _full_name(session, options.name, options.namespace)
    if _is_shared(name, options):
        number = claims.claim(session, name)
    else:
        number = claims.look_up(session, name) or NO_CLAIM
    while isinstance(number, bytes):
        task = _created(session, cls, args, kwargs, name, number)
        made = _settled(session, cls, task, name)
        if made is not None:
            session.wake()
            return made
        if number:
            number = claims.claim_again(session, name, number)
    return _other(cls, *number)


def _is_shared(name: bytes, options: ActorOptions) -> bool:
    """Whether the whole cluster knows the name, or its own program alone."""
    return options.lifetime == "detached" or not name.startswith(_BETWEEN)


def _created(  # noqa: PLR0913, PLR0917 - what an actor is made of
    session: Session,
    cls: ActorClass[Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    name: bytes = b"",
    claim: bytes = NO_CLAIM,
) -> TaskID:
    """The id of an actor that is said to the control plane; which may refuse its name."""
    options = cls.loom_options
    data, large, template = _record(session, cls, args, kwargs)
    task = session.next_task()
    detached = options.lifetime == "detached"
    session.outbox.create_actor(
        template, task, data, name, int(options.get_if_exists), int(detached), claim,
        int(options.allow_out_of_order),
    )  # fmt: skip
    if large:
        session.outbox.release(large, made=True)
    return task


def _settled(
    session: Session, cls: ActorClass[Any], task: TaskID, name: bytes
) -> ActorHandle[Any] | None:
    """Who has the name now; None: it was taken, and is free again, or it was ceded."""
    found = session.outbox.call("actor_find", session.process, name)
    if found is None:
        (value,) = session.outbox.call("object_watch", session.process, task + FIRST)
        return None if value == codes.LOST else _own(session, cls, task)  # it died already
    if found[0] == task:
        return _own(session, cls, task)
    return _other(cls, session, found)


def _own(session: Session, cls: ActorClass[Any], task: TaskID) -> ActorHandle[Any]:
    return ActorHandle(session.promise(task + FIRST), cls.loom_encoded)


def _other(cls: ActorClass[Any], session: Session, found: list[bytes]) -> ActorHandle[Any]:
    """Somebody else has the name."""
    other = _found(session, found)
    if cls.loom_options.get_if_exists:
        if not _is_one_of(other, cls.loom_name):
            raise errors.ActorNameTaken(
                f"the name {cls.loom_options.name!r} is taken by {other!r}, which is no "
                f"{cls.loom_name}; nothing was made. Take another name or namespace, or kill "
                "that one"
            )
        return other
    raise errors.ActorNameTaken(
        f"the name {cls.loom_options.name!r} is taken by {other!r}; nothing was made. Use that "
        "one (loom.get_actor, or get_if_exists=True), kill it, or take another name"
    )


def _is_one_of(handle: ActorHandle[Any], name: str) -> bool:
    """Whether it is of the class of this name, as far as anybody here can know."""
    return handle._loom_terms.name == name  # noqa: SLF001 - a friend


def _found(session: Session, found: list[bytes]) -> ActorHandle[Any]:
    ref: ObjectRef[Any] = session.adopt(found[0] + FIRST)
    return ActorHandle(ref, specs.decode_template(found[1]).about)


def _record(
    session: Session, cls: ActorClass[Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[bytes, bytes, bytes]:
    """Of the constructor: its record, the large object of its arguments, its template."""
    if cls.loom_prepared is None or cls.loom_prepared[0] is not session:
        cls.loom_prepared = (session, *_declared(session, cls))
    _, number, captured = cls.loom_prepared

    calling = Calling(session, cls.loom_name, cls.loom_arity)
    data, _, large = calling.packed(args, kwargs, number, calling.ref_id, captured)
    return data, large, number


def _declared(session: Session, cls: ActorClass[Any]) -> tuple[TemplateID, list[bytes]]:
    """The class's template in this session, and the refs that the class captured."""
    with noting_refs() as captured:
        pickled = pack_function(cls.cls)
    options = cls.loom_options
    placing = options.placing()
    template = Template(
        function=function_id(pickled),
        name=cls.loom_name,
        returns=1,
        retries=options.max_restarts,
        priority=placing.priority,
        shape=str(placing.shape()),
        wish=placing.wish(),
        captures=bool(captured),
        role="actor",
        captures_children=placing.captures_children,
        concurrency=sum(cls.loom_terms.limits.values()),
        about=cls.loom_encoded,
    )
    body = encode_template(template)
    number = template_id(body)
    session.declare(number, 1, template.retries, template.queue, body, template.function, pickled)
    return number, list(dict.fromkeys(captured))


def find(name: str, of: object, namespace: str | None) -> ActorHandle[Any]:
    """See `hyperloom.get_actor`."""
    if of is not None and not isinstance(of, (type, ActorClass)):
        raise TypeError(f"get_actor() takes an actor's class, or a namespace, not {of!r:.100}")
    found = _find(name, namespace)
    if of is not None:
        wanted = of.loom_name if isinstance(of, ActorClass) else of.__qualname__
        if not _is_one_of(found, wanted):
            raise errors.ActorNotFound(
                f"the actor with the name {name!r} is {found!r}, and no {wanted}"
            )
    return found


def _find(name: str, namespace: str | None) -> ActorHandle[Any]:
    if not isinstance(name, str) or not name:
        raise ValueError(f"get_actor({name!r}): the name of an actor is text that is not empty")
    session: Session = current.session()
    full = _full_name(session, name, namespace)
    found = session.outbox.call("actor_find", session.process, full)
    if found is not None:
        return _found(session, found)
    elsewhere = claims.look_up(session, full)
    if elsewhere is not None:
        return _found(*elsewhere)
    where = namespace if namespace is not None else session.user_namespace
    there = [each["name"] for each in names(all_namespaces=True) if each["namespace"] == where]
    raise errors.ActorNotFound(
        f"no actor has the name {name!r} in namespace {where!r}: it was never made here, or is "
        "over, which frees its name; or another program made it, and it is not detached."
        f"{did_you_mean(name, there)}"
    )


def names(*, all_namespaces: bool) -> list[Any]:
    """See `hyperloom.list_named_actors`."""
    session: Session = current.session()
    there = {*session.outbox.call("actor_names"), *claims.names(session)}
    pairs = [full.decode().split("\0", 1) for full in sorted(there)]
    if all_namespaces:
        return [{"namespace": namespace, "name": name} for namespace, name in pairs]
    return [name for namespace, name in pairs if namespace == session.user_namespace]


def with_id(text: str) -> ActorHandle[Any]:
    """A handle of the actor with this id, in whichever job."""
    try:
        actor = TaskID(bytes.fromhex(text))
    except ValueError:
        actor = TaskID(b"")
    if len(actor) != TASK_BYTES:
        raise ValueError(
            f"{text!r:.100} is no actor's id: that is {2 * TASK_BYTES} hexadecimal digits, as "
            "loom ls actors --json and loom.context().actor_id have them"
        )
    try:
        session = session_in(job_of(actor))
    except errors.NotFound:
        raise errors.ActorNotFound(f"there is no actor {text}: its job is over") from None
    _, _, body, *_ = session.outbox.call("task_where", 0, actor)
    template = specs.decode_template(body) if body else None
    if template is None or template.role != "actor":
        raise errors.ActorNotFound(f"there is no actor {text}: it is over, or never was")
    return ActorHandle(None, template.about, actor + FIRST)


def kill(handle: ActorHandle[Any] | Actor | str, *, no_restart: bool) -> None:
    """See `hyperloom.kill`."""
    thing: object = with_id(handle) if isinstance(handle, str) else handle
    if not isinstance(thing, ActorHandle):
        advice = "; to stop a task or a call: loom.cancel(ref)" if hasattr(handle, "hex") else ""
        raise TypeError(f"kill() takes an actor's handle, or its id, not {handle!r:.100}{advice}")
    ref = thing._loom_ref  # noqa: SLF001 - a friend
    session: Session = ref._session  # noqa: SLF001 - a friend
    if session is not current.current() and not current.visits(session):
        raise current.closed(handle)
    actor = thing._loom_id  # noqa: SLF001 - a friend
    name, cause = thing._loom_terms.name, "it was killed by loom.kill"  # noqa: SLF001 - a friend
    end_actor(session.outbox.call, actor, name, cause, restart=not no_restart)


def _full_name(session: Session, name: str, namespace: str | None) -> bytes:
    where = session.home.user_namespace if namespace is None else namespace
    return where.encode() + _BETWEEN + name.encode()
