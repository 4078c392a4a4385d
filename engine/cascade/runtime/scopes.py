"""Resources: acquired in a known order, released in the reverse, whatever happened in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, final

from cascade.errors import ResourceError
from cascade.events import ResourceAcquired, ResourceReleased

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cascade.runtime.bus import Bus
    from cascade.spec.resource import Resource


@final
class Scope:
    """The resources that are open for one run, or for one bounce of it.

    Attributes:
        values: what each open resource yielded, by name, those of the outer scope included.
    """

    __slots__ = ("_bus", "_lock", "_open", "_run_id", "values")

    def __init__(self, run_id: int, bus: Bus, outer: Mapping[str, Any] | None = None) -> None:
        self._run_id = run_id
        self._bus = bus
        self._open: list[tuple[Resource, Any]] = []
        self._lock: asyncio.Lock | None = None
        self.values: dict[str, Any] = dict(outer or {})

    async def acquire(self, resources: Iterable[Resource]) -> None:
        """Open those that are not open yet, in the order given.

        Raises:
            ResourceError: a generator ended without yielding.
        """
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            for resource in resources:
                if resource.name not in self.values:
                    await self._acquire(resource)

    async def _acquire(self, resource: Resource) -> None:
        arguments = {parameter: self.values[name] for parameter, name in resource.needs}
        generator = resource.function(**arguments)
        try:
            value = await anext(generator) if resource.is_async else next(generator)
        except (StopIteration, StopAsyncIteration):
            raise ResourceError.yields(resource.name, "nothing") from None
        self.values[resource.name] = value
        self._open.append((resource, generator))
        if self._bus.wants(ResourceAcquired):
            self._bus.publish(ResourceAcquired(self._run_id, resource.name, resource.scope))

    async def close(self, cause: BaseException | None) -> None:
        """Release everything, last acquired first, even where a teardown raises.

        Args:
            cause: what the run or bounce is already failing with; teardown errors are then added to
                it as notes, and otherwise the first of them is raised.
        """
        failures: list[BaseException] = []
        while self._open:
            resource, generator = self._open.pop()
            del self.values[resource.name]
            try:
                await self._release(resource, generator)
            except BaseException as raised:  # noqa: BLE001  the others must be released too
                failures.append(raised)
            if self._bus.wants(ResourceReleased):
                self._bus.publish(ResourceReleased(self._run_id, resource.name, resource.scope))
        if not failures:
            return
        first = next((each for each in failures if not isinstance(each, Exception)), failures[0])
        if cause is None or not isinstance(first, Exception):
            raise first
        for error in failures:
            cause.add_note(f"While its resources were released: {type(error).__name__}: {error}")

    async def _release(self, resource: Resource, generator: Any) -> None:
        try:
            if resource.is_async:
                await anext(generator)
            else:
                next(generator)
        except (StopIteration, StopAsyncIteration):
            return
        if resource.is_async:
            await generator.aclose()
        else:
            generator.close()
        raise ResourceError.yields(resource.name, "more than once")
