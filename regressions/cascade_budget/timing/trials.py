"""The self-check's trials: verdicts on sides whose difference is known, and what they say.

The promise is at most one false alarm in a thousand verdicts, and 99 of 100 slowdowns of 2 % found.
"""

from __future__ import annotations

import datetime as dt
import functools
import random
import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from cascade_budget.clock import Clock
from cascade_budget.errors import UsageError
from cascade_budget.judge.paired_rounds import DEFAULT_TOLERANCE
from cascade_budget.judge.sequential import Plan
from cascade_budget.judge.statistics import proportion_interval
from cascade_budget.model.throughput import Chunking, Outcome, Round, Throughput
from cascade_budget.timing.chunks import find_chunking
from cascade_budget.timing.fresh_pairs import FreshPairs
from cascade_budget.timing.rounds import Limits, judge_rounds, measure_round
from cascade_budget.timing.selfcheck_result import SelfCheckResult, share_name
from cascade_budget.timing.sides import find_base, lay_out_sides

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from cascade_budget.process.job import Job

PROMISED: Final = 0.02
"""The slowdown that the promise is about; every trial injects it."""

FALSE_ALARMS: Final = 0.001
DETECTION: Final = 0.99

_EVERY: Final = 4
"""One trial in so many has all the other slowdowns too: they take time and decide nothing."""

_FINEST: Final = 200
"""Chunks hold at least this many transactions, so that half a percent more is a whole one."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One verdict on an injected slowdown.

    Attributes:
        injected: The slowdown: transactions that head did on top, as a share; 0.0 for the same
            work.
        verdict: What the judge said.
        rounds: What it was said of.
        seconds: What a verdict on this slowdown alone would have taken on the wall.
    """

    injected: float
    verdict: Throughput
    rounds: tuple[Round, ...]
    seconds: float


def run_trial(
    base: Job,
    head: Job,
    *,
    slowdowns: Sequence[float],
    told: Callable[[int], None] = lambda _: None,
) -> list[Trial]:
    """One verdict for each slowdown, from the same pairs of processes.

    Starting processes costs more than timing in them, so that each pair serves every slowdown that
    is not decided yet, one after the other. Each verdict alone is what `run_rounds` would have
    reached.

    Args:
        base: The one side.
        head: The other; the same code.
        slowdowns: What to inject, 0.02 for 2 % more transactions.
        told: Called with the number of rounds done after each.

    Raises:
        PairingError: The sides could not be timed side by side; see its subclasses.
        UsageError: A run holds too few transactions to make a little more of them.
    """
    plan, chance = Plan(), random.Random()  # noqa: S311 - balance, no secret
    answer_seconds = Limits().answer_seconds
    chunking: Chunking | None = None
    rounds: dict[float, list[Round]] = {slowdown: [] for slowdown in slowdowns}
    seconds = dict.fromkeys(slowdowns, 0.0)
    trials: dict[float, Trial] = {}
    done = 0
    with FreshPairs(base, head, chance=chance, timeout_seconds=answer_seconds) as pairs:
        while len(trials) < len(rounds):
            before = Clock.monotonic()
            with pairs.take(plan.until_look(done)) as pair:
                if chunking is None:
                    chunking = find_chunking(pair, pair.ready["head"].n)
                    refuse_too_few(chunking, slowdowns, head.node)
                spent = {}
                for slowdown, seen in rounds.items():
                    if slowdown not in trials:
                        start = Clock.monotonic()
                        seen.append(
                            measure_round(pair, chunking, chance, injected_slowdown=slowdown)
                        )
                        spent[slowdown] = Clock.monotonic() - start
            shared = Clock.monotonic() - before - sum(spent.values())
            done += 1
            told(done)
            for slowdown, taken in spent.items():
                seconds[slowdown] += shared + taken
                if done not in plan.looks:
                    continue
                verdict = judge_rounds(rounds[slowdown], chunking, plan, DEFAULT_TOLERANCE)
                if verdict.outcome is Outcome.UNRESOLVED and done < plan.most:
                    continue
                trials[slowdown] = Trial(
                    injected=slowdown,
                    verdict=verdict,
                    rounds=tuple(rounds[slowdown]),
                    seconds=seconds[slowdown],
                )
    return [trials[slowdown] for slowdown in slowdowns]


def refuse_too_few(chunking: Chunking, slowdowns: Sequence[float], node: str) -> None:
    """Raise where the transactions of a run can't be increased by each share."""
    if any(slowdowns) and chunking.n < _FINEST:
        raise UsageError(
            f"a chunk holds {chunking.n} transactions, which can't be made "
            f"{min(filter(None, slowdowns)):.1%} more; use a workload of cheaper transactions",
            place=node,
        )


def run_trials(
    project: Path,
    node: str,
    *,
    number: int,
    slowdowns: Sequence[float],
    told: Callable[[str, int], None] = lambda _trial, _rounds: None,
) -> list[Trial]:
    """Time two copies of a project against each other, one of them with more to do.

    Args:
        project: The project's root.
        node: The test's id.
        number: Verdicts on equal code.
        slowdowns: What to inject, as shares; each is tried in every fourth trial, `PROMISED` in
            all.
        told: Called with a trial's name and its rounds done, 0 at its beginning.

    Raises:
        UsageError: The test holds too few transactions to make a little more of them.
        PairingError: It can't be timed.
    """
    trials: list[Trial] = []
    others = sorted({*slowdowns, PROMISED})
    with lay_out_sides(find_base(f"{project}", project), project) as sides:
        base, head = sides.specs(node, ("-q", "-p", "no:cacheprovider"))
        for index in range(number):
            name = f"trial {index + 1} of {number}"
            told(name, 0)
            chosen = [0.0, *(others if index % _EVERY == 0 else [PROMISED])]
            trials += run_trial(base, head, slowdowns=chosen, told=functools.partial(told, name))
    return trials


def result_of(trials: Sequence[Trial]) -> SelfCheckResult:
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
    return SelfCheckResult(
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
        groups[trial.injected].append(trial)
    return dict(sorted(groups.items()))
