"""`@cs.task`: a function becomes a constructor of lazy results."""

from __future__ import annotations

import functools
import inspect
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    final,
    overload,
)

from cascade.codegen.constructor import PREFIX, constructor_text, invoker_text, slot_names
from cascade.codegen.source import function_from
from cascade.spec.lazy import LazyResult, MappedLazyResult
from cascade.spec.policy import PLAIN
from cascade.spec.signature import parameters_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

Mode = Literal["inline", "thread"]


@final
class TaskSpec:
    """Everything the engine knows of a task. Its identity is the task's identity.

    Attributes:
        function: the body.
        name: for people and for patterns; never for lookups.
        pure: whether equal calls in one graph may run once.
        mode: "inline", or "thread" for a sync body that runs in the engine's pool.
        is_async: whether the body is a coroutine function.
        parameters: the signature's parameters.
        slots: the slot of the plain class that holds each parameter's argument.
        policy_slots: the same for the policy class.
        plain_class: class of a plain call.
        policy_class: class of a call that carries a policy.
        invoke: `invoke(function, values)` calls the body with one value per parameter.
        construct: what users call.
    """

    __slots__ = (
        "construct",
        "function",
        "invoke",
        "is_async",
        "mode",
        "name",
        "parameters",
        "plain_class",
        "policy_class",
        "policy_slots",
        "pure",
        "slots",
    )

    def __init__(self, function: Callable[..., Any], name: str, *, pure: bool, mode: Mode) -> None:
        self.function = function
        self.name = name
        self.pure = pure
        self.mode = mode
        self.is_async = is_async(function)
        self.parameters = parameters_of(function)
        self.slots = slot_names(self.parameters)
        self.policy_slots = slot_names(self.parameters)
        label = f"LazyResult[{name}]"
        shared = {"spec": self, "__module__": __name__}
        self.plain_class = type(label, (LazyResult,), {"__slots__": self.slots, **shared})
        self.policy_class: Any = type(
            label, (LazyResult,), {"__slots__": (*self.policy_slots, "policy"), **shared}
        )
        self.invoke = cast(
            "Callable[[Callable[..., Any], list[Any]], Any]",
            function_from(invoker_text(self.parameters), "invoke", {}),
        )
        self.construct = self._make_constructor()

    def _make_constructor(self) -> Any:
        construct: Any = function_from(
            constructor_text(self.parameters),
            "construct",
            {"LazyClass_": self.plain_class},
            label=label_of(self.function),
            attributes={
                PREFIX + parameter.name: slot
                for parameter, slot in zip(self.parameters, self.slots, strict=True)
            },
        )
        _set_defaults(construct, self.parameters)
        functools.update_wrapper(construct, self.function)
        construct.__dict__.update(spec=self, map=functools.partial(_map, self))
        return construct

    def arguments_of(self, call: LazyResult[Any]) -> list[Any]:
        """Return what a call was given, one value per parameter."""
        slots = self.slots if type(call) is self.plain_class else self.policy_slots
        return [getattr(call, slot) for slot in slots]

    @property
    def threaded(self) -> bool:
        """Whether the body runs in the thread pool."""
        return self.mode == "thread"

    def __repr__(self) -> str:
        return f"<TaskSpec '{self.name}'>"


class Task(Protocol[P, R_co]):
    """What `@cs.task` returns: a function with the body's signature that makes lazy results.

    A call is typed as the body's result, so that calls compose under a type checker as they do at
    run time; `cs.lazy` gives the other view.
    """

    spec: TaskSpec
    __name__: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Check the arguments against the signature and return a `LazyResult`; run nothing."""
        ...

    def map(self, **columns: object) -> MappedLazyResult[R_co]:
        """Return one call per item of the columns, which must be of equal length."""
        ...


class _Decorator(Protocol):
    @overload
    def __call__(self, function: Callable[P, Awaitable[R]], /) -> Task[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(function: Callable[P, Awaitable[R]], /) -> Task[P, R]: ...
@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(*, name: str | None = ..., pure: bool = ..., mode: Mode = ...) -> _Decorator: ...


def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    pure: bool = False,
    mode: Mode = "inline",
) -> Any:
    """Make a task of a sync or async function.

    Args:
        function: the body.
        name: shown to people and matched by constraint patterns; the function's own by default.
        pure: equal calls in one graph run once.
        mode: "inline" runs a sync body on the event loop, "thread" in the engine's thread pool.

    Raises:
        TypeError: the object is not callable, is a generator function, is a task already, or is
            async with mode="thread".
        ValueError: the mode is unknown.
    """
    if function is None:
        return functools.partial(_make_task, name=name, pure=pure, mode=mode)
    return _make_task(function, name=name, pure=pure, mode=mode)


def _make_task(function: Callable[..., Any], *, name: str | None, pure: bool, mode: Mode) -> Any:
    _refuse_what_is_no_body(function, mode)
    spec = TaskSpec(
        function,
        name or label_of(function),
        pure=pure,
        mode=mode,
    )
    return spec.construct


def _refuse_what_is_no_body(function: object, mode: str) -> None:
    if not callable(function):
        raise TypeError(f"@cs.task needs a function, and got {type(function).__name__}.")
    label = label_of(function)
    if hasattr(function, "spec"):
        raise TypeError(f"'{label}' is a task already. Decorate it once.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"'{label}' is a generator function, which has no single result. "
            "Return a list, or decorate it with @cs.resource."
        )
    if mode not in ("inline", "thread"):
        raise ValueError(f"task '{label}' has mode={mode!r}. Use 'inline' or 'thread'.")
    if mode == "thread" and is_async(function):
        raise TypeError(
            f"task '{label}' is async and has mode=\"thread\", but an async body runs on the event "
            "loop. Leave the mode out, or make the body a plain function."
        )


def label_of(function: object) -> str:
    """Return the name that people know a function by."""
    return str(getattr(function, "__name__", type(function).__name__))


def is_async(function: Callable[..., Any]) -> bool:
    """Tell whether calling the object makes a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  the method itself is asked for
    )


def _set_defaults(function: Any, parameters: tuple[inspect.Parameter, ...]) -> None:
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    empty = inspect.Parameter.empty
    function.__defaults__ = tuple(
        each.default for each in parameters if each.kind in positional and each.default is not empty
    )
    function.__kwdefaults__ = {
        each.name: each.default
        for each in parameters
        if each.kind is inspect.Parameter.KEYWORD_ONLY and each.default is not empty
    }


def _map(spec: TaskSpec, /, **columns: object) -> MappedLazyResult[Any]:
    spec.construct(**columns)  # raises at the call site what a wrong call of the task would raise
    lengths = {
        name: len(column) for name, column in columns.items() if isinstance(column, (list, tuple))
    }
    refuse_unequal_columns(spec.name, lengths)
    return MappedLazyResult(spec, columns, PLAIN)


def refuse_unequal_columns(name: str, lengths: dict[str, int]) -> None:
    """Raise where a map's columns differ in length.

    Raises:
        ValueError: naming each column's length.
    """
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{column}: {length}" for column, length in lengths.items())
        raise ValueError(
            f"the columns of '{name}.map' differ in length ({shown}). "
            "Pass one value per item in each."
        )
