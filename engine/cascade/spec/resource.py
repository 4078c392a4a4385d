"""`@cs.resource` and `cs.Inject`: values with a set-up and a teardown."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final, overload

from cascade.spec.signature import parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable

Scope = Literal["run", "step"]


@final
@dataclass(frozen=True, slots=True)
class Inject:
    """Marks where a resource goes: a parameter's default, or an argument.

    Attributes:
        name: the resource's name.
    """

    name: str


@final
@dataclass(frozen=True, slots=True, eq=False)
class Resource:
    """A generator function whose one yielded value is handed to tasks.

    Attributes:
        function: the generator function, sync or async.
        name: what `Inject` asks for.
        scope: "run" is released after the run, "step" after one bounce of the loop.
        is_async: whether the generator is asynchronous.
        needs: (parameter, resource name) of each resource that it injects itself.
    """

    function: Callable[..., Any]
    name: str
    scope: Scope
    is_async: bool
    needs: tuple[tuple[str, str], ...]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the generator function, as a test of it would."""
        return self.function(*args, **kwargs)


@overload
def resource(function: Callable[..., Any], /) -> Resource: ...
@overload
def resource(
    *, scope: Scope = ..., name: str | None = ...
) -> Callable[[Callable[..., Any]], Resource]: ...


def resource(
    function: Callable[..., Any] | None = None, /, *, scope: Scope = "run", name: str | None = None
) -> Any:
    """Make a resource of a generator function that yields once.

    Args:
        function: sync or async generator function; its parameters may default to `Inject`.
        scope: "run" or "step".
        name: what `Inject` asks for; the function's own by default.

    Raises:
        TypeError: the object is no generator function, or a parameter has no default.
        ValueError: the scope is unknown.
    """
    if function is None:
        return functools.partial(_make_resource, scope=scope, name=name)
    return _make_resource(function, scope=scope, name=name)


def _make_resource(function: Callable[..., Any], *, scope: Scope, name: str | None) -> Resource:
    label = name or str(getattr(function, "__name__", type(function).__name__))
    is_async = inspect.isasyncgenfunction(function)
    if not is_async and not inspect.isgeneratorfunction(function):
        raise TypeError(
            f"resource '{label}' is no generator function. Yield its value once: what stands "
            "before is set-up, what stands after is teardown."
        )
    if scope not in ("run", "step"):
        raise ValueError(f"resource '{label}' has scope={scope!r}. Use 'run' or 'step'.")
    needs: list[tuple[str, str]] = []
    for parameter in parameters_of(function):
        if isinstance(parameter.default, Inject):
            needs.append((parameter.name, parameter.default.name))
        elif parameter.default is parameter.empty and parameter.kind in (
            parameter.POSITIONAL_ONLY,
            parameter.POSITIONAL_OR_KEYWORD,
            parameter.KEYWORD_ONLY,
        ):
            raise TypeError(
                f"resource '{label}' has parameter '{parameter.name}' without a default, and "
                'nobody passes one. Give it a default such as cs.Inject("name").'
            )
    return Resource(function, label, scope, is_async, tuple(needs))
