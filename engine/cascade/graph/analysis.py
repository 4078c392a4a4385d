"""Findings about structures that work, and cost more than they need to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cascade.graph.build import calls_within

if TYPE_CHECKING:
    from cascade.spec.lazy import LazyResult

CS_W001 = "CS-W001"


def recursion_builds_calls(previous: LazyResult[Any], target: LazyResult[Any]) -> str | None:
    """Look at a task that tail-calls itself for calls in its arguments that were just made.

    Args:
        previous: the bounce that returned `target`.
        target: the next bounce of the same task.

    Returns:
        The warning's text, "" when all calls in the arguments were there a bounce before, or None
        when one of the two has no calls and nothing can be said yet.
    """
    inside = calls_within(target)
    known = {id(call) for call in calls_within(previous)}
    if not inside or not known:
        return None
    new = [call for call in inside if id(call) not in known]
    if not new:
        return ""
    name = target.spec.name
    called = next((each.spec.name for each in new if hasattr(each, "spec")), "a Router")
    return (
        f"task '{name}' calls itself with a call of '{called}' among its arguments, so every "
        f"bounce builds a new structure. Call '{called}' once outside the loop and pass its result "
        f"on, or call it inside the body of '{name}' as a plain function."
    )
