"""What a fresh process does for the counts of a suite: counts around every test, and sends each."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, final

import pytest
from _pytest.runner import runtestprotocol

from cascade_budget.clock import Clock
from cascade_budget.counting import CountingLostError, count_calls
from cascade_budget.counting.watch import DEFAULT_WATCH
from cascade_budget.errors import WorkloadTimeoutError
from cascade_budget.model.suite_counts import FAILED, PASSED, SuiteCounts, SuiteWriter, TestRecord
from cascade_budget.process.imports import CodeFolders
from cascade_budget.process.limits import time_limit
from cascade_budget.process.seeds import seed_random
from cascade_budget.process.worker import WorkerPlugin
from cascade_budget.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from contextlib import AbstractContextManager

    from cascade_budget.counting import CallCounts
    from cascade_budget.process.channel import Channel
    from cascade_budget.process.job import Job

_EAGER: Final = 50
_GARBAGE: Final = 100_000
"""Objects that may pile up before they are collected, between two tests."""

_OWN_PACKAGE: Final = "cascade_budget"


@final
class CountSuite(WorkerPlugin):
    """Counts the tests of one run. The task is that of `counting.suite`."""

    def __init__(self, channel: Channel, job: Job) -> None:
        super().__init__(channel, job)
        task = job.task
        self._origins = Origins(job, packages=task["packages"], tests=frozenset(task["tests"]))
        self._attribute: bool | list[str] = task["attribute"]
        self._only: list[str] | None = task["only"]
        self._garbage: bool = task["garbage"]
        self._writer = SuiteWriter()
        self._outcomes: dict[str, tuple[str, str]] = {}
        self._block: AbstractContextManager[CallCounts] | None = None
        self._held: tuple[tuple[str, ...], bool] | None = None
        self._uncollected: dict[str, str] = {}
        self._blind: dict[str, str] = {}
        self._backend = ""
        self._seconds = 0.0
        self._timeout_seconds: float | None = None

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self._uncollected[report.nodeid] = _last_line(report)

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> Generator[None, None, None]:
        """Keep the tests that were asked for, in the order that was asked for."""
        yield
        if self._only is not None:
            only = frozenset(self._only)
            left_out = [item for item in items if item.nodeid not in only]
            items[:] = [item for item in items if item.nodeid in only]
            if left_out:
                config.hook.pytest_deselected(items=left_out)
        if self.job.task["shuffle"] is not None:
            random.Random(self.job.task["shuffle"]).shuffle(items)  # noqa: S311 - an order, not a secret

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say how many tests will run: none where they would run against another's code."""
        self._timeout_seconds = read_settings(session.config).timeout_seconds
        if self._origins.wrong():
            session.items.clear()
        if not session.config.option.collectonly:
            self.channel.send(self._writer.collected(len(session.items)))
            if self._garbage:
                # Often enough for a finalizer that can run in a test to do so.
                gc.set_threshold(_EAGER)
            else:
                # What was built so far lives on; later collections need not look at it.
                gc.collect()
                gc.freeze()
                gc.disable()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, Any, Any]:
        """Count one test, its set-up and its teardown included."""
        for _ in range(self.job.task["warm_ups"]):
            seed_random(self.job.random_seed)
            runtestprotocol(item, log=False, nextitem=nextitem)
        seed_random(self.job.random_seed)
        attribute = (
            self._attribute if isinstance(self._attribute, bool) else item.nodeid in self._attribute
        )
        self._hold(attribute=attribute)
        if self._garbage or gc.get_count()[0] > _GARBAGE:
            # Where collections fall into tests, what an earlier test left behind is gone before.
            # Elsewhere finalizers run here or never.
            gc.collect()
        before = set(threading.enumerate())
        began = Clock.perf_counter()
        try:
            with count_calls((), watch=self._origins.watch, attribute=attribute) as counts:
                result = yield
        except CountingLostError as lost:
            self._release()
            record = TestRecord(outcome=FAILED, calls={}, reason=lost.fact)
            self.channel.send(self._writer.test(item.nodeid, record))
            return True
        finally:
            self._seconds += Clock.perf_counter() - began
        left = [thread for thread in threading.enumerate() if thread not in before]
        self._note(item.nodeid, counts, sorted(one.name for one in left if one.is_alive()))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, Any, Any]:
        """End a test that hangs, as the gate does."""
        with time_limit(self._timeout_seconds, "the test"):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
    ) -> Generator[None, Any, Any]:
        """End a fixture that hangs."""
        try:
            with time_limit(self._timeout_seconds, f"the fixture {request.fixturename}"):
                return (yield)
        except WorkloadTimeoutError as error:
            # pytest itself notes an Exception alone, and tears down what has something noted.
            key = fixturedef.cache_key(request)  # type: ignore[arg-type]
            fixturedef.cached_result = (None, key, (error, error.__traceback__))
            raise

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended: its worst phase."""
        known, _ = self._outcomes.setdefault(report.nodeid, (PASSED, ""))
        if (report.failed and known != FAILED) or (report.skipped and known == PASSED):
            self._outcomes[report.nodeid] = (report.outcome, _last_line(report))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Send what is not a test's."""
        self._release()
        self._origins.refresh()
        counts = SuiteCounts(
            tests={},
            uncollected=self._uncollected,
            modules=dict(sorted(self._origins.modules.items())),
            wrong_origin=self._origins.wrong(),
            installed_copy=self._origins.installed(),
            blind=self._blind,
            backend=self._backend,
            seconds=self._seconds,
        )
        self.channel.send(self._writer.end(counts))

    def _note(self, node_id: str, counts: CallCounts, threads: list[str]) -> None:
        self._origins.refresh()
        self._blind.update(counts.blind)
        self._backend = counts.backend
        outcome, reason = self._outcomes.pop(node_id, (FAILED, "the test did not end"))
        calls = {
            name: calls
            for name, calls in counts.watched.items()
            if calls and (name in DEFAULT_WATCH or name.partition(":")[0] in self._origins.modules)
        }
        sites = {
            name: tuple(replace(site, path=self._origins.shown(site.path)) for site in found)
            for name, found in counts.sites.items()
            if name in calls
        }
        record = TestRecord(
            outcome=outcome, calls=calls, sites=sites, reason=reason, threads=tuple(threads)
        )
        self.channel.send(self._writer.test(node_id, record))

    def _hold(self, *, attribute: bool) -> None:
        # An outer block that asks for the same makes the block around each test almost free.
        self._origins.refresh()
        wanted = (self._origins.watch, attribute)
        if self._held != wanted:
            self._release()
            block = count_calls((), watch=self._origins.watch, attribute=attribute)
            block.__enter__()
            self._block, self._held = block, wanted

    def _release(self) -> None:
        block, self._block, self._held = self._block, None, None
        if block is not None:
            with contextlib.suppress(CountingLostError):
                block.__exit__(None, None, None)


