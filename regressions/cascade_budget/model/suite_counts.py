"""What the counts of a suite hold, and the messages in which the counting process sends them.

A message a test, sent when the test has ended, so that a run that is killed has reported all that
came before, and the progress of one that runs can be read. Names of functions are sent once and
then referred to by number: a suite of thousands of tests calls the same few hundred.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from cascade_budget.model.codec import from_json, to_json
from cascade_budget.model.findings import Site

FORMAT: Final = 2

PASSED: Final = "passed"
FAILED: Final = "failed"


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
class SuiteCounts:
    """One run of a suite.

    Attributes:
        tests: By node id, in the order in which they ran.
        uncollected: Files from which no tests could be collected -> why.
        modules: The project's own modules: name -> path, relative to the project.
        wrong_origin: Modules that came from the project as it is installed, not from the copy that
            was to be measured: name -> path.
        installed_copy: Packages that lie in the copy and were imported from elsewhere: name ->
            path.
        blind: Functions that this Python cannot count exactly -> why.
        backend: What counted.
        seconds: Wall time of the tests, without start-up and collection.
    """

    tests: Mapping[str, TestRecord]
    uncollected: Mapping[str, str]
    modules: Mapping[str, str]
    wrong_origin: Mapping[str, str]
    installed_copy: Mapping[str, str]
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


class SuiteWriter:
    """Turns a run into messages, in JSON's types."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def collected(self, tests: int) -> dict[str, Any]:
        """Says how many tests will run."""
        return {"collected": tests, "format": FORMAT}

    def test(self, node_id: str, record: TestRecord) -> dict[str, Any]:
        """Says what a test did that has ended."""
        fresh = [name for name in record.calls if name not in self._numbers]
        for name in fresh:
            self._numbers[name] = len(self._numbers)
        calls = [[self._numbers[name], calls] for name, calls in record.calls.items()]
        rest = to_json(replace(record, calls={}))
        return {**rest, "test": node_id, "names": fresh, "calls": calls}

    def end(self, counts: SuiteCounts) -> dict[str, Any]:
        """The last message: all but the tests."""
        names = [field.name for field in fields(counts) if field.name != "tests"]
        return {name: getattr(counts, name) for name in names}


class SuiteReader:
    """Takes the messages of a run.

    Attributes:
        collected: How many tests will run.
    """

    def __init__(self) -> None:
        self.collected = 0
        self._names: list[str] = []
        self._tests: dict[str, TestRecord] = {}

    @property
    def done(self) -> int:
        """Tests that have ended."""
        return len(self._tests)

    def take(self, message: dict[str, Any]) -> SuiteCounts | None:
        """Take the next message. Returns the whole run after the last.

        Raises:
            ValueError: It is of another format.
        """
        if "collected" in message:
            if message["format"] != FORMAT:
                raise ValueError(f"format {message['format']}")
            self.collected = message["collected"]
        elif "test" in message:
            self._names += message["names"]
            calls = {self._names[number]: calls for number, calls in message["calls"]}
            self._tests[message["test"]] = from_json(TestRecord, {**message, "calls": calls})
        else:
            return SuiteCounts(tests=self._tests, **message)
        return None


def encode(counts: SuiteCounts) -> str:
    """A whole run as text, a message a line."""
    writer = SuiteWriter()
    messages = [
        writer.collected(len(counts.tests)),
        *(writer.test(node_id, record) for node_id, record in counts.tests.items()),
        writer.end(counts),
    ]
    return "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in messages)


def decode(lines: Iterable[str]) -> SuiteCounts | None:
    """A run from its lines; None where the last one is missing: the run did not finish.

    Raises:
        ValueError: A line is not of this format.
    """
    reader = SuiteReader()
    for line in lines:
        counts = reader.take(json.loads(line))
        if counts is not None:
            return counts
    return None
