"""What a profile of a test found: a value that crosses processes as JSON and that reports read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, final

from cascade_budget.judge.profiles.values import FunctionDifference, FunctionKey, ProfileDifference

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    """

    problem: str = ""
    clock: str = ""
    sessions: int = 0
    overhead_ratio: float = 1.0
    files: Mapping[str, str] = field(default_factory=dict)
    hottest: tuple[tuple[str, float], ...] = ()
    difference: ProfileDifference | None = None

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
            }
        )


def _difference_from_json(data: Mapping[str, Any]) -> ProfileDifference:
    functions = tuple(
        FunctionDifference(**{**one, "key": FunctionKey(**one["key"])}) for one in data["functions"]
    )
    return ProfileDifference(**{**data, "functions": functions})
