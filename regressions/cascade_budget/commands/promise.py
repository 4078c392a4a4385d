"""Trials of the gauge on sides whose difference is known, and what they say of its promise."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from cascade_budget.errors import UsageError
from cascade_budget.judge.sequential import Plan
from cascade_budget.judge.statistics import proportion_interval
from cascade_budget.judge.throughput import Outcome
from cascade_budget.timing.certificate import Certificate, share_name
from cascade_budget.timing.sides import find_base, lay_out_sides
from cascade_budget.timing.trials import Trial, run_trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cascade_budget.commands.progress_line import ProgressLine

__all__ = ["PROMISED", "carry_out", "certify", "rates"]

PROMISED: Final = 0.02
"""The slowdown that the promise is about; every trial has it."""

FALSE_ALARMS: Final = 0.001
DETECTION: Final = 0.99

_EVERY: Final = 4
"""One trial in so many has all the other slowdowns too: they take time and decide nothing."""


def carry_out(
    project: Path,
    node: str,
    *,
    number: int,
    slowdowns: Sequence[float],
    progress: ProgressLine,
) -> list[Trial]:
    """Time two copies of a project against each other, one of them with more to do.

    Args:
        project: The project's root.
        node: The test's id.
        number: Verdicts on equal code.
        slowdowns: What to put there, as shares; each is tried in every fourth trial, `PROMISED` in
            all.
        progress: Told of trials and rounds.

    Raises:
        UsageError: The test holds too few transactions to make a little more of them.
        PairingError: It can't be timed.
    """
    plan = Plan()
    trials: list[Trial] = []
    others = sorted({*slowdowns, PROMISED})
    with lay_out_sides(find_base(f"{project}", project), project) as sides:
        base, head = sides.specs(node, ("-q", "-p", "no:cacheprovider"))
        for index in range(number):
            name = f"trial {index + 1} of {number}"
            progress.step(name)

            def tell(rounds: int, name: str = name) -> None:
                progress.count(f"{name}, round {rounds} of at most {plan.most}", 0, 0)

            chosen = [0.0, *(others if index % _EVERY == 0 else [PROMISED])]
            try:
                trials += run_trial(base, head, excesses=chosen, plan=plan, told=tell)
            except ValueError as error:
                raise UsageError(str(error), place=node) from None
    return trials


def certify(trials: Sequence[Trial]) -> Certificate:
    """What the trials say of the promise.

    It holds where they do not rule it out: the 95 % interval of false alarms reaches down to one in
    a thousand, and that of slowdowns found up to 99 in 100. A few dozen trials can refute such
    rates and never prove them.
    """
    groups = _by_slowdown(trials)
    found = {
        slowdown: (sum(t.verdict.outcome is Outcome.REGRESSED for t in group), len(group))
        for slowdown, group in groups.items()
    }
    false_alarms, equal = found.pop(0.0)
    quiet = proportion_interval(false_alarms, equal).lower <= FALSE_ALARMS
    sharp = proportion_interval(*found[PROMISED]).upper >= DETECTION
    return Certificate(
        holds=quiet and sharp,
        date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        false_alarms=false_alarms,
        trials=equal,
        found={share_name(slowdown): rate for slowdown, rate in found.items()},
        smallest_detected=min((s for s, (hits, of) in found.items() if hits == of), default=None),
        seconds=round(statistics.median(trial.seconds for trial in groups[0.0]), 1),
    )


def rates(trials: Sequence[Trial]) -> Iterator[str]:
    """The rates as a table for people."""
    yield "slowdown   called regressed   95 % interval     unresolved   seen, median"
    for slowdown, group in _by_slowdown(trials).items():
        hits = sum(trial.verdict.outcome is Outcome.REGRESSED for trial in group)
        unresolved = sum(trial.verdict.outcome is Outcome.UNRESOLVED for trial in group)
        interval = proportion_interval(hits, len(group))
        seen = statistics.median(trial.verdict.slowdown for trial in group)
        share = share_name(slowdown) if slowdown else "none"
        counted = f"{hits} of {len(group)}"
        bounds = f"{interval.lower:.1%} to {interval.upper:.1%}"
        yield f"{share:11}{counted:19}{bounds:18}{unresolved:>10}{seen:>+15.2%}"


def _by_slowdown(trials: Sequence[Trial]) -> dict[float, list[Trial]]:
    groups: defaultdict[float, list[Trial]] = defaultdict(list)
    for trial in trials:
        groups[trial.excess].append(trial)
    return dict(sorted(groups.items()))
