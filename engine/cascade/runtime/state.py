"""Where results are written, for those who want to look at a run or keep what it found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, final, runtime_checkable

if TYPE_CHECKING:
    from cascade.events import SkipReason


class Generation(NamedTuple):
    """One bounce of one run.

    Attributes:
        run_id: number of the run within its engine.
        bounce: number of the recorded bounce within the run, from 1.
    """

    run_id: int
    bounce: int


class StateKey(NamedTuple):
    """One node of one bounce.

    Attributes:
        generation: the bounce.
        node: the node's index in its graph.
    """

    generation: Generation
    node: int


@runtime_checkable
class State(Protocol):
    """What an engine writes results to, node by node, and reads a bounce's result back from.

    With a state of one's own every node is recorded, so no loop is fused. The in-memory default is
    used where a graph is built for one bounce. Each generation is cleared when its bounce is over.
    """

    async def put(self, key: StateKey, value: Any) -> None:
        """Store a node's result."""
        ...

    async def get(self, key: StateKey) -> Any:
        """Return a node's result; KeyError where there is none."""
        ...

    async def has(self, key: StateKey) -> bool:
        """Tell whether a node has a result."""
        ...

    async def skip(self, key: StateKey, reason: SkipReason) -> None:
        """Note that a node was skipped."""
        ...

    async def clear(self, generation: Generation) -> None:
        """Forget one bounce."""
        ...


@final
class MemoryState:
    """Results in a dict by generation."""

    __slots__ = ("_results", "_skipped")

    def __init__(self) -> None:
        self._results: dict[Generation, dict[int, Any]] = {}
        self._skipped: dict[Generation, dict[int, SkipReason]] = {}

    async def put(self, key: StateKey, value: Any) -> None:
        """Store a node's result."""
        self._results.setdefault(key.generation, {})[key.node] = value

    async def get(self, key: StateKey) -> Any:
        """Return a node's result.

        Raises:
            KeyError: it has none.
        """
        return self._results[key.generation][key.node]

    async def has(self, key: StateKey) -> bool:
        """Tell whether a node has a result."""
        return key.node in self._results.get(key.generation, ())

    async def skip(self, key: StateKey, reason: SkipReason) -> None:
        """Note that a node was skipped."""
        self._skipped.setdefault(key.generation, {})[key.node] = reason

    async def clear(self, generation: Generation) -> None:
        """Forget one bounce."""
        self._results.pop(generation, None)
        self._skipped.pop(generation, None)

    def __len__(self) -> int:
        return sum(map(len, self._results.values())) + sum(map(len, self._skipped.values()))
