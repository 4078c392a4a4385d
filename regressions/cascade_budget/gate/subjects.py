"""What is held to budgets: a workload of the fixture, a whole test, a pytest-benchmark call.

Each says how it is run. `budget_check` has what is done with all of them.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Literal, cast, final

from _pytest.runner import runtestprotocol

from cascade_budget.interop.pytest_benchmark import FIXTURE as BENCHMARK
from cascade_budget.interop.pytest_benchmark import (
    calls_made,
    machine_of,
    read_stored,
    shortest_seconds,
    storage_folder,
)
from cascade_budget.model.findings import (
    CallVerdict,
    RecordedTiming,
    TargetFinding,
    TimeFinding,
    TimeVerdict,
    WorkloadFinding,
)
from cascade_budget.process.limits import time_limit
from cascade_budget.process.workload import ThreadWatch, frozen_heap, quiet_collection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import pytest

    from cascade_budget.counting import CallCounts
    from cascade_budget.gate.budgets import TestState
    from cascade_budget.gate.profiles_of_tests import Profiles
    from cascade_budget.gate.timers import Timer
    from cascade_budget.interop.pytest_benchmark import BenchmarkedCall
    from cascade_budget.ledger import Entry
    from cascade_budget.model.profiles import ProfileFinding
    from cascade_budget.process.workload import Workload, WorkloadCall
    from cascade_budget.settings import Settings


class Subject(ABC):
    """What is held to the budgets of a test.

    Attributes:
        item: the test.
        state: what it is budgeted for, and what was found so far.
        key: the ledger's key.
        title: how the failure names it.
        n: transactions at which it is timed; None where it has no n.
        sizes: transactions at which its calls are counted; 0 alone where it has no n.
        warm_up_sizes: those at which it is run before its calls are counted.
        ordinal: the call of the fixture; 0 where it is none.
        warmed: under an update, watched functions that a run before the counted ones has called.
        runs_when_counted: whether it is run to be counted, rather than counted when it ran.
    """

    runs_when_counted = True
    n: int | None = None
    sizes: tuple[int, ...] = (0,)
    warm_up_sizes: tuple[int, ...] = ()
    ordinal = 0

    def __init__(
        self, item: pytest.Item, state: TestState, settings: Settings, profiles: Profiles
    ) -> None:
        self.item = item
        self.state = state
        self.key = item.nodeid
        self.title = item.name
        self.warmed: set[str] = set()
        self._settings = settings
        self._profiles = profiles

    def warm_up(self, n: int) -> None:
        """One run before those that are counted."""
        with self._counting_warm_up():
            self.count(n)

    @contextlib.contextmanager
    def _counting_warm_up(self) -> Iterator[None]:
        __tracebackhide__ = True
        if not (self._settings.update and self.state.budgets.watch.globs):
            yield
            return
        with self.state.count_calls(attribute=False) as counts:
            yield
        self.warmed.update(counts.watched)

    def around_counting(self) -> AbstractContextManager[None]:
        """Surrounds the counted runs at all sizes."""
        return contextlib.nullcontext()

    @abstractmethod
    def count(self, n: int, *, attribute: bool = False) -> CallCounts:
        """The calls of one run, with the lines that call where they are to be attributed."""

    def time(self, entry: Entry | None) -> TimeFinding | None:
        """Time it against what the ledger holds, or against a base.

        Args:
            entry: what the ledger holds of it; None for nothing.
        """
        del entry
        return None

    @abstractmethod
    def profile(self, *, failed: bool, slower: bool) -> ProfileFinding | None:
        """Where its time goes; None where nobody asked.

        Args:
            failed: whether a budget is broken.
            slower: whether it is that of time.
        """

    def finding(
        self,
        targets: tuple[TargetFinding, ...],
        *,
        backend: str = "",
        time: TimeFinding | None = None,
        profile: ProfileFinding | None = None,
    ) -> WorkloadFinding:
        """All that was found of it."""
        budgets = self.state.budgets
        return WorkloadFinding(
            key=self.key,
            test=self.item.nodeid,
            title=self.title,
            n=self.n,
            sizes=self.sizes if self.n else (),
            cold=budgets.cold,
            backend=backend,
            watch=budgets.watch_label,
            targets=targets,
            time=time,
            profile=profile,
        )


@final
class FixtureWorkload(Subject):
    """The workload of one call of the fixture.

    Args:
        call: the call.
        state: of the test that makes it.
        settings: of the run.
        profiles: takes its profile.
        workload: runs it in this process.
        timer: times it.

    Attributes:
        result: what the last run in this process returned.
    """

    def __init__(
        self,
        call: WorkloadCall,
        state: TestState,
        settings: Settings,
        profiles: Profiles,
        *,
        workload: Workload,
        timer: Timer,
    ) -> None:
        super().__init__(call.item, state, settings, profiles)
        self.key = call.key
        self.title = call.title
        self.n = call.n
        self.sizes = call.sizes
        # Where first runs are counted elsewhere, one here says what the workload returns.
        self.warm_up_sizes = call.sizes[:1] if state.budgets.cold else call.sizes
        self.result: Any = None
        self.ordinal = call.ordinal
        self._call = call
        self._workload = workload
        self._timer = timer
        self._threads = ThreadWatch()

    def warm_up(self, n: int) -> None:
        """One run whose calls tell what a warm cache spares."""
        __tracebackhide__ = True
        with self._counting_warm_up():
            self.result = self._workload.run(n)

    @contextlib.contextmanager
    def around_counting(self) -> Iterator[None]:
        """Set aside what exists, and refuse a workload that leaves threads behind each time."""
        __tracebackhide__ = True
        with frozen_heap():
            yield
        self._threads.check()

    def count(self, n: int, *, attribute: bool = False) -> CallCounts:
        """The calls of one warm run."""
        __tracebackhide__ = True
        counting = self.state.count_calls(attribute=attribute)
        limit = self._workload.limit(n)
        with self._threads.around_run(), limit, quiet_collection(), counting as counts:
            self.result = self._workload.perform(n)
        return counts

    def time(self, entry: Entry | None) -> TimeFinding | None:
        """Time it as the run asks for: against the ledger or against a base."""
        __tracebackhide__ = True
        time, result = self._timer.measure(self._call, self._workload, entry)
        if result is not None:
            self.result = result
        return time

    def profile(self, *, failed: bool, slower: bool) -> ProfileFinding | None:
        """Where its time goes; with a base that it is slower than, what differs."""
        return self._profiles.of_workload(
            self._call,
            self._workload,
            failed=failed,
            sides=self._timer.profile if slower else None,
        )


@final
class BenchmarkSubject(Subject):
    """A call that pytest-benchmark has timed, and that is warm.

    Args:
        item: the test that benchmarks it.
        state: of the test.
        settings: of the run.
        profiles: takes its profile.
        call: what one round runs.
    """

    def __init__(
        self,
        item: pytest.Item,
        state: TestState,
        settings: Settings,
        profiles: Profiles,
        *,
        call: BenchmarkedCall,
    ) -> None:
        super().__init__(item, state, settings, profiles)
        self._call = call
        self._fixture: Any = getattr(item, "funcargs", {})[BENCHMARK]
        # What was not timed is not warm either.
        self.warm_up_sizes = (0,) if shortest_seconds(self._fixture) is None else ()

    def count(self, n: int, *, attribute: bool = False) -> CallCounts:
        """The calls of one round, without its setup and teardown."""
        del n
        limit = time_limit(self._settings.timeout_seconds, "the benchmarked call")
        counting = self.state.count_calls(attribute=attribute)
        with self._call.prepared() as (args, kwargs), limit, quiet_collection(), counting as counts:
            self._call.function(*args, **kwargs)
        return counts

    def time(self, entry: Entry | None) -> TimeFinding | None:
        """The shortest round against the newest stored one; None where nothing was timed."""
        del entry
        seconds = shortest_seconds(self._fixture)
        if seconds is None:
            return None
        config = self.item.config
        option = config.getoption("benchmark_storage", None)
        folder = storage_folder(option, config.invocation_params.dir)
        stored = read_stored(folder, self.item.nodeid) if folder is not None else None
        tolerance = self._settings.coarse_tolerance
        if stored is None or tolerance is None:
            return TimeFinding(
                verdict=TimeVerdict.NO_RECORD,
                reason="timed by pytest-benchmark, nothing stored to compare with",
                wall_ns_per_transaction=seconds * 1e9,
            )
        here = machine_of(config.hook.pytest_benchmark_generate_machine_info(config=config))
        alike = here == stored.machine
        limit = tolerance if alike else self._settings.coarse_tolerance_elsewhere
        slowdown = seconds / stored.seconds - 1
        return TimeFinding(
            verdict=TimeVerdict.TOO_SLOW if slowdown > limit else TimeVerdict.WITHIN,
            recorded=RecordedTiming(
                against=stored.file, slowdown=slowdown, limit=limit, elsewhere=not alike
            ),
            wall_ns_per_transaction=seconds * 1e9,
        )

    def profile(self, *, failed: bool, slower: bool) -> ProfileFinding | None:
        """The profile of repeated calls: no more of them in a session than the benchmark made."""
        del slower
        return self._profiles.of_call(
            self.item,
            self._call.repeated,
            most=calls_made(self._fixture),
            failed=failed,
        )


Stage = Literal["warm-up", "count", "attribute", "profile", "turn", "judged", "abandoned"]
"""Where a test that is budgeted as a whole stands.

