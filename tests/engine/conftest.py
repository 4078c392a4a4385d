"""Every behaviour test runs on each tier, forced, and on the engine's own choice of tiers."""

from __future__ import annotations

import asyncio

import pytest

import cascade as cs


@pytest.fixture(params=["reference", "blueprint", "hot", "auto"])
def tier(request):
    return request.param


@pytest.fixture
def engine(tier):
    """An engine of the tier under test; call it for one with options."""

    class Factory:
        def __init__(self):
            self.made = []
            self.default = self()

        def __call__(self, **options):
            made = cs.Engine(tier=tier, **options)
            self.made.append(made)
            return made

        def run(self, target, params=None):
            return asyncio.run(self.default.run(target, params))

    factory = Factory()
    yield factory
    for made in factory.made:
        statistics = made.statistics()
        assert statistics.active_runs == 0, "a run was not left"
        assert statistics.waiting == 0, "a task still waits for a constraint"
        assert statistics.recorded == 0, "a generation was not cleared"
        made.close()


class EventLog(list):
    """What an engine said, as short tuples without times."""

    def __init__(self, engine, *kinds):
        super().__init__()
        self.unsubscribe = engine.subscribe(self.note, *kinds)

    def note(self, event):
        name = type(event).__name__
        if isinstance(event, cs.TaskFinished):
            self.append((name, event.task, event.status.value))
        elif isinstance(event, cs.TaskSkipped):
            self.append((name, event.task, event.reason.name))
        elif isinstance(event, cs.TaskRetrying):
            self.append((name, event.task, event.attempt))
        elif isinstance(event, cs.TaskEvent):
            self.append((name, event.task))
        elif isinstance(event, cs.ResourceEvent):
            self.append((name, event.resource))
        elif isinstance(event, cs.RunFinished):
            self.append((name, event.status.value))
        elif isinstance(event, cs.StaticAnalysisWarning):
            self.append((name, event.code, event.task))
        else:
            self.append((name,))


@pytest.fixture
def log_of():
    return EventLog


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time jumps to the next timer when nothing else is to be done."""

    def __init__(self):
        super().__init__()
        self.now = 1000.0

    def time(self):
        return self.now

    def _run_once(self):
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0].when())
        super()._run_once()


@pytest.fixture
def virtual_loop():
    """A loop of virtual time; pass its `time` as the engine's clock."""
    loop = VirtualLoop()
    yield loop
    loop.close()
