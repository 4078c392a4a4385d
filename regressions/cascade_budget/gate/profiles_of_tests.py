"""Profiles of tests, in a pass of their own: what goes wrong here is told and changes nothing."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, final

import pytest
from _pytest import python as pytest_python

from cascade_budget.errors import BudgetError
from cascade_budget.gate.budgets import FIXTURE, state_of
from cascade_budget.gate.fixture import run_once
from cascade_budget.interop.pytest_benchmark import FIXTURE as BENCHMARK
from cascade_budget.interop.pytest_benchmark import calls_made, follow_benchmark
from cascade_budget.judge.profile_comparison import compare_profiles
from cascade_budget.model.profiles import ProfileFinding, function_times
from cascade_budget.process.limits import time_limit
from cascade_budget.process.workload import Workload
from cascade_budget.report.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from cascade_budget.gate.timers import ProfiledSides
    from cascade_budget.interop.pytest_benchmark import BenchmarkedCall
    from cascade_budget.model.profiles import ProfileDifference, ProfileSession
    from cascade_budget.process.workload import WorkloadCall
    from cascade_budget.profiling.stacks import RawFrame
    from cascade_budget.report.progress import Progress
    from cascade_budget.settings import Settings
    from cascade_budget.source.changes import Changes

PROFILES: Final = "profiles"
"""Folder of the profiles inside that of the reports."""

_LONGEST: Final = 100


def profile_folder(settings: Settings) -> Path | None:
    """Where profiles go; None where they are shown and not kept."""
    if settings.profile is not None:
        return settings.profile
    return settings.report / PROFILES if settings.report is not None else None


def file_stem(key: str) -> str:
    """A file name for a test's key: its readable part, and a digest where that lost something."""
    stem = re.sub(r"[^A-Za-z0-9_.]+", "-", key).strip("-.")
    if stem == key:
        return stem
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{stem[-_LONGEST:].lstrip('-.') or 'test'}-{digest}"


SECTION: Final = "cascade budget profile"
MOST_UNASKED: Final = 20
"""Failing tests that are profiled without being asked for, in one process: each takes a second."""

_HOTTEST: Final = 15
_MOST_LINES: Final = 40
_SESSIONS: Final = 2


