"""One call of `Engine.run`: its inputs, its resources, and what its tasks report."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, final

from cascade.events import RunFinished, RunStarted, Status, TaskFinished, TaskStarted
from cascade.runtime.scopes import Scope
from cascade.runtime.siblings import apart
from cascade.runtime.state import Generation

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from cascade.graph.resources import Needs
    from cascade.runtime.core import Core
    from cascade.spec.lazy import TaskSpec

    Trampoline = Callable[["Run", Any, int], Coroutine[Any, Any, Any]]

DEPTH_OF_A_STACK = 16
"""Trampolines that stand inside each other before the next one gets a stack of its own."""


@final
class Run:
    """One run of a target.

    Args:
        core: what it shares with other runs.
        params: the run's parameters as given.
        trampoline: `await trampoline(run, target, depth)` goes on with a target to its value.

    Attributes:
        run_id: its number, from 1.
        pace: the slice that it shares.
        resources: values of its open run-scoped resources.
        inputs: values of its Param and Env markers by `id`.
        analysed: tasks that need no more analysis.
    """

    def __init__(self, core: Core, params: Mapping[str, Any], trampoline: Trampoline) -> None:
        core.runs += 1
        self.core = core
        self.run_id = core.runs
        self.pace = core.pace()
        self.bus = core.bus
        self.clock = core.clock
        self.limiter = core.limiter
        self.scope = Scope(self.say)
        self.resources = self.scope.values
        self.inputs: dict[int, Any] = {}
        self.analysed: set[TaskSpec] = set()
        self._params = params
        self._trampoline = trampoline
        self._markers: list[object] = []
        self._bounce = 0

    async def value_of(self, target: Any) -> Any:
        """Run a target from the first event to the last, and return its value."""
        began = self.clock()
        self.say(RunStarted)
        error: BaseException | None = None
        try:
            await self.pace.enter()
            async with self.scope:
                return await self._trampoline(self, target, 0)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self.pace.leave()
            self.say(RunFinished, _status(error), self.clock() - began, error)

    async def prepare(self, needs: Needs, step: Scope) -> None:
        """Read inputs and acquire resources.

        Args:
            needs: which.
            step: where those of one bounce are held.

        Raises:
            ParamError: an input is missing or can't be converted.
        """
        for marker in needs.inputs:
            if id(marker) not in self.inputs:
                self.inputs[id(marker)] = marker.value(self._params)
                self._markers.append(marker)
        if needs.run:
            await self.scope.acquire(needs.run)
        if needs.step:
            await step.acquire(needs.step)

    async def proceed(self, target: Any, depth: int) -> Any:
        """Go on with a deferred result inside a bounce until it is a value.

        Every few levels the next trampoline is a task of its own, so that a recursion that is no
        tail call is limited by memory and not by the interpreter's stack.
        """
        if depth % DEPTH_OF_A_STACK == 0:
            return await apart(self._trampoline(self, target, depth))
        return await self._trampoline(self, target, depth)

    def next_generation(self, *, first_sight: bool) -> Generation | None:
        """Return the generation to record a bounce under, or None when it is not recorded."""
        if not first_sight and not self.core.records:
            return None
        self._bounce += 1
        return Generation(self.run_id, self._bounce)

    def say(self, kind: type[Any], *details: Any) -> None:
        """Make and publish an event of this run where somebody listens."""
        if self.bus.wants(kind):
            self.bus.publish(kind(self.run_id, *details))

    def body_starts(self, node: int, task: str) -> float:
        """Say that a body is about to be called, and return the clock's reading."""
        self.say(TaskStarted, task, node)
        return self.clock()

    def body_ended(
        self, node: int, task: str, duration_s: float, error: BaseException | None = None
    ) -> None:
        """Say that a body returned, or with what error it raised or was cancelled."""
        self.say(TaskFinished, task, node, duration_s, _status(error), error)

    def ended_late(self, node: int, task: str) -> None:
        """Say that a body returned to those who came while it ran.

        When it began nobody listened and the clock was not read; its duration is then given as the
        time since the slice began, which is at least as long.
        """
        self.body_ended(node, task, self.pace.since_slice_began())

    def failed_late(
        self, error: BaseException, lines: Mapping[int, int], names: Sequence[str]
    ) -> None:
        """Say that a body raised to those who came while it ran; its line tells which it was."""
        node = None if error.__traceback__ is None else lines.get(error.__traceback__.tb_lineno)
        if node is not None:
            self.body_ended(node, names[node], self.pace.since_slice_began(), error)


def _status(error: BaseException | None) -> Status:
    if error is None:
        return Status.SUCCEEDED
    return Status.CANCELLED if isinstance(error, asyncio.CancelledError) else Status.FAILED
