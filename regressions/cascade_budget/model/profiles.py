"""Recorded stacks, self time by function, and what a profile of a test found."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, final

Clock = Literal["cpu", "wall"]
"""What self time is measured by: CPU time of the thread, or elapsed time for work that waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeFrame:
    """One function as it stands in a stack."""

    function: str
    """`module:qualname`, or the qualified name alone for a C function."""
    path: str
    """File of the function, `""` for a C function."""
    line: int
    """First line of the function, 0 for a C function."""
    own: bool
    """Whether it belongs to the code under test, not to a library."""
    record: str
    """The frame as the sampler named it, for renderers."""


@dataclass(frozen=True, slots=True, order=True)
class FunctionKey:
    """What self time is charged to: a function of one's own, or what it called in foreign code.

    Time in foreign code (a library, a C function) is charged as a whole to the pair of one's own
    function and the foreign function that it called: `resolve > inspect:signature` reads better
    than the five private functions of `inspect` in which that time was spent, and is measured
    more sharply.
    """

    function: str
    caller: str = ""

    def __str__(self) -> str:
        return f"{self.caller} > {self.function}" if self.caller else self.function


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSession:
    """One run of a workload under the sampler."""

    frames: tuple[CodeFrame, ...]
    """Each function once; stacks index into it."""
    stacks: Mapping[tuple[int, ...], float]
    """Self time of each stack (outermost frame first) in ns, summed over the session."""
    transactions: int
    """Transactions that the session ran, at least 1."""
    sample_ns: float
    """Mean time that one sample stands for, in ns."""
    plain_ns_per_transaction: float
    """Cost of a transaction in ns measured beside the session, without the sampler."""
    clock: Clock
    """`cpu`: CPU time of the thread; `wall`: elapsed time, for work that waits."""

    @property
    def total_ns(self) -> float:
        """Self time of all stacks, in ns."""
        return math.fsum(self.stacks.values())

    @property
    def overhead_ratio(self) -> float:
        """Cost under the sampler over the cost without it (above 1 is slower)."""
        if not self.plain_ns_per_transaction:
            return 1.0
        return self.total_ns / self.transactions / self.plain_ns_per_transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionDifference:
    """One function whose self time differs between base and head beyond its error."""

    key: FunctionKey
    path: str
    """File on the side where the function was seen last (head, or base when gone)."""
    line: int
    """First line of the function there, 0 where it has none."""
    base_ns: float
    """Self time a transaction on base, in ns."""
    head_ns: float
    """Self time a transaction on head, in ns."""
    error_ns: float
    """Half width of the difference's interval, in ns, at the comparison's confidence."""

    @property
    def difference_ns(self) -> float:
        """Self time a transaction that head takes more than base, in ns."""
        return self.head_ns - self.base_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDifference:
    """Head's profile against base's."""

    functions: tuple[FunctionDifference, ...]
    """The functions that differ, largest difference first."""
    entry: FunctionDifference | None = None
    """The function below which most of what head takes more is spent; its times hold what it calls.
    None where there is no such function, or its difference is not beyond its error."""
    compared: int
    """How many functions were compared."""
    base_ns: float
    """Cost of a transaction on base, in ns, without the sampler."""
    head_ns: float
    """Cost of a transaction on head, in ns, without the sampler."""
    confidence: float
    """Chance that no function is shown when the two are equal."""
    pairs: int
    """Sessions of base, each beside one of head."""
    overhead_ratio: float
    """Cost under the sampler over the cost without it, by which self times were divided."""
    clock: Clock


def function_times(session: ProfileSession) -> dict[FunctionKey, float]:
    """Self time of each function in ns a transaction, under the sampler."""
    times: defaultdict[FunctionKey, float] = defaultdict(float)
    for stack, self_ns in session.stacks.items():
        times[key_of(tuple(session.frames[index] for index in stack))] += self_ns
    return {key: self_ns / session.transactions for key, self_ns in times.items()}


def key_of(stack: Sequence[CodeFrame]) -> FunctionKey:
    """The function that a stack's self time is charged to (see `FunctionKey`)."""
    entered: CodeFrame | None = None
    for frame in reversed(stack):
        if frame.own:
            if entered is None:
                return FunctionKey(frame.function)
            return FunctionKey(entered.function, frame.function)
        entered = frame
    return FunctionKey(stack[-1].function if stack else "")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFunction:
    """A function that ran and was changed since the base: a suspect of a slowdown.

    Attributes:
        function: `module:qualname`.
        path: of its file, relative to the project's root.
        line: the first line that changed, in the function or where `read` is bound.
        read: a name of its module, bound on a changed line, that it reads; empty where the function
            itself was changed.
        share: of head's time that it takes, foreign code that it calls included, 0 to 1.
        since: the revision that does not have the line.
    """

    function: str
    path: str
    line: int
    read: str
    share: float
    since: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFinding:
    """The profile of one workload.

    Attributes:
        problem: why there is no profile, or no difference; empty where nothing is missing.
        clock: `cpu` or `wall`; empty where nothing was profiled.
        sessions: how many sessions of head were recorded.
        overhead_ratio: cost under the sampler over the cost without it.
        files: what was written, by format (`html`, `speedscope`, `text`), relative to the folder
            of reports, with `/` between parts.
        hottest: self time in ns a transaction under the sampler by function, most first.
        difference: head against base; None where base was not profiled.
        changed: where base was profiled, what ran on head and was changed since, most time first.
    """

    problem: str = ""
    clock: str = ""
    sessions: int = 0
    overhead_ratio: float = 1.0
    files: Mapping[str, str] = field(default_factory=dict)
    hottest: tuple[tuple[str, float], ...] = ()
    difference: ProfileDifference | None = None
    changed: tuple[ChangedFunction, ...] = ()
