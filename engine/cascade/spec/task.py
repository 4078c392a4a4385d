"""`@cs.task`: a function becomes a constructor of lazy results."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, overload

from cascade.spec.lazy import MappedLazyResult, Mode, TaskSpec, is_async, label_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


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
def task(
    *, name: str | None = ..., pure: bool = ..., mode: Mode = ..., opaque: Collection[str] = ...
) -> _Decorator: ...


def task(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    pure: bool = False,
    mode: Mode = "inline",
    opaque: Collection[str] = (),
) -> Any:
    """Make a task of a sync or async function.

    Args:
        function: the body.
        name: shown to people and matched by constraint patterns; the function's own by default.
        pure: equal calls in one graph run once.
        mode: "inline" runs a sync body on the event loop, "thread" in the engine's thread pool.
        opaque: names of parameters whose arguments are passed on unread, however much they hold: a
            call hidden in one reaches the body as it is. One that is itself a call is resolved.

    Raises:
        TypeError: the object is not callable, is a generator function, is a task already, or is
            async with mode="thread".
        ValueError: the mode is unknown, or the function has no parameter of an opaque name.
    """
    if function is None:
        return functools.partial(_make_task, name=name, pure=pure, mode=mode, opaque=opaque)
    return _make_task(function, name=name, pure=pure, mode=mode, opaque=opaque)


def _make_task(
    function: Callable[..., Any], *, name: str | None, mode: Mode, **options: Any
) -> Any:
    _refuse_what_is_no_body(function, mode)
    return TaskSpec(function, name or label_of(function), mode=mode, **options).construct


def _refuse_what_is_no_body(function: object, mode: str) -> None:
    if not callable(function):
        raise TypeError(f"@cs.task needs a function, and got {type(function).__name__}.")
    label = label_of(function)
    if isinstance(getattr(function, "spec", None), TaskSpec):
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
