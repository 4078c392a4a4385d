"""Verdicts of counts against budgets.

Named functions are held exactly. Under a pattern only growth fails, so that a helper extracted or
a function renamed stays green.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal, final

from cascade_budget.model.findings import CallVerdict, Origin, TargetFinding
from cascade_budget.model.laws import ZERO, Law, calls_text, describe_change, fit_law

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Direction = Literal["more", "less", "same", "incomparable"]

UNSTABLE_TEXT = "unstable"
"""What a ledger holds in place of a law for a count that is never gated."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Calls of one function in two runs of the same code, by number of transactions."""

    first: Mapping[int, int]
    second: Mapping[int, int]
    blind: str = ""
    """Why this Python can't count every call of it, so that fewer than budgeted prove nothing."""

    @property
    def is_stable(self) -> bool:
        """Whether both runs agree at every size."""
        return self.first == self.second

    @property
    def law(self) -> Law:
        """The law of the second run, the warmer one."""
        return fit_law(self.second)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What is allowed.

    Attributes:
        law: calls as a function of n; None for a count that is recorded as unstable.
        origin: the marker's number is a contract, the ledger's can be accepted by an update.
    """

    law: Law | None
    origin: Origin


def compare_laws(measured: Law, allowed: Law, sizes: Sequence[int]) -> Direction:
    """Whether one law asks for more calls than another.

    `more` wins over `less`: a law that saves calls at small sizes and costs them at large ones
    costs them. Laws are compared at the given sizes and, both being polynomials, as n grows without
    bound.

    Args:
        measured: the law that was counted.
        allowed: the law that it is held against.
        sizes: numbers of transactions at which to compare. An irregular law is compared at those of
            them that it knows.

    Returns:
        `incomparable` where an irregular law knows none of the sizes.
    """
    if measured == allowed:
        return "same"
    known = [n for n in sizes if measured.knows(n) and allowed.knows(n)]
    differences: list[Fraction | int] = [measured.at(n) - allowed.at(n) for n in known]
    if not (measured.is_irregular or allowed.is_irregular):
        differences.append(_leading_difference(measured, allowed))
    elif not known:
        return "incomparable"
    if any(difference > 0 for difference in differences):
        return "more"
    return "less" if any(difference < 0 for difference in differences) else "same"


def judge_named(
    target: str, counted: Counted, budget: Budget | None, sizes: Sequence[int]
) -> TargetFinding:
    """The verdict of a function that the marker names: exact both ways.

    Args:
        target: `module:qualname`.
        counted: its calls.
        budget: what is allowed; None where nothing is recorded.
        sizes: numbers of transactions at which laws are compared, the one timed included.
    """
    verdict, sentence = _judged(counted, budget, sizes)
    allowed = None
    if budget is not None:
        allowed = UNSTABLE_TEXT if budget.law is None else str(budget.law)
    return TargetFinding(
        target=target,
        verdict=verdict,
        sentence=sentence,
        measured=str(counted.law) if counted.is_stable else UNSTABLE_TEXT,
        budget=allowed,
        origin=budget.origin if budget else None,
        first=counted.first,
        second=counted.second,
    )


def _judged(
    counted: Counted, budget: Budget | None, sizes: Sequence[int]
) -> tuple[CallVerdict, str]:
    """The verdict and its sentence."""
    if not counted.is_stable:
        return CallVerdict.UNSTABLE, _describe_unstable(counted)
    law = counted.law
    calls = calls_text(law)
    if budget is None:
        return CallVerdict.MISSING, f"{calls}, no budget recorded"
    if budget.law is None:
        return CallVerdict.UNSTABLE, f"{calls}, recorded as unstable: not gated"
    match compare_laws(law, budget.law, sizes):
        case "same":
            return CallVerdict.AS_BUDGETED, f"{law}, as budgeted"
        case "incomparable":
            sentence = f"{calls}, budget recorded at other sizes: {budget.law}"
            return CallVerdict.MISSING, sentence
        case "less" if counted.blind:
            sentence = f"{calls} seen, budget {budget.law}: not gated, {counted.blind}"
            return CallVerdict.UNCOUNTABLE, sentence
        case direction:
            change = describe_change(budget.law, law)
            verdict = CallVerdict.EXCEEDED if direction == "more" else CallVerdict.SLACK
            return verdict, f"{calls}, budget {budget.law}: {change}"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of the code when a ledger's entry was recorded.

    Attributes:
        existed: functions that are not in the entry because nothing called them.
        renamed: functions that did not exist, and the recorded ones whose bodies they have.
    """

    existed: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)


