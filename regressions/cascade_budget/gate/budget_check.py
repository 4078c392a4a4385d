"""The check of one subject: count, judge, recount, attribute, time, profile."""

from __future__ import annotations

import contextlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from cascade_budget.counting.targets import TargetError, resolve_target
from cascade_budget.counting.watch import refuse_unmatched
from cascade_budget.errors import BudgetError, ColdRunError
from cascade_budget.gate.fresh_counts import count_in_fresh_process
from cascade_budget.gate.recorded_code import RecordedCode
from cascade_budget.gate.subjects import DRY_RUNS
from cascade_budget.gate.verdicts import CountedCalls, covers, exceeded, judge_calls
from cascade_budget.judge.calls import Counted, is_chance
from cascade_budget.model.findings import CallVerdict, TimeFinding
from cascade_budget.model.laws import ZERO, parse_law
from cascade_budget.source.files import shown_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from cascade_budget.counting import CallCounts
    from cascade_budget.gate.budgets import Budgets
    from cascade_budget.gate.subjects import Stage, Subject, WholeTest
    from cascade_budget.ledger import Entry
    from cascade_budget.model.findings import TargetFinding
    from cascade_budget.report.progress import Progress
    from cascade_budget.settings import Settings
    from cascade_budget.source.changes import Changes

_HASH_SEEDS: Final = (1, 2)
_RECOUNTED: Final = (CallVerdict.EXCEEDED, CallVerdict.SLACK)


