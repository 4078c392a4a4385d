"""Budgets of a test that uses pytest-benchmark: of the call that it benchmarks, not of the test."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, final

from cascade_budget.counting import count_calls
from cascade_budget.errors import UsageError
from cascade_budget.gate.account import (
    Account,
    account_of,
)
from cascade_budget.gate.counts import (
    Snapshot,
    count_twice,
)
from cascade_budget.gate.verdicts import (
    exceeded,
    judge_calls,
    with_sites,
)
from cascade_budget.interop.pytest_benchmark import (
    FIXTURE,
    BenchmarkedCall,
    calls_made,
    follow_benchmark,
    machine_of,
    read_stored,
    shortest_seconds,
    storage_folder,
)
from cascade_budget.model.findings import (
    RecordedTiming,
    TimeFinding,
    TimeVerdict,
    WorkloadFinding,
)
from cascade_budget.process.limits import time_limit
from cascade_budget.process.workload import quiet_collection

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from cascade_budget.gate.test_profiles import Profiles
    from cascade_budget.ledger import Ledger
    from cascade_budget.model.profiles import ProfileFinding
    from cascade_budget.report.progress import Progress
    from cascade_budget.settings import Settings
    from cascade_budget.source.marking import ChangeMarker

_SIZES: Final = (0,)
"""A benchmarked call has no n; its counts stand under 0."""


def is_benchmarked(item: pytest.Item) -> bool:
    """Whether a test's budgets are those of the call that it benchmarks."""
    account = account_of(item)
    return account is not None and account.budgets.whole and FIXTURE in _fixtures(item)


def check_benchmarked(item: pytest.Item, account: Account) -> None:
    """Refuse what a benchmark can't be asked for.

    Raises:
        UsageError: The marker asks for first runs, and a benchmark has many.
    """
    if account.budgets.whole and account.budgets.cold and FIXTURE in _fixtures(item):
        raise UsageError(
            "cold=True asks for first runs, and pytest-benchmark repeats the call",
            place=item.nodeid,
            remedy="Leave cold out, or run the workload through the cascade_budget fixture",
        )


@final
class BenchmarkedTests:
    """Counts and judges what tests benchmark.

    Args:
        settings: of the run.
        ledger: what is recorded.
        progress: is told what goes on.
        marker: knows which lines changed.
        profiles: profiles a call that is over.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        progress: Progress,
        marker: ChangeMarker,
        profiles: Profiles,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._progress = progress
        self._marker = marker
        self._profiles = profiles

    @contextlib.contextmanager
    def around_body(self, item: pytest.Item) -> Iterator[None]:
        """Follow the test's benchmark: its call is counted when it has been timed, and is warm."""
        fixture = getattr(item, "funcargs", {}).get(FIXTURE)
        account = account_of(item)
        assert account is not None
        if fixture is not None:
            follow_benchmark(fixture, lambda call: self._judge(item, account, fixture, call))
        yield

    def _judge(
        self, item: pytest.Item, account: Account, fixture: Any, call: BenchmarkedCall
    ) -> None:
        if shortest_seconds(fixture) is None:
            # Not timed, so not warm either.
            self._count(account, call, attribute=False)
        counted = count_twice(
            lambda _: self._count(account, call, attribute=False), _SIZES, account.budgets
        )
        entry = self._ledger.entries.get(item.nodeid)
        targets = judge_calls(counted, account.budgets, entry, _SIZES, update=self._settings.update)
        if exceeded(targets):
            sites = self._count(account, call, attribute=True).sites
            targets = self._marker.mark(with_sites(targets, sites, 0))
        time = self._time(item, fixture)
        profile = self._profile(
            item, fixture, call, failed=exceeded(targets) or (time is not None and time.fails)
        )
        account.findings.append(
            WorkloadFinding(
                key=item.nodeid,
                test=item.nodeid,
                title=item.name,
                n=None,
                sizes=(),
                backend=counted.backend,
                watch=account.budgets.watch_label,
                targets=targets,
                time=time,
                profile=profile,
            )
        )

    def _profile(
        self, item: pytest.Item, fixture: Any, call: BenchmarkedCall, *, failed: bool
    ) -> ProfileFinding | None:
        """The profile of repeated calls: no more of them in a session than the benchmark made."""
        self._progress.start()
        profile = self._profiles.of_call(
            item,
            call.repeated,
            most=calls_made(fixture),
            timeout_seconds=self._settings.timeout_seconds,
            failed=failed,
        )
        self._progress.end()
        return profile

    def _count(self, account: Account, call: BenchmarkedCall, *, attribute: bool) -> Snapshot:
        args, kwargs = call.arguments()
        counting = count_calls(account.targets, watch=account.budgets.patterns, attribute=attribute)
        limit = time_limit(self._settings.timeout_seconds, "the benchmarked call")
        with limit, quiet_collection(), counting as counts:
            call.function(*args, **kwargs)
        if call.teardown is not None:
            call.teardown(*args, **kwargs)
        return Snapshot.of(counts, self._settings.root)

    def _time(self, item: pytest.Item, fixture: Any) -> TimeFinding | None:
        """The shortest round against the newest stored one; None where nothing was timed."""
        seconds = shortest_seconds(fixture)
        if seconds is None:
            return None
        config = item.config
        option = config.getoption("benchmark_storage", None)
        folder = storage_folder(option, config.invocation_params.dir)
        stored = read_stored(folder, item.nodeid) if folder is not None else None
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


def _fixtures(item: pytest.Item) -> tuple[str, ...]:
    return tuple(getattr(item, "fixturenames", ()))