It runs several times: to warm up, to be counted, where it is over budget once more with the lines
that call, and in its turn to be counted again. It is abandoned where a run before its turn did not
pass."""

DRY_RUNS: Final[dict[Stage, str]] = {
    "warm-up": "warming up",
    "count": "counting",
    "attribute": "finding the lines that call",
    "profile": "profiling",
}
"""The stages before its turn, and what is done in each."""


@final
class WholeTest(Subject):
    """The body of a test that has the marker alone.

    It can't be called: it is counted in runs of the test, all but the last of them before its turn.

    Attributes:
        stage: where it stands.
    """

    runs_when_counted = False

    def __init__(
        self, item: pytest.Item, state: TestState, settings: Settings, profiles: Profiles
    ) -> None:
        super().__init__(item, state, settings, profiles)
        self.stage: Stage = "turn"
        self._body_passed = False
        self._counted: list[CallCounts] = []
        self._attributed: list[CallCounts] = []
        self._profiled: list[ProfileFinding] = []

    @property
    def is_dry_run(self) -> bool:
        """Whether the test is run before its turn."""
        return self.stage in DRY_RUNS

    def dry_run(self, stage: Stage) -> bool:
        """Run the test before its turn. Returns whether every phase of it passed.

        Each time it is set up and torn down anew, as far as its own fixtures go, for a test is not
        written to be called twice.
        """
        self.stage = stage
        self._body_passed = False
        item = self.item
        properties = list(item.user_properties)
        # A teardown towards the test's own parent keeps what the module and the session share.
        reports = runtestprotocol(item, log=False, nextitem=cast("pytest.Item", item.parent))
        item.user_properties[:] = properties
        item._report_sections.clear()  # noqa: SLF001 - what a dry run printed is not the test's
        # Not the report of the call: a strict xfail makes a failure of what has passed.
        passed = self._body_passed and all(one.passed for one in reports if one.when != "call")
        self.stage = "turn" if passed or stage in ("attribute", "profile") else "abandoned"
        return passed

    def wants_profile(self, *, failed: bool) -> bool:
        """Whether it is to be run once more to be profiled."""
        return self._profiles.wants(failed=failed)

    @contextlib.contextmanager
    def around_body(self) -> Iterator[None]:
        """Count the body, or sample it, where its stage asks for that."""
        with time_limit(self._settings.timeout_seconds, "the test"):
            match self.stage:
                case "count" | "attribute" | "turn" if not self.state.budgets.cold:
                    attribute = self.stage == "attribute"
                    counting = self.state.count_calls(attribute=attribute)
                    with quiet_collection(), counting as counts:
                        yield
                    (self._attributed if attribute else self._counted).append(counts)
                case "warm-up":
                    with self._counting_warm_up():
                        yield
                case "profile":
                    with self._profiles.of_body(self.item, self._profiled):
                        yield
                case _:
                    yield
        self._body_passed = True

    def count(self, n: int, *, attribute: bool = False) -> CallCounts:
        """The calls of the oldest run not yet asked for, or of the last one."""
        del n
        runs = (self._attributed if attribute else []) or self._counted
        return runs.pop(0) if len(runs) > 1 else runs[0]

    def profile(self, *, failed: bool, slower: bool) -> ProfileFinding | None:
        """Where its time went in a run before its turn."""
        del failed, slower
        return self._profiled[0] if self._profiled else None

    def abandoned(self) -> WorkloadFinding:
        """The finding of a test that passes now and did not before: its calls say nothing."""
        unstable = tuple(
            TargetFinding(
                target=name,
                verdict=CallVerdict.UNSTABLE,
                sentence="the test passes and fails in runs of the same code: not gated",
                origin="marker" if law is not None else None,
            )
            for name, law in self.state.budgets.named.items()
        )
        return self.finding(unstable, profile=self.profile(failed=False, slower=False))
