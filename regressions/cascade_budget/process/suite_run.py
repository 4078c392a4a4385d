"""Running a suite in a process of its own and reading the counts as they come."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from cascade_budget.errors import (
    BudgetError,
    UsageError,
)
from cascade_budget.model.suite_counts import (
    Census,
    decode,
)
from cascade_budget.process import suite_recorder as recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_POLL_SECONDS: Final = 0.1
_GRACE_SECONDS: Final = 5.0
# https://docs.pytest.org/en/stable/reference/exit-codes.html
_TESTS_RAN: Final = (0, 1)
_INTERRUPTED: Final = 2
_USAGE: Final = 4
_NO_TESTS: Final = 5


class CensusError(BudgetError):
    """The suite could not be run to its end.

    Attributes:
        output: What pytest printed.
        exit_code: The process's; negative for a signal.
    """

    def __init__(
        self, fact: str, *, place: str, remedy: str, output: str = "", exit_code: int = 0
    ) -> None:
        super().__init__(fact, place=place, remedy=remedy)
        self.output = output
        self.exit_code = exit_code


class NoTestsError(CensusError, UsageError):
    """No test was collected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CensusRequest:
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
        random_seed: What random numbers are seeded with before each test; None to leave them alone.
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
    random_seed: int | None = None


def take_census(
    request: CensusRequest, progress: Callable[[int, int], None] = lambda _done, _tests: None
) -> Census:
    """Run the tests once and count every call of the project's own functions, test by test.

    Args:
        request: What to run.
        progress: Called with the tests that have ended and the tests that were collected.

    Raises:
        NoTestsError: No test was collected.
        CensusError: Collection failed, pytest could not start, or the process was killed.
        KeyboardInterrupt: On Ctrl-C; the process and its children have ended by then.
    """
    with tempfile.TemporaryDirectory(prefix="cascade-budget-census-") as place:
        folder = Path(place)
        lines, output = folder / "lines.jsonl", folder / "output.txt"
        (folder / "request.json").write_text(_request_text(request, lines), encoding="utf-8")
        with output.open("wb") as sink, _process(request, folder, sink) as process:
            reading = _Reading(lines)
            while True:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_SECONDS)
                progress(*reading.so_far())
                if process.returncode is not None:
                    break
        said = output.read_text(encoding="utf-8", errors="replace")
        census = None
        if lines.exists():
            with lines.open(encoding="utf-8") as written:
                census = decode(written)
        return _checked(census, request, process.returncode, said)


class _Reading:
    """Follows the lines of a run."""

    def __init__(self, lines: Path) -> None:
        self._lines = lines
        self._position = 0
        self._done = 0
        self._collected = 0

    def so_far(self) -> tuple[int, int]:
        """Tests that have ended, tests collected."""
        if self._lines.exists():
            with self._lines.open("rb") as written:
                written.seek(self._position)
                text = written.read()
            end = text.rfind(b"\n") + 1
            self._position += end
            for line in text[:end].splitlines():
                if line.startswith(b'{"test"'):
                    self._done += 1
                elif line.startswith(b'{"collected"'):
                    self._collected = int(json.loads(line)["collected"])
        return self._done, self._collected


@contextlib.contextmanager
def _process(
    request: CensusRequest, folder: Path, sink: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(  # noqa: S603  this interpreter, and the user's own arguments
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            recorder.__name__,
            "--continue-on-collection-errors",
            "-o",
            f"cache_dir={folder / 'cache'}",
            *request.arguments,
        ],
        cwd=request.working_folder,
        env=_environment(request, folder),
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=subprocess.STDOUT,
        # What the tests start is ended with them.
        start_new_session=True,
    )
    try:
        yield process
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> None:
    if os.name != "posix":
        process.kill()
        process.wait()
        return
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
            break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _environment(request: CensusRequest, folder: Path) -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [
        entry
        for entry in inherited
        if entry
        and not any(Path(entry).resolve().is_relative_to(origin) for origin in request.origins)
    ]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*map(str, request.roots), *kept]),
        "PYTHONHASHSEED": str(request.hash_seed),
        recorder.REQUEST: str(folder / "request.json"),
    }


def _request_text(request: CensusRequest, lines: Path) -> str:
    return json.dumps(
        {
            "lines": str(lines),
            "project": str(request.project),
            "origins": [str(origin) for origin in request.origins],
            "packages": request.packages,
            "tests": sorted(request.tests),
            "attribute": request.attribute
            if isinstance(request.attribute, bool)
            else sorted(request.attribute),
            "only": None if request.only is None else sorted(request.only),
            "garbage": request.garbage,
            "warm_ups": request.warm_ups,
            "shuffle": request.shuffle,
            "random_seed": request.random_seed,
        }
    )


def _checked(census: Census | None, request: CensusRequest, code: int, said: str) -> Census:
    if census is not None and census.tests and code in (*_TESTS_RAN, _INTERRUPTED):
        # Files that failed to import end a run with code 1 or 2; the rest of it stands.
        return census
    if census is not None and census.astray:
        # For the caller to refuse: no test was run.
        return census
    where = f"pytest on {request.label}"
    ran = " ".join(["pytest", *request.arguments])
    if census is not None and census.uncollected:
        file, reason = next(iter(census.uncollected.items()))
        fact = f"no test could be collected: {file}: {reason}"
        remedy = f"Make `{ran}` run there first"
    elif code == _NO_TESTS or census is not None:
        raise NoTestsError(
            "no test was collected",
            place=where,
            remedy=f"Give the tests' path, or start where `{ran}` finds them",
            output=said,
            exit_code=code,
        )
    elif code < 0:
        fact = f"the process was killed by {_signal_name(-code)}"
        remedy = f"Run `{ran}` to see whether the tests end without being counted"
    elif code == _USAGE:
        fact, remedy = f"pytest could not start: {_error_of(said)}", f"Make `{ran}` run there first"
    else:
        fact = f"pytest ended with exit code {code}: {_error_of(said)}"
        remedy = f"Make `{ran}` run there first"
    raise CensusError(fact, place=where, remedy=remedy, output=said, exit_code=code)


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
