"""Resources: acquired in a known order, released in the reverse, whatever happened in between."""

from __future__ import annotations

import asyncio
import contextlib
import dis
import logging
from collections import ChainMap
from typing import TYPE_CHECKING, Any, Self, final

from cascade.errors import ResourceError
from cascade.events import ResourceAcquired, ResourceReleased
from cascade.runtime.siblings import until_ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping

    from cascade.spec.resource import Resource


_log = logging.getLogger("cascade")


@final
class Scope:
    """The resources that are open for one run, or for one bounce of it.

    Used as a context, it releases them at the end, last acquired first, even where a teardown
    raises. A resource whose yield stands in a `try` or `with` is told what its users fail with.
    That error gets teardown errors as notes; where there is none, the first of them is raised.

    Args:
        say: makes and publishes an event of the run.
        outer: values of a scope around this one.

    Attributes:
        values: what each open resource yielded, by name, those of the outer scope included.
    """

    def __init__(
        self, say: Callable[..., None], outer: MutableMapping[str, Any] | None = None
    ) -> None:
        self._say = say
        self._open: list[_Held] = []
        self._lock: asyncio.Lock | None = None
        self.values: MutableMapping[str, Any] = {} if outer is None else ChainMap({}, outer)

    async def __aenter__(self) -> Self:
        return self

    async def acquire(self, resources: Iterable[Resource]) -> None:
        """Open those that are not open yet, in the order given.

        Raises:
            ResourceError: a generator ended without yielding.
        """
        self._lock = self._lock or asyncio.Lock()
        async with self._lock:
            for resource in resources:
                if resource.name not in self.values:
                    await self._acquire(resource)

    async def _acquire(self, resource: Resource) -> None:
        held = _Held(resource, {parameter: self.values[name] for parameter, name in resource.needs})
        self.values[resource.name] = await held.open()
        self._open.append(held)
        self._say(ResourceAcquired, resource.name, resource.scope)

    async def __aexit__(self, _: object, cause: BaseException | None, _traceback: object) -> None:
        failures: list[BaseException] = []
        while self._open:
            held = self._open.pop()
            resource = held.resource
            del self.values[resource.name]
            try:
                await held.close(cause)
            except BaseException as raised:  # noqa: BLE001  the others must be released too
                failures.append(raised)
            self._say(ResourceReleased, resource.name, resource.scope)
        if not failures:
            return
        first = next((each for each in failures if not isinstance(each, Exception)), failures[0])
        if cause is None or not isinstance(first, Exception):
            raise first
        for error in failures:
            note = f"While its resources were released: {type(error).__name__}: {error}"
            try:
                cause.add_note(note)
            except Exception:  # noqa: BLE001  a frozen exception takes none
                _log.error("%r: %s", cause, note)


@final
class _Held:
    """One resource, opened and closed in one asyncio task, so that it may hold a cancel scope.

    Args:
        resource: what to open.
        arguments: the values that it injects itself.
    """

    def __init__(self, resource: Resource, arguments: Mapping[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        self.resource = resource
        self._opened: asyncio.Future[Any] = loop.create_future()
        self._closing: asyncio.Future[BaseException | None] = loop.create_future()
        self._task = asyncio.Task(self._hold(arguments), loop=loop)

    async def open(self) -> Any:
        try:
            await asyncio.wait([self._opened, self._task], return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError as error:
            if not self._opened.done():
                self._task.cancel()
            with contextlib.suppress(BaseException):
                await self.close(error)
            raise
        return self._task.result() if self._task.done() else self._opened.result()

    async def close(self, cause: BaseException | None) -> None:
        self._closing.set_result(cause)
        await until_ended([self._task])
        self._task.result()

    async def _hold(self, arguments: Mapping[str, Any]) -> None:
        resource = self.resource
        generator = resource.function(**arguments)
        try:
            value = await anext(generator) if resource.is_async else next(generator)
        except (StopIteration, StopAsyncIteration):
            raise ResourceError.yields(resource.name, "nothing") from None
        self._opened.set_result(value)
        # Whoever cancels all tasks of a loop must not close what others of them still use.
        while not self._closing.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([self._closing])
        await _end(resource, generator, self._closing.result())


async def _end(resource: Resource, generator: Any, cause: BaseException | None) -> None:
    """Let a generator end; where it listens, with the error that its users end with.

    Raises:
        ResourceError: it yields again.
    """
    traceback = None if cause is None else cause.__traceback__
    try:
        if cause is not None and _listens(generator):
            ended = generator.athrow(cause) if resource.is_async else generator.throw(cause)
        else:
            ended = anext(generator) if resource.is_async else next(generator)
        if resource.is_async:
            await ended
    except (StopIteration, StopAsyncIteration):
        return
    except BaseException as raised:
        if raised is not cause:
            raise
        raised.with_traceback(traceback)
        return
    if resource.is_async:
        await generator.aclose()
    else:
        generator.close()
    raise ResourceError.yields(resource.name, "more than once")


def _listens(generator: Any) -> bool:
    """Tell whether the yield at which a generator waits stands in a `try` or a `with`.

    An error thrown in elsewhere would only keep the teardown below it from being run.
    """
    frame = generator.ag_frame if hasattr(generator, "ag_frame") else generator.gi_frame
    code: Any = dis.Bytecode(frame.f_code)
    return any(
        # Since 3.12 what makes a RuntimeError of StopIteration stands around every generator.
        entry.start <= frame.f_lasti < entry.end and not (entry.lasti and not entry.depth)
        for entry in code.exception_entries
    )