@final
class Profiles:
    """Profiles what this process runs.

    Args:
        settings: of the run.
        progress: is told what goes on; None where there is none to tell.
        marker: knows which lines changed; None where nothing is compared.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Progress | None = None,
        changes: Changes | None = None,
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._changes = changes
        self._unasked = 0
        self._sections: dict[str, list[str]] = {}

    def wants(self, *, failed: bool) -> bool:
        """Whether a test is to be profiled."""
        if self._settings.profile is not None:
            return True
        return failed and self._settings.profile_failures

    def add_sections(self, item: pytest.Item) -> None:
        """Put the profiles of a test on its report. Once: what a dry run adds, pytest drops."""
        for text in self._sections.pop(item.nodeid, ()):
            item.add_report_section("call", SECTION, text)

    def of_workload(
        self,
        call: WorkloadCall,
        workload: Workload,
        *,
        failed: bool,
        sides: Callable[[WorkloadCall], ProfiledSides | None] | None = None,
    ) -> ProfileFinding | None:
        """Profile a workload, write its files, and keep the tree for its test's report.

        Args:
            call: what is profiled, at its n.
            workload: runs it in this process, warm.
            failed: whether a budget is broken.
            sides: profiles base and head side by side; None where they are not to be compared.
        """
        if not self.wants(failed=failed):
            return None

        def record() -> ProfiledSides:
            both = sides(call) if sides is not None else None
            if both is not None:
                return both
            return (), self._sessions(
                workload.function, call.n, lambda function, n: workload.variant(function).run(n)
            )

        return self._take(call.item, call.key, call.title, record)

    def of_call(
        self,
        item: pytest.Item,
        repeated: Callable[[int], Any],
        *,
        most: int,
        failed: bool,
    ) -> ProfileFinding | None:
        """Profile a call, write its files, and keep the tree for its test's report.

        Args:
            item: the test that makes the call.
            repeated: makes it so many times.
            most: how often a session may make it.
            failed: whether a budget is broken.
        """
        if not self.wants(failed=failed):
            return None

        def limited(function: Callable[[int], Any], times: int) -> None:
            with time_limit(self._settings.timeout_seconds, "the profiled call"):
                function(times)

        def record() -> ProfiledSides:
            return (), self._sessions(repeated, 1, limited, most=most)

        return self._take(item, item.nodeid, item.name, record)

    def _sessions(
        self,
        function: Callable[[int], Any],
        n: int,
        call: Callable[[Callable[[int], Any], int], Any],
        *,
        most: int | None = None,
    ) -> Sequence[ProfileSession]:
        from cascade_budget.profiling.passes import profile_workload  # noqa: PLC0415 - the sampler is loaded where it is used

        own_roots = (self._settings.root,)
        return profile_workload(
            function, n=n, own_roots=own_roots, sessions=_SESSIONS, call=call, most=most
        )

    @contextlib.contextmanager
    def of_body(self, item: pytest.Item, taken: list[ProfileFinding]) -> Iterator[None]:
        """Sample the body of a test while it runs, and keep the tree for its report.

        Args:
            item: the test.
            taken: where the finding goes once the block has been left.
        """
        from cascade_budget.profiling.recording import CLOCKS, record_block  # noqa: PLC0415 - the sampler is loaded where it is used

        block = record_block(
            clock=CLOCKS["wall"], own_roots=(self._settings.root,), root=_is_call_of_test
        )
        try:
            sessions = block.__enter__()
        except BudgetError as error:
            taken.append(ProfileFinding(problem=_reason(error)))
            yield
            return
        try:
            yield
        finally:
            block.__exit__(None, None, None)
            taken.append(self._take(item, item.nodeid, item.name, lambda: ((), sessions)))

    def _take(
        self,
        item: pytest.Item,
        key: str,
        title: str,
        record: Callable[[], ProfiledSides],
    ) -> ProfileFinding:
        if self._settings.profile is None:
            self._unasked += 1
            if self._unasked > MOST_UNASKED:
                return ProfileFinding(
                    problem=f"not profiled: {MOST_UNASKED} failing tests before it were; "
                    "--cascade-profile profiles each"
                )
        if self._progress is not None:
            self._progress.say(f"{title}: profiling")
        try:
            base, head = record()
            return self._keep(item, key, base, head)
        except Exception as error:  # noqa: BLE001 - a profile that fails never changes a verdict
            return ProfileFinding(problem=_reason(error))

    def _keep(
        self,
        item: pytest.Item,
        key: str,
        base: Sequence[ProfileSession],
        head: Sequence[ProfileSession],
    ) -> ProfileFinding:
        from cascade_budget.report.profile_renderers import render_profile_text  # noqa: PLC0415 - needs the profiler's renderers

        if not any(session.stacks for session in head):
            return ProfileFinding(problem="no profile: the test ended before the first sample")
        tree = render_profile_text(head, title=key)
        sides = {"base": base, "head": head} if base else {"head": head}
        files, problem = self._write(key, sides, tree)
        difference, uncompared = _difference(base, head) if base else (None, "")
        self._sections.setdefault(item.nodeid, []).append(_section(tree, head))
        return ProfileFinding(
            problem="; ".join(filter(None, (problem, uncompared))),
            clock=head[0].clock,
            sessions=len(head),
            overhead_ratio=head[0].overhead_ratio,
            files=files,
            hottest=hottest(head),
            difference=difference,
            changed=self._changes.suspects(head) if base and self._changes is not None else (),
        )

    def _write(
        self, key: str, sides: dict[str, Sequence[ProfileSession]], tree: str
    ) -> tuple[dict[str, str], str]:
        """Write the files. Returns their paths by format, and what went wrong."""
        folder = profile_folder(self._settings)
        if folder is None:
            return {}, ""
        from cascade_budget.report.profile_renderers import render_profile_html, render_speedscope  # noqa: PLC0415 - needs the profiler's renderers
        from cascade_budget.source.files import shown_path, write_text  # noqa: PLC0415 - needs no file otherwise

        texts = {
            "html": (".html", render_profile_html(sides["head"], title=key)),
            "speedscope": (".speedscope.json", render_speedscope(sides, title=key)),
            "text": (".txt", tree),
        }
        stem = file_stem(key)
        try:
            paths = {
                name: write_text(folder / f"{stem}{ending}", text)
                for name, (ending, text) in texts.items()
            }
        except OSError as error:
            return {}, f"the profile could not be written: {_reason(error)}"
        root = self._settings.root
        return {name: shown_path(path, root) for name, path in paths.items()}, ""


def _is_call_of_test(frame: RawFrame) -> bool:
    """What calls the function of a test: below it all is pytest's."""
    return frame.function == "pytest_pyfunc_call" and frame.path == pytest_python.__file__


