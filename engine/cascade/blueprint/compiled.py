"""The blueprint: everything about a template that does not change from bounce to bounce."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from cascade.graph.model import Binding, Structure
    from cascade.graph.resources import Needs
    from cascade.graph.stages import Stage

Loop = Callable[[Any, Any, list[None]], Awaitable[Any]]
"""`await loop(target, run, alarm)` runs bounces of one template until something else comes up.

The alarm is that of the run's pace, taken before the loop was chosen.
"""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Blueprint:
    """An immutable plan, shared by all runs of an engine.

    Attributes:
        structure: nodes and bindings.
        stages: their plan; empty where a Router decides on the way.
        routes: each route of the only Router, and the plan where that is chosen.
        needs: inputs and resources, in the order to acquire them.
        names: each node's task name.
        unfusable: why no loop can be written for it, or None.
    """

    structure: Structure
    stages: tuple[Stage, ...]
    routes: tuple[tuple[Binding, tuple[Stage, ...]], ...]
    needs: Needs
    names: tuple[str, ...]
    unfusable: str | None

    @property
    def plans(self) -> list[tuple[Stage, ...]]:
        """The plans that there are, one for each route of a Router."""
        return [stages for _, stages in self.routes] or [self.stages]

    def plan(self, results: Sequence[Any]) -> tuple[Stage, ...]:
        """Return the plan of the route that was chosen, or any while none is."""
        chosen = [stages for route, stages in self.routes if any(it is route for it in results)]
        return (chosen or self.plans)[0]

    @property
    def prepares(self) -> bool:
        """Whether a run reads inputs or acquires resources before it."""
        return bool(self.needs.inputs or self.needs.run or self.needs.step)


@final
class Missing:
    """Stands where a node has no result yet."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


@final
@dataclass(slots=True, eq=False)
class Miss:
    """A loop met a lazy result of its task with another structure; nothing of it has run."""

    target: Any


@final
@dataclass(slots=True, eq=False)
class Failure:
    """The first attempt of a body that is to be called again.

    Attributes:
        error: what it raised.
        began: clock reading at which it was called.
        values: what it was given, one value per parameter.
    """

    error: Exception
    began: float
    values: list[Any]


@final
@dataclass(slots=True, eq=False)
class Break:
    """A loop left in the middle of a bounce, which the node-by-node runner must finish.

    Attributes:
        node: the node that ran last; its result may be deferred.
        values: the frame's literals.
        results: results by node, MISSING where none.
        blueprint: what the loop was made from.
        failure: how the node that ran last failed, if it did and has attempts left.
    """

    node: int
    values: list[Any]
    results: list[Any]
    blueprint: Blueprint
    failure: Failure | None = None
