"""What a tool decided about a slowdown that was put there, and how a tool is asked."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, final

from benchmarks.measuring.records import TRANSACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Verdict(StrEnum):
    """What head is to base, in the words that all tools share."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "same"
    UNDECIDED = "undecided"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One answer of one tool.

    Attributes:
        tool: Name and version.
        rule: The setting by which it was decided, as its user would write it.
        injected: Transactions that head did on top, as a share; 0.0 for the same work.
        verdict: What the tool said of head.
        seconds: Wall time of this answer alone, base's part included.
    """

    tool: str
    rule: str
    injected: float
    verdict: Verdict
    seconds: float


class Tool(Protocol):
    """Something that says whether head is slower than base."""

    name: str

    def trial(self, slowdowns: Sequence[float]) -> Iterator[Decision]:
        """Measure base once, then head with each slowdown, in this order.

        Raises:
            ToolError: The tool gave no answer.
        """


class ToolError(Exception):
    """A tool failed where it should have decided.

    Attributes:
        tool: Its name.
        output: The last lines that it printed.
    """

    def __init__(self, tool: str, fact: str, output: str) -> None:
        self.tool = tool
        self.output = "\n".join(output.strip().splitlines()[-15:])
        super().__init__(f"{tool} {fact}; its last words were\n{self.output or '(none)'}")


def with_slowdown(injected: float) -> int:
    """Transactions of a head that has this share more to do."""
    return round(TRANSACTIONS * (1 + injected))