def judge_watched(
    counted: Mapping[str, Counted],
    recorded: Mapping[str, Law | None],
    sizes: Sequence[int],
    past: Past,
) -> list[TargetFinding]:
    """The verdicts of the functions that patterns match: only a law that grew fails.

    Args:
        counted: calls by function, of every function called at least once and of every one that
            the watch list names in full.
        recorded: laws that the ledger holds for functions that the patterns match, None where
            unstable.
        sizes: as for `judge_named`.
        past: what is known of the functions that are not recorded.

    Returns:
        Findings by name. A function that isn't recorded and existed has a budget of 0. Another is
        MOVED where it is a recorded one under a new name and has its law, otherwise NEW; neither
        fails, and nor does one that SHRANK or is GONE.
    """
    gone = {
        target: law
        for target, law in recorded.items()
        if law is not None and law != ZERO and target not in counted
    }
    findings = []
    for target in sorted(counted):
        calls = counted[target]
        if target in recorded or target in past.existed:
            law = recorded.get(target, ZERO)
            findings.append(_judge_recorded(target, calls, law, sizes))
        else:
            findings.append(_judge_unrecorded(target, calls, gone, past.renamed.get(target, "")))
    findings += [
        TargetFinding(
            target=target,
            verdict=CallVerdict.GONE,
            sentence=f"gone, was {law}",
            budget=str(law),
            origin="ledger",
            watched=True,
        )
        for target, law in gone.items()
    ]
    return sorted(findings, key=lambda finding: finding.target)


def missing_patterns(patterns: Iterable[str]) -> list[TargetFinding]:
    """The verdict of each pattern under which the ledger records nothing."""
    return [
        TargetFinding(
            target=pattern,
            verdict=CallVerdict.MISSING,
            sentence="nothing recorded",
            watched=True,
        )
        for pattern in patterns
    ]


def accepted(finding: TargetFinding) -> TargetFinding:
    """The finding as an update leaves it: the ledger takes what was counted, contracts stand."""
    if finding.origin == "marker" or finding.verdict in _SETTLED:
        return finding
    gone = finding.verdict is CallVerdict.GONE
    done = "removed" if gone else f"recorded {finding.measured}"
    was = "" if finding.budget is None else f", was {finding.budget}"
    return replace(finding, verdict=CallVerdict.RECORDED, sentence=done + was, sites=())


_SETTLED = frozenset({CallVerdict.AS_BUDGETED, CallVerdict.UNSTABLE, CallVerdict.UNCOUNTABLE})


def _judge_recorded(
    target: str, counted: Counted, law: Law | None, sizes: Sequence[int]
) -> TargetFinding:
    budget = Budget(law=law, origin="ledger")
    finding = replace(judge_named(target, counted, budget, sizes), watched=True)
    if finding.verdict is CallVerdict.SLACK:
        return replace(finding, verdict=CallVerdict.SHRANK)
    return finding


def _judge_unrecorded(
    target: str, counted: Counted, gone: dict[str, Law], was: str
) -> TargetFinding:
    finding = replace(judge_named(target, counted, None, ()), watched=True)
    if finding.verdict is CallVerdict.UNSTABLE:
        return finding
    law = counted.law
    if gone.get(was) != law:
        return replace(finding, verdict=CallVerdict.NEW, sentence=f"{calls_text(law)}, new")
    del gone[was]
    return replace(
        finding,
        verdict=CallVerdict.MOVED,
        sentence=f"{calls_text(law)}, moved from {was}: accept with --cascade-budget-update",
        budget=str(law),
        origin="ledger",
    )


def _describe_unstable(counted: Counted) -> str:
    n = min(n for n, calls in counted.first.items() if calls != counted.second[n])
    few, many = sorted((counted.first[n], counted.second[n]))
    where = f" at n = {n}" if n else ""
    return f"{few} and {many} calls{where} in two runs of the same code: not gated"


def _leading_difference(measured: Law, allowed: Law) -> Fraction:
    """The leading coefficient of the difference: its sign is that as n grows without bound."""
    pairs = [*zip_longest(measured.coefficients, allowed.coefficients, fillvalue=Fraction(0))]
    return next((one - other for one, other in reversed(pairs) if one != other), Fraction(0))


def is_chance(allowed: int, seen: Sequence[int]) -> bool:
    """Whether a budget lies among counts of the same code, or within their spread of them.

    A function called 400, 401 or 403 times, as the hash seed wants, is over a budget of 0 all the
    same. With a budget of 399 nobody can say.

    Args:
        allowed: calls that the budget allows.
        seen: calls in runs of the same code that differ by chance alone; at least two.
    """
    least, most = min(seen), max(seen)
    spread = most - least
    return spread > 0 and least - spread <= allowed <= most + spread