@final
class BudgetCheck:
    """Holds what a test runs to its budgets.

    Args:
        settings: of the run.
        ledger: what is recorded, by key.
        progress: is told what goes on.
        changes: knows which lines changed.
    """

    def __init__(
        self, settings: Settings, ledger: Mapping[str, Entry], progress: Progress, changes: Changes
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._progress = progress
        self._changes = changes
        self._recorded_code = RecordedCode(settings.ledger)

    def check(self, subject: Subject) -> None:
        """Add what is found of a subject to its test.

        Raises:
            WatchPatternError: a pattern matches nothing.
            ColdRunError: a first run was to be counted, and the fresh process did not report.
            WorkloadThreadsError: each counted run left threads behind.
        """
        __tracebackhide__ = True
        with self._progress.shown():
            entry = self._ledger.get(subject.key)
            calls = self._count(subject, entry)
            refuse_unmatched(subject.state.budgets.patterns, calls.watched)
            targets = self._judge(subject, calls, entry)
            recounted = self._recount(subject, calls, targets)
            if recounted is not calls:
                targets = self._judge(subject, recounted, entry)
            if exceeded(targets):
                targets = self._attribute(subject, targets)
            time = self._time(subject, entry)
            slower = time is not None and time.fails and time.is_measured
            profile = subject.profile(failed=slower or exceeded(targets), slower=slower)
            subject.state.findings.append(
                subject.finding(targets, backend=calls.backend, time=time, profile=profile)
            )

    def dry_run(self, test: WholeTest) -> None:
        """Run a test before its turn: to warm up, to count, where it is over to find who calls."""

        def passes(stage: Stage) -> bool:
            self._say(test, DRY_RUNS[stage], 0)
            return test.dry_run(stage)

        with self._progress.shown():
            if passes("warm-up") and passes("count"):
                runs = {0: test.count(0)}
                entry = self._ledger.get(test.key)
                calls = _by_function(runs, runs, test.state.budgets, _never_called(test, entry))
                over = exceeded(self._judge(test, calls, entry))
                if over:
                    passes("attribute")
                if test.wants_profile(failed=over):
                    passes("profile")

    def _count(self, subject: Subject, entry: Entry | None) -> CountedCalls:
        """Every size in one run of the code and then in another."""
        __tracebackhide__ = True
        budgets = subject.state.budgets
        for n in subject.warm_up_sizes:
            with self._doing(subject, "warming up", n):
                subject.warm_up(n)

        def count(n: int) -> CallCounts:
            __tracebackhide__ = True
            if budgets.cold:
                self._say(subject, "first run of a fresh process", n)
                return count_in_fresh_process(subject.item, n, ordinal=subject.ordinal)
            with self._doing(subject, "counting", n):
                return subject.count(n)

        with subject.around_counting():
            first = {n: count(n) for n in subject.sizes}
            second = {n: count(n) for n in subject.sizes}
        return _by_function(first, second, budgets, _never_called(subject, entry))

    def _judge(
        self, subject: Subject, calls: CountedCalls, entry: Entry | None
    ) -> tuple[TargetFinding, ...]:
        sizes = (*subject.sizes, subject.n) if subject.n else subject.sizes
        return judge_calls(
            calls,
            subject.state.budgets,
            entry,
            sizes,
            update=self._settings.update,
            past=partial(self._recorded_code.past, subject.key),
        )

    def _recount(
        self, subject: Subject, calls: CountedCalls, targets: Sequence[TargetFinding]
    ) -> CountedCalls:
        """The counts, with those under other hash seeds in place of what is red by chance alone.

        The order of a set is another in each process, and so is what is called on the way through
        it. A ledger that was written in one process would then fail the next, on the same code.
        That is so only where two fresh processes differ from each other: earlier tests, which they
        lack, make both differ from this one.

        Returns:
            The same counts where nothing is red, where every process has the same seed, where first
            runs were counted, which had other seeds, or where the test can't be run alone.
        """
        __tracebackhide__ = True
        red = {
            one.target: one.budget for one in targets if one.verdict in _RECOUNTED and one.budget
        }
        same_seed = os.environ.get("PYTHONHASHSEED", "random") != "random"
        if not red or same_seed or subject.state.budgets.cold:
            return calls
        at = subject.sizes[-1]
        self._say(subject, "counting what is red under other hash seeds", at)
        count = partial(
            count_in_fresh_process, subject.item, at, ordinal=subject.ordinal, warm=True
        )
        try:
            with ThreadPoolExecutor(len(_HASH_SEEDS)) as pool:
                fresh = list(pool.map(lambda seed: count(hash_seed=seed), _HASH_SEEDS))
        except ColdRunError:
            return calls
        return replace(
            calls,
            named=_without_chance(calls.named, red, fresh, at),
            watched=_without_chance(calls.watched, red, [each.watched for each in fresh], at),
        )

    def _attribute(
        self, subject: Subject, targets: Sequence[TargetFinding]
    ) -> tuple[TargetFinding, ...]:
        """The findings with the lines that call, in one more run, which changes no verdict."""
        __tracebackhide__ = True
        at = subject.sizes[-1]
        self._say(subject, "finding the lines that call", at)
        try:
            cold = partial(count_in_fresh_process, subject.item, ordinal=subject.ordinal)
            count = cold if subject.state.budgets.cold else subject.count
            counts = count(at, attribute=True)
        except Exception as error:  # noqa: BLE001 - what is over budget is so without them
            reason = str(error).partition("\n")[0] or type(error).__name__
            unknown = f"; who calls it was not found: {reason}"
            return _replaced(targets, lambda one: replace(one, sentence=one.sentence + unknown))
        root = self._settings.root

        def with_sites(one: TargetFinding) -> TargetFinding:
            sites = tuple(
                replace(each, path=shown_path(Path(each.path), root) if each.path else "")
                for each in counts.sites.get(one.target, ())
            )
            return replace(one, sites=sites, sites_at=at or None)

        return self._changes.mark(_replaced(targets, with_sites))

    def _time(self, subject: Subject, entry: Entry | None) -> TimeFinding | None:
        """What is found of its time; that it could not be timed is found as well."""
        __tracebackhide__ = True
        if subject.n is None:
            return subject.time(entry)
        with self._doing(subject, "timing", subject.n):
            try:
                return subject.time(entry)
            except BudgetError as error:
                return TimeFinding.not_compared(str(error))

    @contextlib.contextmanager
    def _doing(self, subject: Subject, doing: str, n: int) -> Iterator[None]:
        """Say what is done, and add it to an error of the subject: its traceback can't know."""
        __tracebackhide__ = True
        if subject.runs_when_counted or subject.state.budgets.cold:
            self._say(subject, doing, n)
        try:
            yield
        except Exception as error:
            error.add_note(f"cascade_budget was {_at(doing, n)}")
            raise

    def _say(self, subject: Subject, doing: str, n: int) -> None:
        self._progress.say(f"{subject.title}: {_at(doing, n)}")


def _replaced(
    targets: Sequence[TargetFinding], change: Callable[[TargetFinding], TargetFinding]
) -> tuple[TargetFinding, ...]:
    """The findings, each that is exceeded changed."""
    return tuple(change(one) if one.verdict is CallVerdict.EXCEEDED else one for one in targets)


def _at(doing: str, n: int) -> str:
    return f"{doing}, n = {n:,}" if n else doing


def _by_function(
    first: Mapping[int, CallCounts],
    second: Mapping[int, CallCounts],
    budgets: Budgets,
    never_called: AbstractSet[str],
) -> CountedCalls:
    """The calls of each function over both runs. One never called in a run has 0 calls there."""
    runs = [*first.values(), *second.values()]
    blind = {name: why for run in runs for name, why in run.blind.items()}
    seen = {name for run in runs for name in run.watched} | set(budgets.watch.names) | never_called

    def counted(name: str, calls: Callable[[CallCounts], Mapping[str, int]]) -> Counted:
        return Counted(
            first={n: calls(run).get(name, 0) for n, run in first.items()},
            second={n: calls(run).get(name, 0) for n, run in second.items()},
            blind=blind.get(name, ""),
        )

    return CountedCalls(
        backend=runs[0].backend,
        named={name: counted(name, lambda run: run) for name in budgets.named},
        watched={
            name: counted(name, lambda run: run.watched)
            for name in sorted(seen - set(budgets.named))
        },
    )


def _never_called(subject: Subject, entry: Entry | None) -> set[str]:
    """Functions whose law is 0 unless they are counted: they have a line in the ledger.

    A cache that is warm is called by nobody, and one that is dropped each time: so what a warm-up
    called is recorded by an update. It stays while it exists: a run may begin with warm caches.
    """
    watch = subject.state.budgets.watch
    recorded = () if entry is None else (name for name, law in entry.laws.items() if law == ZERO)
    return subject.warmed | {name for name in recorded if covers(watch, name) and _exists(name)}


def _exists(name: str) -> bool:
    """Whether there is such a function; it is taken to be there where its module is not loaded."""
    if name.partition(":")[0] in sys.modules:
        try:
            resolve_target(name)
        except TargetError:
            return False
    return True


def _without_chance(
    calls: Mapping[str, Counted],
    red: Mapping[str, str],
    fresh: Sequence[Mapping[str, int]],
    size: int,
) -> dict[str, Counted]:
    found = dict(calls)
    for name in red.keys() & calls.keys():
        here = calls[name].first[size]
        elsewhere = [each.get(name, 0) for each in fresh]
        law = parse_law(red[name])
        differ = len(set(elsewhere)) > 1
        if differ and law.knows(size) and is_chance(law.at(size), [here, *elsewhere]):
            first, second = ({**calls[name].first, size: each} for each in elsewhere)
            found[name] = replace(calls[name], first=first, second=second)
    return found
