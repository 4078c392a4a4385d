"""Run inputs: values that are known when the run starts, not when the graph is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from cascade.errors import ParamError
from cascade.spec.policy import UNSET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


@final
@dataclass(frozen=True, slots=True)
class Param:
    """A value given to the run by name: `engine.run(target, params={"name": value})`.

    Attributes:
        name: its key in `params`.
        default: used when `params` has no such key.
        type: converts what was given; a bool is read from words such as "yes" and "off".
        description: for people.
    """

    name: str
    default: Any = UNSET
    type: Callable[[Any], Any] | None = None
    description: str = ""

    def value(self, params: Mapping[str, Any]) -> Any:
        """Return the run's value of this parameter.

        Raises:
            ParamError: it is missing, or can't be converted.
        """
        given = params.get(self.name, UNSET)
        if given is UNSET:
            if self.default is UNSET:
                raise ParamError.missing(self.name, "parameter")
            return self.default
        return given if self.type is None else _converted(self.name, given, self.type)


@final
@dataclass(frozen=True, slots=True)
class Env:
    """A value read from the environment when the run starts.

    Attributes:
        name: the variable.
        default: used when the variable is not set.
    """

    name: str
    default: Any = UNSET

    def value(self, params: Mapping[str, Any]) -> Any:  # noqa: ARG002  one protocol for both inputs
        """Return the variable's value, a string, or the default.

        Raises:
            ParamError: it is not set and there is no default.
        """
        given = os.environ.get(self.name, UNSET)
        if given is not UNSET:
            return given
        if self.default is UNSET:
            raise ParamError.missing(self.name, "environment variable")
        return self.default


def _converted(name: str, given: Any, wanted: Callable[[Any], Any]) -> Any:
    label = getattr(wanted, "__name__", repr(wanted))
    if isinstance(wanted, type) and type(given) is wanted:
        return given
    if wanted is bool:
        word = given.strip().lower() if isinstance(given, str) else None
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise ParamError.refused(name, given, label)
    try:
        return wanted(given)
    except Exception as error:
        raise ParamError.refused(name, given, label) from error
