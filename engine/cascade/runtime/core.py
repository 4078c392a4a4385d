"""What the runs of one engine share: blueprints, constraints, subscribers, threads and turns."""

from __future__ import annotations

import asyncio
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Literal, final

from cascade.blueprint.cache import COMPILE_AFTER, CycleCache
from cascade.errors import ResourceError
from cascade.events import StaticAnalysisWarning
from cascade.graph.resources import check_registry
from cascade.runtime.bus import Bus
from cascade.runtime.limiter import Limiter
from cascade.runtime.pace import Pace
from cascade.runtime.state import MemoryState
from cascade.spec.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from fractions import Fraction

    from cascade.blueprint.cache import Look
    from cascade.blueprint.compiled import Loop
    from cascade.runtime.state import State

Tier = Literal["auto", "reference", "blueprint", "hot"]
"""How far an engine may go: "auto" as far as pays, the others as far as they say at once."""


@final
class Core:
    """What the runs of one engine share.

    Args:
        tier: the highest tier to use.
        state: where results are recorded node by node, None for in memory.
        capacity: total of each capacity.
        slice_s: seconds after which a run lets others on the event loop have their turn.
        max_threads: bound of the thread pool.
        clock: seconds, monotonic.

    Attributes:
        bounces: targets evaluated node by node, all runs together.
        fused: targets evaluated by fused loops.
        cache: blueprints.
        loops: loops that the trampoline may enter without asking, by the target's class and look.
        uses_blueprints: whether any tier but the reference is allowed.
        fuses: whether loops may be written.
        compile_after: hits of a blueprint before its loop is written.
        observed: whether anybody listens to task events.
        analyses: whether anybody listens to warnings.
        records: whether every node's result goes to a state of the user's own.
        runs: runs that have begun.
        resources: what markers may name.
    """

    def __init__(
        self,
        *,
        tier: Tier,
        state: State | None,
        capacity: Mapping[str, Fraction | float],
        slice_s: float,
        max_threads: int | None,
        clock: Callable[[], float],
    ) -> None:
        self.tier = tier
        self.clock = clock
        self.records = state is not None
        self.state = MemoryState() if state is None else state
        self.uses_blueprints = tier != "reference"
        self.fuses = tier in ("auto", "hot") and not self.records
        self.compile_after = COMPILE_AFTER if tier == "auto" else 0
        self.cache = CycleCache()
        self.bounces = self.fused = self.runs = 0
        self.resources: Mapping[str, Resource] = {}
        self._slice_s = slice_s
        self._max_threads = max_threads
        self._pool: ThreadPoolExecutor | None = None
        self._paces: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Pace] = (
            weakref.WeakKeyDictionary()
        )
        # Most runs are on the event loop of the run before: a weak dictionary costs each a fifth.
        self._last_loop: Callable[[], asyncio.AbstractEventLoop | None] = lambda: None
        self._last_pace: Pace
        self.limiter = Limiter(capacity, clock, self._changed)
        self.bus = Bus(self._changed)
        self._changed()

    def register(self, resources: Iterable[Any]) -> None:
        """Let markers name these resources too.

        Raises:
            TypeError: one was not made with `@cs.resource`.
            ResourceError: a name is taken, or the resources' needs can't be met.
        """
        registered = dict(self.resources)
        for resource in resources:
            if not isinstance(resource, Resource):
                raise TypeError(
                    f"resources must be made with @cs.resource, and got {type(resource).__name__}."
                )
            if registered.setdefault(resource.name, resource) is not resource:
                raise ResourceError(
                    resource.name,
                    f"two resources are named '{resource.name}'. Rename one with "
                    "@cs.resource(name=...).",
                )
        check_registry(registered)
        self.resources = registered

    def threads(self) -> ThreadPoolExecutor:
        """Return the pool for tasks with mode="thread", made when it is first needed."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._max_threads, thread_name_prefix="cascade")
        return self._pool

    def close(self) -> None:
        """Stop the thread pool when its bodies have ended."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def pace(self) -> Pace:
        """Return the slice that all runs on the running event loop share."""
        loop = asyncio.get_running_loop()
        if self._last_loop() is not loop:
            self._last_pace = self._paces.get(loop) or Pace(self._slice_s, self.clock)
            self._paces[loop] = self._last_pace
            self._last_loop = weakref.ref(loop)
        return self._last_pace

    @property
    def active_runs(self) -> int:
        """Number of runs that have begun and not ended."""
        return sum(pace.runs for pace in self._paces.values())

    def _changed(self) -> None:
        """Take in who listens and what is limited, and let running loops know."""
        self.observed = bool(self.bus.on_task_started or self.bus.on_task_finished)
        self.analyses = self.bus.wants(StaticAnalysisWarning)
        plain = self.fuses and not self.analyses and not self.limiter.rules
        self.loops: Mapping[type | Look, Loop] = self.cache.loops[self.observed] if plain else {}
        for pace in list(self._paces.values()):
            pace.interrupt()
