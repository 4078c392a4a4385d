"""From what the judge found to the report's document."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from cascade_budget.errors import LawSyntaxError
from cascade_budget.model.document import (
    CallEntry,
    CountPoint,
    Document,
    FunctionEntry,
    HistoryEntry,
    PairedEntry,
    ProfileEntry,
    SessionInfo,
    ThroughputEntry,
    WorkloadEntry,
)
from cascade_budget.model.findings import (
    CallVerdict,
    TargetFinding,
    TimeFinding,
    WorkloadFinding,
)
from cascade_budget.model.laws import parse_law

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cascade_budget.model.profile_findings import ProfileFinding
    from cascade_budget.model.profiles import FunctionDifference

_VERDICTS = {
    CallVerdict.EXCEEDED: "over budget",
    CallVerdict.MISSING: "not recorded",
    CallVerdict.SLACK: "under budget",
}
_NOTED = {
    CallVerdict.RECORDED: "recorded",
    CallVerdict.UNSTABLE: "unstable",
    CallVerdict.UNCOUNTABLE: "uncountable",
}


def collect(
    session: SessionInfo,
    findings: Iterable[WorkloadFinding],
    history: Iterable[HistoryEntry] = (),
    *,
    link: Callable[[str], str] = str,
) -> Document:
    """The document of a run.

    Args:
        session: what ran.
        findings: everything that was found, in the order in which it is shown.
        history: stored results of benchmarks.
        link: from the path of a profile's file to what the report links.
    """
    return Document(
        session=session,
        tests=tuple(_entry(finding, link) for finding in findings),
        history=tuple(history),
    )


def verdict_of(finding: WorkloadFinding) -> str:
    """The gravest verdict of a finding, in one or two words."""
    verdicts = {target.verdict for target in finding.targets}
    time = finding.time
    for verdict, words in _VERDICTS.items():
        if verdict in verdicts:
            return words
        if verdict is CallVerdict.EXCEEDED and time is not None and time.fails:
            return "too slow" if time.verdict != "unresolved" else "unresolved"
    if time is not None and time.verdict == "unresolved":
        return "unresolved"
    return next((words for each, words in _NOTED.items() if each in verdicts), "as budgeted")


def _entry(finding: WorkloadFinding, link: Callable[[str], str]) -> WorkloadEntry:
    return WorkloadEntry(
        key=finding.key,
        test=finding.test,
        title=finding.title,
        verdict=verdict_of(finding),
        fails=finding.fails,
        n=finding.n,
        sizes=finding.sizes,
        cold=finding.cold,
        backend=finding.backend,
        watch=finding.watch,
        calls=tuple(_call_entry(target) for target in finding.targets),
        throughput=_throughput_entry(finding.time) if finding.time else None,
        profile=_profile_entry(finding.profile, link) if finding.profile else None,
    )


def _call_entry(target: TargetFinding) -> CallEntry:
    allowed = _allowed(target)
    return CallEntry(
        target=target.target,
        verdict=target.verdict.value,
        fails=target.verdict.fails,
        sentence=target.sentence,
        law=target.measured,
        budget=target.budget,
        origin=target.origin,
        watched=target.watched,
        counts=tuple(
            CountPoint(n=n, calls=calls, again=target.second.get(n), budget=allowed.get(n))
            for n, calls in sorted(target.first.items())
        ),
        sites=target.sites,
        sites_at=target.sites_at,
    )


def _allowed(target: TargetFinding) -> dict[int, int]:
    """The budget at each size counted; none where it is irregular there or no law at all."""
    if target.budget is None:
        return {}
    try:
        law = parse_law(target.budget)
    except LawSyntaxError:
        return {}
    allowed = {}
    for n in target.first:
        try:
            allowed[n] = law.at(n)
        except KeyError:
            continue
    return allowed


def _throughput_entry(time: TimeFinding) -> ThroughputEntry:
    return ThroughputEntry(
        method=time.method,
        verdict=time.verdict,
        fails=time.fails,
        sentence=time.sentence,
        lines=time.lines,
        cpu_tps=time.cpu_tps,
        wall_tps=time.wall_tps,
        paired=_paired_entry(time.verdict, time.details) if time.method == "paired" else None,
    )


def _paired_entry(outcome: str, details: Mapping[str, Any]) -> PairedEntry | None:
    """None where the rounds never came to an interval."""
    if "slowdown_interval" not in details:
        return None
    lower, upper = details["slowdown_interval"]
    clock = details["clock"]
    return PairedEntry(
        outcome=outcome,
        slowdown=details["slowdown"],
        lower=lower,
        upper=upper,
        confidence=details["confidence"],
        tolerance=details["tolerance"],
        smallest_detectable=details["smallest_detectable"],
        rounds=tuple(math.expm1(one[clock]) for one in details["rounds"]),
        clock=clock,
    )


def _profile_entry(profile: ProfileFinding, link: Callable[[str], str]) -> ProfileEntry:
    difference = profile.difference
    return ProfileEntry(
        problem=profile.problem,
        clock=profile.clock,
        sessions=profile.sessions,
        files={name: link(path) for name, path in profile.files.items()},
        hottest=profile.hottest,
        difference=tuple(map(_function_entry, difference.functions)) if difference else None,
        confidence=difference.confidence if difference else None,
        entry=_function_entry(difference.entry) if difference and difference.entry else None,
        changed=profile.changed,
    )


def _function_entry(one: FunctionDifference) -> FunctionEntry:
    return FunctionEntry(
        function=one.key.function,
        caller=one.key.caller,
        path=one.path,
        line=one.line,
        base_ns=one.base_ns,
        head_ns=one.head_ns,
        error_ns=one.error_ns,
    )
