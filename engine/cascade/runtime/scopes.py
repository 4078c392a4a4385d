"""Resources: acquired in a known order, released in the reverse, whatever happened in between."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self, final

from cascade.errors import ResourceError
from cascade.events import ResourceAcquired, ResourceReleased

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cascade.spec.resource import Resource


@final
class Scope:
    """The resources that are open for one run, or for one bounce of it.

    Used as a context, it releases them at the end, last acquired first, even where a teardown
    raises. What the run or bounce fails with gets teardown errors as notes; where it succeeded, the
    first of them is raised.

    Args:
        say: makes and publishes an event of the run.
        outer: values of a scope around this one.

    Attributes:
        values: what each open resource yielded, by name, those of the outer scope included.
    """

    def __init__(self, say: Callable[..., None], outer: Mapping[str, Any] | None = None) -> None:
        self._say = say
        self._open: list[tuple[Resource, Any]] = []
        self._lock = asyncio.Lock()
        self.values: dict[str, Any] = dict(outer or {})

    async def __aenter__(self) -> Self:
        return self

    async def acquire(self, resources: Iterable[Resource]) -> None:
        """Open those that are not open yet, in the order given.

        Raises:
            ResourceError: a generator ended without yielding.
        """
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
        self._say(ResourceAcquired, resource.name, resource.scope)

    async def __aexit__(self, _: object, cause: BaseException | None, _traceback: object) -> None:
        failures: list[BaseException] = []
        while self._open:
            resource, generator = self._open.pop()
            del self.values[resource.name]
            try:
                await self._release(resource, generator)
            except BaseException as raised:  # noqa: BLE001  the others must be released too
                failures.append(raised)
            self._say(ResourceReleased, resource.name, resource.scope)
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
