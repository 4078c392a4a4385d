"""The signature cache: a function's signature is read once in its life."""

from __future__ import annotations

import inspect
import weakref
from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_known: weakref.WeakKeyDictionary[FunctionType, tuple[inspect.Parameter, ...]]
_known = weakref.WeakKeyDictionary()


def parameters_of(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """Return the parameters of a function, read once however many tasks are made of it.

    Raises:
        TypeError: the object is not callable or shows no signature.
    """
    if not isinstance(function, FunctionType):
        # Other callables may compare equal without being the same.
        return read_signature(function)
    parameters = _known.get(function)
    if parameters is None:
        parameters = read_signature(function)
        _known[function] = parameters
    return parameters


def read_signature(function: Callable[..., Any]) -> tuple[inspect.Parameter, ...]:
    """Read a function's parameters from the function itself; the one place that does.

    Raises:
        TypeError: the object is not callable or shows no signature.
    """
    inner = inspect.unwrap(function, stop=lambda each: hasattr(each, "__signature__"))
    if type(inner) is FunctionType and not hasattr(inner, "__signature__"):
        # Annotations may name what is not there at run time, and no value of them is needed.
        function = FunctionType(inner.__code__, {}, "bare", inner.__defaults__, inner.__closure__)
        function.__kwdefaults__ = inner.__kwdefaults__
    try:
        return tuple(inspect.signature(function).parameters.values())
    except ValueError as error:
        raise TypeError(
            f"{function!r} shows no signature, so its calls can't be checked. "
            "Wrap it in a function of your own and decorate that."
        ) from error
