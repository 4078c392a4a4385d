"""Counting a suite: its tests run in a fresh process, and their counts are read as they come."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cascade_budget.clock import Clock
from cascade_budget.errors import BudgetError
from cascade_budget.model.suite_counts import SuiteReader
from cascade_budget.process.job import Imports, Job
from cascade_budget.process.launch import FreshInterpreter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cascade_budget.model.suite_counts import SuiteCounts

_POLL_SECONDS: Final = 0.1
_GRACE_SECONDS: Final = 5.0
_COLLECTION_SECONDS: Final = 600.0
# https://docs.pytest.org/en/stable/reference/exit-codes.html
_TESTS_RAN: Final = (0, 1)
_INTERRUPTED: Final = 2
_USAGE: Final = 4
_NO_TESTS: Final = 5
_TASK: Final = ("attribute", "garbage", "only", "packages", "shuffle", "tests", "warm_ups")
"""What of a request the process is told under its own name."""


class SuiteError(BudgetError):
    """The suite could not be run to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteRequest:
    """What to run, and how.

    Attributes:
        label: What messages call this side.
        project: The folder whose functions are counted.
        working_folder: Where pytest is started, in the project.
        arguments: For pytest.
        roots: Folders that the project's code is imported from.
        packages: Names that can be imported from them.
        origins: Folders that it must not be imported from.
        tests: Files of the project that belong to its tests, relative with `/`; empty where it is
            all the same whose code they run against.
        attribute: Whether to note the callers, or in which tests.
        only: Node ids of the tests to run; None for all.
        hash_seed: PYTHONHASHSEED, from 0 to 4294967295.
        garbage: Whether the garbage collector runs during a test.
        warm_ups: How often a test runs uncounted before it is counted.
        shuffle: A seed for the order of the tests; None for the order they are collected in.
        random_seed: What random numbers are seeded with before each test.
    """

    label: str
    project: Path
    working_folder: Path
    arguments: tuple[str, ...]
    roots: tuple[Path, ...] = ()
    packages: tuple[str, ...] = ()
    origins: tuple[Path, ...] = ()
    tests: frozenset[str] = frozenset()
    attribute: bool | frozenset[str] = False
    only: frozenset[str] | None = None
    hash_seed: int = 0
    garbage: bool = False
    warm_ups: int = 0
    shuffle: int | None = None
    random_seed: int = 0


def count_suite(
    request: SuiteRequest, progress: Callable[[int, int], None] = lambda _done, _tests: None
) -> SuiteCounts:
    """Run the tests once and count every call of the project's own functions, test by test.

    Args:
        request: What to run.
        progress: Called with the tests that have ended and the tests that were collected.

    Raises:
        SuiteError: No test was collected, pytest could not start, or the process was killed.
        KeyboardInterrupt: On Ctrl-C; the process and its children have ended by then.
    """
    counts = None
    reader = SuiteReader()
    began = Clock.monotonic()
    with FreshInterpreter(
        [_job(request)],
        folder=request.working_folder,
        hash_seed=request.hash_seed,
        grace_seconds=_GRACE_SECONDS,
    ) as process:
        (channel,) = process.channels
        while counts is None:
            # What a test has forked may hold the channel open after pytest has gone.
            ended = process.exit_code() is not None
            try:
                counts = reader.take(channel.receive(_POLL_SECONDS))
            except TimeoutError:
                if ended:
                    break
                if not reader.collected and Clock.monotonic() - began > _COLLECTION_SECONDS:
                    raise SuiteError(
                        f"the tests were not collected within {_COLLECTION_SECONDS:g} seconds",
                        place=f"pytest on {request.label}",
                        remedy="Look for an import that does not end",
                    ) from None
            except EOFError:
                break
            progress(reader.done, reader.collected)
        code = process.exit_code(None)
        assert code is not None
        return _checked(counts, request, code, process.printed())


def _job(request: SuiteRequest) -> Job:
    return Job(
        plugin="cascade_budget.counting.suite_plugin:CountSuite",
        name=request.label,
        root=str(request.project),
        folder=str(request.working_folder),
        arguments=("--continue-on-collection-errors", *request.arguments),
        imports=Imports(
            roots=[str(root) for root in request.roots],
            origins=[str(origin) for origin in request.origins],
        ),
        random_seed=request.random_seed,
        task={name: getattr(request, name) for name in _TASK},
    )


def _checked(
    counts: SuiteCounts | None, request: SuiteRequest, code: int, said: str
) -> SuiteCounts:
    if counts is not None and counts.tests and code in (*_TESTS_RAN, _INTERRUPTED):
        # Files that failed to import end a run with code 1 or 2; the rest of it stands.
        return counts
    if counts is not None and counts.wrong_origin:
        # For the caller to refuse: no test was run.
        return counts
    ran = " ".join(["pytest", *request.arguments])
    remedy = f"Make `{ran}` run there first"
    if counts is not None and counts.uncollected:
        file, reason = next(iter(counts.uncollected.items()))
        fact = f"no test could be collected: {file}: {reason}"
    elif code == _NO_TESTS or counts is not None:
        fact = "no test was collected"
        remedy = f"Give the tests' path, or start where `{ran}` finds them"
    elif code < 0:
        fact = f"the process was killed by {_signal_name(-code)}"
        remedy = f"Run `{ran}` to see whether the tests end without being counted"
    elif code == _USAGE:
        fact = f"pytest could not start: {_error_of(said)}"
    else:
        fact = f"pytest ended with exit code {code}: {_error_of(said)}"
    raise SuiteError(fact, place=f"pytest on {request.label}", remedy=remedy)


def _error_of(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line.removeprefix("E ").strip() for line in lines if line.startswith("E ")]
    named = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    refused = [line.partition(": error: ")[2] for line in lines if ": error: " in line]
    return next(iter([*refused, *named, *marked, *lines[-1:]]), "it printed nothing")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
