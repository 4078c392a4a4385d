"""The pytest plugin of a census: counts around every test and writes a line for each.

Loaded by `-p` in the counting process only. Settings that would spoil a count are taken back here
and not by options, because an option of a plugin that a project has blocked is a usage error.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import pytest
from _pytest.runner import runtestprotocol

from cascade_budget.counting import (
    CountingLostError,
    count_calls,
)
from cascade_budget.counting.watch import DEFAULT_WATCH
from cascade_budget.model.findings import Site
from cascade_budget.model.suite_counts import (
    Census,
    CensusWriter,
    TestRecord,
)
from cascade_budget.process.origins import Origins
from cascade_budget.process.seeds import (
    seed_plugins,
    seed_random,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from contextlib import AbstractContextManager

    from cascade_budget.counting import CallCounts

REQUEST: Final = "CASCADE_BUDGET_CENSUS"
"""The environment variable with the path of the request, JSON."""

_EAGER: Final = 50
_GARBAGE: Final = 100_000
"""Objects that may pile up before they are collected, between two tests."""

# Each would make counts depend on time, on chance or on other processes, or judge them itself.
_SETTINGS: Final[Mapping[str, Any]] = {
    "benchmark_disable": True,
    "benchmark_only": False,
    "cascade_budget": False,
    "dist": "no",
    "distload": False,
    "hypothesis_seed": "0",
    "no_cov": True,
    "numprocesses": 0,
    "randomly_reorganize": False,
    "tx": [],
}


@final
class Recorder:
    """Counts the tests of one run.

    Args:
        request: What `running.take_census` asked for.
        lines: Writes one line to where the parent reads.
    """

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._lines = Path(request["lines"]).open("w", encoding="utf-8")  # noqa: SIM115  closed by the last hook
        self._origins = Origins(
            project=Path(request["project"]),
            others=tuple(Path(other) for other in request["origins"]),
            packages=tuple(request["packages"]),
            tests=frozenset(request["tests"]),
        )
        self._attribute: bool | frozenset[str] = (
            request["attribute"]
            if isinstance(request["attribute"], bool)
            else frozenset(request["attribute"])
        )
        self._only = None if request["only"] is None else frozenset(request["only"])
        self._garbage: bool = request["garbage"]
        self._warm_ups: int = request["warm_ups"]
        self._shuffle: int | None = request["shuffle"]
        self._seed: int | None = request["random_seed"]
        self._writer = CensusWriter()
        self._outcomes: dict[str, tuple[str, str]] = {}
        self._uncollected: dict[str, str] = {}
        self._block: AbstractContextManager[CallCounts] | None = None
        self._held: tuple[tuple[str, ...], bool] | None = None
        self._blind: dict[str, str] = {}
        self._backend = ""
        self._seconds = 0.0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(
        self, early_config: pytest.Config
    ) -> Generator[None, None, None]:
        """Keep the installed project out of the way of its copy."""
        _settle(early_config.known_args_namespace)
        # Data that a module makes when it is imported.
        self._reseed()
        sys.path[:] = [
            entry
            for entry in sys.path
            if not (entry and self._origins.is_astray(Path(entry).resolve()))
        ]
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, Any, Any]:
        """Take back what would spoil a count."""
        _settle(config.option)
        if self._seed is not None:
            seed_plugins(config.option, self._seed)
        return (yield)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note what could not be collected."""
        if report.failed:
            self._uncollected[report.nodeid] = _last_line(report)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Keep the tests that were asked for, in the order that was asked for."""
        if self._only is not None:
            left_out = [item for item in items if item.nodeid not in self._only]
            items[:] = [item for item in items if item.nodeid in self._only]
            if left_out:
                config.hook.pytest_deselected(items=left_out)
        if self._shuffle is not None:
            random.Random(self._shuffle).shuffle(items)  # noqa: S311  an order, not a secret

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Say how many tests will run: none where they would run against another's code."""
        if self._origins.astray():
            session.items.clear()
        if not session.config.option.collectonly:
            self._write(self._writer.collected(len(session.items)))
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
        for _ in range(self._warm_ups):
            self._reseed()
            runtestprotocol(item, log=False, nextitem=nextitem)
        self._reseed()
        attribute = (
            self._attribute if isinstance(self._attribute, bool) else item.nodeid in self._attribute
        )
        self._hold(attribute=attribute)
        if self._garbage or gc.get_count()[0] > _GARBAGE:
            # Where collections fall into tests, what an earlier test left behind is gone before.
            # Elsewhere finalizers run here or never.
            gc.collect()
        before = set(threading.enumerate())
        began = time.perf_counter()
        try:
            with count_calls((), watch=self._origins.watch, attribute=attribute) as counts:
                result = yield
        except CountingLostError as lost:
            self._seconds += time.perf_counter() - began
            self._release()
            self._write(
                self._writer.test(
                    item.nodeid, TestRecord(outcome="failed", calls={}, reason=lost.fact)
                )
            )
            return True
        self._seconds += time.perf_counter() - began
        threads = tuple(
            sorted(
                thread.name
                for thread in threading.enumerate()
                if thread not in before and thread.is_alive()
            )
        )
        self._note(item.nodeid, counts, threads)
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended: its worst phase."""
        outcome, reason = self._outcomes.get(report.nodeid, ("passed", ""))
        if report.failed and outcome != "failed":
            self._outcomes[report.nodeid] = ("failed", _last_line(report))
        elif report.skipped and outcome == "passed":
            self._outcomes[report.nodeid] = ("skipped", _last_line(report))
        else:
            self._outcomes[report.nodeid] = (outcome, reason)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the last line."""
        self._release()
        self._origins.refresh()
        self._write(
            self._writer.end(
                Census(
                    tests={},
                    uncollected=self._uncollected,
                    modules=dict(sorted(self._origins.modules.items())),
                    astray=self._origins.astray(),
                    foreign=self._origins.foreign(),
                    blind=self._blind,
                    backend=self._backend,
                    seconds=self._seconds,
                )
            )
        )
        self._lines.close()

    def _write(self, line: str) -> None:
        self._lines.write(line)
        self._lines.flush()

    def _reseed(self) -> None:
        if self._seed is not None:
            seed_random(self._seed)

    def _note(self, node_id: str, counts: CallCounts, threads: tuple[str, ...]) -> None:
        self._origins.refresh()
        self._blind.update(counts.blind)
        self._backend = counts.backend
        outcome, reason = self._outcomes.pop(node_id, ("failed", "the test did not end"))
        modules = self._origins.modules
        calls = {
            name: calls
            for name, calls in counts.watched.items()
            if calls and (name in DEFAULT_WATCH or name.partition(":")[0] in modules)
        }
        sites = {
            name: tuple(
                Site(
                    path=self._origins.relative(site.path),
                    line=site.line,
                    function=site.function,
                    calls=site.calls,
                )
                for site in found
            )
            for name, found in counts.sites.items()
            if name in calls
        }
        self._write(
            self._writer.test(
                node_id,
                TestRecord(
                    outcome=outcome, calls=calls, sites=sites, reason=reason, threads=threads
                ),
            )
        )

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


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the recorder: the first hook that a plugin from `-p` sees."""
    request = json.loads(Path(os.environ[REQUEST]).read_text(encoding="utf-8"))
    pluginmanager.register(Recorder(request), "cascade-budget-census")


def _settle(options: Any) -> None:
    for name, value in _SETTINGS.items():
        if hasattr(options, name):
            setattr(options, name, value)


def _last_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        text = str(crash.message)
    elif isinstance(report.longrepr, tuple):
        text = str(report.longrepr[2])
    else:
        text = str(report.longrepr).rstrip().rpartition("\n")[2].removeprefix("E").lstrip()
    return text.partition("\n")[0][:200]