@final
class Origins:
    """Where the imported modules come from: the copy that is counted, or somewhere else.

    Args:
        job: Says where the copy is, and where its code must not come from.
        packages: Names that can be imported from the copy.
        tests: The files of the copy that belong to its tests, relative with `/`; empty where it is
            all the same whose code they run against.

    Attributes:
        modules: The copy's modules that are imported: name -> file, relative with `/`.
        watch: Patterns of what is counted; those of `packages` from the start.
    """

    __slots__ = ("_copy", "_inside", "_known", "_others", "_packages", "_tests", "modules", "watch")

    def __init__(self, job: Job, *, packages: Sequence[str], tests: frozenset[str]) -> None:
        self._inside = f"{job.root}{os.sep}"
        self._copy = CodeFolders([job.root])
        self._others = CodeFolders(job.imports.origins)
        self._packages = packages
        self._tests = tests
        self._known = 0
        self.modules: dict[str, str] = {}
        self.watch: tuple[str, ...] = ()

    def refresh(self) -> None:
        """Look at what has been imported since the last time."""
        # A thousand modules are looked at only when there are others than before.
        if len(sys.modules) == self._known:
            return
        self._known = len(sys.modules)
        for name, file in _files():
            if file.startswith(self._inside) and self._copy.hold(file):
                self.modules[name] = self.shown(file)
        tops = {name.partition(".")[0] for name in (*self.modules, *self._packages)}
        self.watch = (*DEFAULT_WATCH, *(f"{top}.*" for top in sorted(tops - {_OWN_PACKAGE})))

    def wrong(self) -> dict[str, str]:
        """Modules that the project was not to be imported from, by name, with their files.

        They lie in one of the folders that were ruled out, or they are an installed copy, and of
        the project's own files none but tests are imported: tests would run against that copy, the
        same one on either side.
        """
        found = {
            name: file
            for name, file in sorted(_files())
            if self._others.hold(file) and not self._copy.hold(file)
        }
        if found or not self._tests:
            return found
        installed = self.installed()
        return installed if self._tests.issuperset(self.modules.values()) else {}

    def installed(self) -> dict[str, str]:
        """Packages of the project that come from elsewhere, an installed copy: name -> file."""
        self.refresh()
        files = dict(_files())
        return {
            name: files[name]
            for name in self._packages
            if name in files and name not in self.modules
        }

    def shown(self, path: str) -> str:
        """A path within the copy relative to it with `/`, any other as it is."""
        inside = path.removeprefix(self._inside)
        return path if inside == path else inside.replace(os.sep, "/")


def _files() -> Iterator[tuple[str, str]]:
    """Modules that are imported, with their files; without those of this package."""
    for name, module in tuple(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and name.partition(".")[0] != _OWN_PACKAGE:
            yield name, file


def _last_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        text = str(crash.message)
    elif isinstance(report.longrepr, tuple):
        text = str(report.longrepr[2])
    else:
        text = str(report.longrepr).rstrip().rpartition("\n")[2].removeprefix("E").lstrip()
    return text.partition("\n")[0][:200]
