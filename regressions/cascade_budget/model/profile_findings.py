"""What a profile of a test found: a value that crosses processes as JSON and that reports read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, final

from cascade_budget.model.profiles import (
    FunctionDifference,
    FunctionKey,
    ProfileDifference,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


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

    def to_json(self) -> dict[str, Any]:
        """The finding in JSON's types."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> ProfileFinding:
        """The finding that `to_json` wrote, on this side of a process border."""
        difference = data["difference"]
        return ProfileFinding(
            **{
                **data,
                "hottest": tuple((function, ns) for function, ns in data["hottest"]),
                "difference": _difference_from_json(difference) if difference else None,
                "changed": tuple(ChangedFunction(**each) for each in data["changed"]),
            }
        )


def _difference_from_json(data: Mapping[str, Any]) -> ProfileDifference:
    functions = tuple(map(_function_from_json, data["functions"]))
    entry = data["entry"]
    return ProfileDifference(
        **{**data, "functions": functions, "entry": _function_from_json(entry) if entry else None}
    )


def _function_from_json(data: Mapping[str, Any]) -> FunctionDifference:
    return FunctionDifference(**{**data, "key": FunctionKey(**data["key"])})
