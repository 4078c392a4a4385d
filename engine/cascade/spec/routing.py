"""`cs.Router`: one of several results, chosen at run time; the others do not run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Mapping


@final
class Router:
    """An argument whose value is the chosen route's result.

    A route that is not chosen does not run, unless something else needs it.

    Args:
        selector: a value or lazy result: the chosen route's key.
        routes: a value or lazy result per key, at least one.

    Raises:
        ValueError: there is no route.
    """

    __slots__ = ("routes", "selector")

    def __init__(self, *, selector: Any, routes: Mapping[Any, Any]) -> None:
        if not routes:
            raise ValueError(
                "a Router without routes can choose nothing. Give it at least one route."
            )
        self.selector = selector
        self.routes = dict(routes)

    def __repr__(self) -> str:
        return f"<Router to {', '.join(repr(key) for key in self.routes)}>"
