"""What runs of the same tests showed: how calls grew, from which lines, and what they follow."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The calls of one function in one test."""

    test: str
    base_calls: int
    head_calls: int

    @property
    def growth(self) -> int:
        """Calls added; negative where there are fewer."""
        return self.head_calls - self.base_calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """A function that is called more often.

    Attributes:
        function: Its name on head, `module:qualname`.
        was: Its name on base; another one after a rename or a move.
        changes: The tests in which it grew, most calls added first; never empty.
    """

    function: str
    was: str
    changes: tuple[Change, ...]

    @property
    def worst(self) -> Change:
        """The test in which most calls were added."""
        return self.changes[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """A function that only one of the revisions has, or that is unstable.

    Attributes:
        function: `module:qualname`.
        calls: Its calls in all compared tests together.
        tests: How many of these tests call it.
    """

    function: str
    calls: int
    tests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A function that has another name or place on head."""

    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What differs between base and head.

    Attributes:
        tests: The tests compared, in order.
        grown: Functions called more often, most calls added in one test first. These fail.
        fewer: How many functions are called less often.
        new: Functions of head that base does not have, most calls first.
        gone: Functions of base that head does not have, most calls first.
        moved: Functions that were renamed or moved.
        unstable: Functions whose count differs between two runs of one revision, in the tests where
            it does. They never fail.
    """

    tests: tuple[str, ...]
    grown: tuple[Growth, ...]
    fewer: int
    new: tuple[Presence, ...]
    gone: tuple[Presence, ...]
    moved: tuple[Move, ...]
    unstable: tuple[Presence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteGrowth:
    """A line from which a function is called more often.

    Attributes:
        path: The file on head.
        line: The line on head.
        caller: Qualified name of the function around it.
        base_calls: Calls from that line on base; from the lines that it replaced, where it is new.
        head_calls: Calls on head.
        changed: Whether the line was changed or added since base.
    """

    path: str
    line: int
    caller: str
    base_calls: int
    head_calls: int
    changed: bool

    @property
    def growth(self) -> int:
        """Calls added."""
        return self.head_calls - self.base_calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A function that runs in a test and was changed since base: its first changed line."""

    path: str
    line: int
    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A function that grew by itself.

    Attributes:
        growth: How it grew.
        sites: The lines that call it more often in its worst test, most calls added first.
        below: What grew in step with it, because it calls them.
        edits: Where no line that calls it was changed: the changed functions that run in this test,
            those next to the calls first.
    """

    growth: Growth
    sites: tuple[SiteGrowth, ...]
    below: tuple[Growth, ...] = ()
    edits: tuple[Edit, ...] = ()


class Influence(Enum):
    """What was varied, and what that a count follows it means."""

    CHANCE = "chance"
    RANDOM = "random numbers"
    THREADS = "threads"
    HASH_SEED = "the hash seed"
    COLLECTOR = "the garbage collector"
    ORDER = "the order of tests"
    COLD_START = "a cold start"

    @property
    def unstable(self) -> bool:
        """Whether a gate that counts warm, in fresh processes, would see the count change."""
        return self is not Influence.COLD_START


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One function whose count follows something.

    Attributes:
        function: `module:qualname`.
        influence: What it follows.
        reference: Its calls in the reference run.
        others: Its calls in the runs where that was varied.
    """

    function: str
    influence: Influence
    reference: int
    others: tuple[int, ...]