def hottest(sessions: Sequence[ProfileSession]) -> tuple[tuple[str, float], ...]:
    """Self time in ns a transaction by function, the mean over sessions, most first."""
    sums: defaultdict[str, float] = defaultdict(float)
    for session in sessions:
        for key, self_ns in function_times(session).items():
            sums[str(key)] += self_ns / len(sessions)
    ordered = sorted(sums.items(), key=lambda one: (-one[1], one[0]))
    return tuple(ordered[:_HOTTEST])


def _difference(
    base: Sequence[ProfileSession], head: Sequence[ProfileSession]
) -> tuple[ProfileDifference | None, str]:
    """What differs, or why that can't be said: then head's own profile is shown all the same."""
    try:
        return compare_profiles(base, head), ""
    except ValueError as error:
        return None, f"base and head are not compared: {error}"


def _section(tree: str, sessions: Sequence[ProfileSession]) -> str:
    lines = tree.splitlines()
    shown = lines[:_MOST_LINES]
    if len(lines) > len(shown):
        shown.append(f"({len(lines) - len(shown)} more lines; --cascade-profile=DIR keeps them)")
    first = sessions[0]
    told = f"({first.clock} time in seconds"
    if first.overhead_ratio != 1:
        transactions = counted(sum(one.transactions for one in sessions), "transaction")
        told += f" over {transactions}; sampling slowed them {first.overhead_ratio:.1f} times"
    shown.append(f"{told})")
    return "\n".join(shown)


def _reason(error: BaseException) -> str:
    text = str(error).strip().partition("\n")[0]
    kind = type(error).__name__
    return f"no profile: {kind}: {text}" if text else f"no profile: {kind}"


@final
class ProfilingRunner:
    """Hooks of a run without the gate in which each test is profiled.

    Args:
        settings: of the run.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._profiles = Profiles(settings)
        self._problems: dict[str, str] = {}

    def run_workload(self, call: WorkloadCall) -> Any:
        """Run a workload as a plain run does, and profile it."""
        timeout_seconds = self._settings.timeout_seconds
        result = run_once(call, timeout_seconds=timeout_seconds)
        with Workload(call.function, timeout_seconds=timeout_seconds) as workload:
            self._profiles.of_workload(call, workload, failed=False)
        self._profiles.add_sections(call.item)
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Sample the body of a test that has no workload and no budgets of its own."""
        if state_of(item) is not None or FIXTURE in getattr(item, "fixturenames", ()):
            return (yield)
        taken: list[ProfileFinding] = []
        benchmark = getattr(item, "funcargs", {}).get(BENCHMARK)
        sampled: AbstractContextManager[None] = contextlib.nullcontext()
        if benchmark is None:
            sampled = self._profiles.of_body(item, taken)
        else:
            # Not the rounds: what they took would be the sampler's as well.
            follow_benchmark(benchmark, lambda call: self._of_benchmark(item, benchmark, call))
        try:
            with sampled:
                return (yield)
        finally:
            self._profiles.add_sections(item)
            self._problems.update((item.nodeid, each.problem) for each in taken if each.problem)

    def _of_benchmark(self, item: pytest.Item, benchmark: Any, call: BenchmarkedCall) -> None:
        most = calls_made(benchmark)
        profile = self._profiles.of_call(item, call.repeated, most=most, failed=False)
        if profile is not None and profile.problem:
            self._problems[item.nodeid] = profile.problem

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say which tests have no profile."""
        for test, problem in self._problems.items():
            terminalreporter.write_line(f"{test}: {problem}")
