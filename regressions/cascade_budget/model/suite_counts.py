"""What a census holds, and the lines in which the counting process hands it over.

A line of JSON a test, written when the test has ended, so that a run that is killed has reported
all that came before, and the progress of one that runs can be read. Names of functions are sent
once and then referred to by number: a suite of thousands of tests calls the same few hundred.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cascade_budget.model.findings import Site

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT: Final = 1

PASSED: Final = "passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRecord:
    """One test of a run.

    Attributes:
        outcome: "passed", "failed" or "skipped".
        calls: By function, `module:qualname`; only functions that were called.
        sites: By function, the lines that called it, where callers were asked for.
        reason: The last line of the failure, or why it was skipped.
        threads: Names of the threads that were started and that the test's end did not wait for.
    """

    __test__ = False

    outcome: str
    calls: Mapping[str, int]
    sites: Mapping[str, tuple[Site, ...]] = field(default_factory=dict)
    reason: str = ""
    threads: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """One run of a suite.

    Attributes:
        tests: By node id, in the order in which they ran.
        uncollected: Files from which no tests could be collected -> why.
        modules: The project's own modules: name -> path, relative to the project.
        astray: Modules that came from the project as it is installed, not from the copy that was to
            be measured: name -> path.
        foreign: Packages that lie in the copy and were imported from elsewhere: name -> path.
        blind: Functions that this Python cannot count exactly -> why.
        backend: What counted.
        seconds: Wall time of the tests, without start-up and collection.
    """

    tests: Mapping[str, TestRecord]
    uncollected: Mapping[str, str]
    modules: Mapping[str, str]
    astray: Mapping[str, str]
    foreign: Mapping[str, str]
    blind: Mapping[str, str]
    backend: str
    seconds: float

    def passed(self) -> dict[str, Mapping[str, int]]:
        """Calls by function, by test, of the tests that passed."""
        return {
            test: record.calls for test, record in self.tests.items() if record.outcome == PASSED
        }

    def path_of(self, function: str) -> str:
        """The file that defines a function; "" where it is none of the project's."""
        return self.modules.get(function.partition(":")[0], "")


class CensusWriter:
    """Turns records into lines."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def collected(self, tests: int) -> str:
        """The line that says how many tests will run."""
        return _line({"collected": tests, "format": FORMAT})

    def test(self, node_id: str, record: TestRecord) -> str:
        """The line of a test that has ended."""
        fresh = [name for name in record.calls if name not in self._numbers]
        for name in fresh:
            self._numbers[name] = len(self._numbers)
        return _line(
            {
                "test": node_id,
                "outcome": record.outcome,
                "names": fresh,
                "calls": [[self._numbers[name], calls] for name, calls in record.calls.items()],
                "sites": {
                    name: [[site.path, site.line, site.function, site.calls] for site in sites]
                    for name, sites in record.sites.items()
                },
                "reason": record.reason,
                "threads": record.threads,
            }
        )

    def end(self, census: Census) -> str:
        """The last line: all but the tests."""
        return _line(
            {
                "uncollected": dict(census.uncollected),
                "modules": dict(census.modules),
                "astray": dict(census.astray),
                "foreign": dict(census.foreign),
                "blind": dict(census.blind),
                "backend": census.backend,
                "seconds": census.seconds,
            }
        )


def encode(census: Census) -> str:
    """A whole census as text."""
    writer = CensusWriter()
    lines = [writer.collected(len(census.tests))]
    lines += [writer.test(node_id, record) for node_id, record in census.tests.items()]
    return "".join([*lines, writer.end(census)])


def decode(lines: Iterable[str]) -> Census | None:
    """A census from its lines; None where the last one is missing: the process did not finish.

    Raises:
        ValueError: A line is not of this format.
    """
    names: list[str] = []
    tests: dict[str, TestRecord] = {}
    for line in lines:
        entry: dict[str, Any] = json.loads(line)
        if "collected" in entry:
            if entry["format"] != FORMAT:
                raise ValueError(f"census format {entry['format']}")
        elif "test" in entry:
            names += entry["names"]
            tests[entry["test"]] = TestRecord(
                outcome=entry["outcome"],
                calls={names[number]: calls for number, calls in entry["calls"]},
                sites={
                    name: tuple(
                        Site(path=path, line=at, function=function, calls=calls)
                        for path, at, function, calls in sites
                    )
                    for name, sites in entry["sites"].items()
                },
                reason=entry["reason"],
                threads=tuple(entry["threads"]),
            )
        else:
            return Census(
                tests=tests,
                uncollected=entry["uncollected"],
                modules=entry["modules"],
                astray=entry["astray"],
                foreign=entry["foreign"],
                blind=entry["blind"],
                backend=entry["backend"],
                seconds=entry["seconds"],
            )
    return None


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, separators=(",", ":")) + "\n"
