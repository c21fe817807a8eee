"""`ActorClass`: a class whose instances are actors; what its methods are."""

# ruff: noqa: ANN401 - what is passed as a ref may be of any type, and so may what goes with it

from __future__ import annotations

import functools
import inspect
import pickle
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from hyperloom import specs
from hyperloom.core.actors.options import MethodOptions
from hyperloom.core.actors.saving import check_hooks
from hyperloom.core.actors.terms import ActorTerms, MethodTerms, encode, parameters_of
from hyperloom.core.signatures import Arity
from hyperloom.errors import InvalidOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from hyperloom.core.actors.handle import ActorHandle
    from hyperloom.core.actors.options import ActorOptions

T = TypeVar("T")

METHOD = "__loom_method__"  # the attribute that `hyperloom.method` sets


class ActorClass(Generic[T]):
    """Made by `hyperloom.actor`.  ``A.remote(...)`` makes an actor."""

    def __init__(self, cls: type[T], options: ActorOptions) -> None:
        self.cls = cls
        self.loom_options = options
        self.loom_name = cls.__qualname__
        self.loom_terms = terms_of(cls, options)
        self.loom_encoded = encode(self.loom_terms)
        self.loom_arity = Arity(_constructor_of(cls), self.loom_name)
        self.loom_prepared: Any = None  # see `hyperloom.core.actors.naming`
        functools.update_wrapper(self, cls, updated=())

    def remote(self, *args: Any, **kwargs: Any) -> ActorHandle[T]:
        """A new actor, at once; its constructor runs as soon as there is room for it.

        Arguments are as those of a task: a ref arrives as its value.

        Raises:
            TypeError: the arguments do not fit the constructor.
            ActorNameTaken: there is one with this name.
            NotSerializable: an argument, or something that the class captured, cannot travel.
        """
        from hyperloom.core.actors.naming import make  # noqa: PLC0415 - it needs us

        return make(self, args, kwargs)

    def options(self, **changes: Any) -> ActorClass[T]:
        """The same class with other options (see `hyperloom.actor`); this one stays as it is.

        Raises:
            InvalidOption: an option is unknown or cannot have its value.
        """
        return ActorClass(self.cls, self.loom_options.with_(changes))

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: this makes no actor."""
        name = self.loom_name
        raise TypeError(
            f"{name}(...) makes no actor: write {name}.remote(...); for a plain object of the "
            f"class here, {name}.cls(...)"
        )

    def __mro_entries__(self, bases: tuple[Any, ...]) -> NoReturn:
        raise TypeError(
            f"{self.loom_name} is an actor class, and cannot be inherited from: inherit from the "
            f"plain class ({self.loom_name}.cls), and decorate what inherits"
        )

    if not TYPE_CHECKING:  # a checker shall know a mistyped `remote` for what it is
        # The class has the name no more by which its own methods know it: what they find by that
        # is what is in the class, and where they put something is there.
        def __getattr__(self, name: str) -> Any:
            if name[:2] == "__" or "cls" not in self.__dict__:
                raise AttributeError(name)
            try:
                return getattr(self.cls, name)
            except AttributeError:
                message = f"{self!r} has no attribute {name!r}, and neither has its class"
                raise AttributeError(message, name=name, obj=self.cls) from None

        def __setattr__(self, name: str, value: Any) -> None:
            if name == "cls" or name[:2] == "__" or name[:5] == "loom_":
                super().__setattr__(name, value)
            else:
                setattr(self.cls, name, value)

    def __getstate__(self) -> dict[str, Any]:
        # Sent to workers inside closures: there it finds its own session.
        return {**self.__dict__, "loom_prepared": None}

    def __repr__(self) -> str:
        return f"<actor class {self.loom_name}>"


def actor_class(cls: Any, options: ActorOptions) -> ActorClass[Any]:
    """The actor class that a class becomes with these options.

    Raises:
        TypeError: it is no class.
        InvalidOption: a method asks for a concurrency group that there is not.
    """
    if isinstance(cls, ActorClass):
        raise TypeError(f"{cls!r} is one already; for other options: {cls.loom_name}.options(...)")
    if not isinstance(cls, type):
        advice = "; a function becomes a task: @loom.task" if callable(cls) else ""
        raise TypeError(f"@loom.actor decorates a class, not {cls!r:.100}{advice}")
    return ActorClass(cls, options)


def terms_of(cls: type, options: ActorOptions) -> ActorTerms:
    """What a handle must know of the class.

    Raises:
        InvalidOption: options of the class and of its methods do not go together.
    """
    functions = dict(_methods_of(cls))
    is_async = any(_is_async(function) for function in functions.values())
    limits = options.limits(is_async=is_async)
    methods = {name: method_terms(function) for name, function in functions.items()}
    for name, method in methods.items():
        check_group(f"{cls.__qualname__}.{name}", method.group, limits)
    terms = ActorTerms(
        name=cls.__qualname__,
        methods=methods,
        max_task_retries=options.max_task_retries,
        limits=limits,
        is_async=is_async,
        max_pending=options.max_pending_calls,
        checkpoint_every=options.checkpoint_every,
        detached=options.lifetime == "detached",
    )
    check_hooks(cls, terms)
    if options.allow_out_of_order and sum(limits.values()) == 1 and not is_async:
        raise InvalidOption(
            f"allow_out_of_order=True of {terms.name} cannot be: it runs one call at a time, in "
            "the order of each caller. Give it async methods, max_concurrency= or groups"
        )
    return terms


def check_group(name: str, group: str, limits: Any) -> None:
    """Refuse a concurrency group that the actor does not have."""
    if group not in limits:
        there = ", ".join(repr(each) for each in limits if each) or "none"
        raise InvalidOption(
            f"concurrency_group={group!r} of {name} cannot be: the actor's concurrency_groups "
            f"are: {there}"
        )


def method_terms(function: Callable[..., Any]) -> MethodTerms:
    """What a handle must know of one method."""
    options: MethodOptions = getattr(function, METHOD, MethodOptions())
    returns = options.num_returns
    generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if returns == "streaming" or (returns is None and generator):
        number = specs.STREAMING
    else:
        number = 1 if returns is None else int(returns)
    retry = options.retry_exceptions
    return MethodTerms(
        parameters=parameters_of(function)[1:],
        returns=number,
        retries=options.max_task_retries,
        retry_exceptions=retry if isinstance(retry, bool) else pickle.dumps(retry),
        group=options.concurrency_group,
        ahead=options.stream_ahead,
        runs="async" if _is_async(function) else "",
    )


def _methods_of(cls: type) -> list[tuple[str, Callable[..., Any]]]:
    found: list[tuple[str, Callable[..., Any]]] = []
    for name in dir(cls):
        if name.startswith("__") and name != "__call__":
            continue
        value = inspect.getattr_static(cls, name)
        if isinstance(value, (staticmethod, classmethod)):
            bound = value.__get__(None, cls)
            found.append((name, functools.partial(_passing_over, bound)))
        elif inspect.isroutine(value) and callable(value):
            found.append((name, value))
    return found


def _passing_over(bound: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """A static method, or one of the class, as if it took the object."""
    del self
    return bound(*args, **kwargs)


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _constructor_of(cls: Any) -> Callable[..., Any] | inspect.Signature:
    """What ``cls(...)`` takes: the class itself has that signature.

    Of a class that says nothing, `inspect` would parse what ``object`` says, in milliseconds.
    """
    said = type(cls).__call__, cls.__new__, cls.__init__
    return inspect.Signature() if said == _NOTHING else cls


_NOTHING: Any = (type.__call__, object.__new__, object.__init__)
