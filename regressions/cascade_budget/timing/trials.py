"""The gauge put to the test: verdicts on sides whose difference is known."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from cascade_budget.judge.throughput import DEFAULT_TOLERANCE, Outcome, Throughput
from cascade_budget.timing.chunks import Chunking, find_chunking
from cascade_budget.timing.fresh_pairs import FreshPairs
from cascade_budget.timing.rounds import (
    DEFAULT_LIMITS,
    Limits,
    Round,
    compare_results,
    judge_rounds,
    measure_round,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cascade_budget.judge.sequential import Plan
    from cascade_budget.process.job import Job

__all__ = ["Trial", "fitting_chunking", "run_trial"]

#: Chunks hold at least this many transactions, so that half a percent more is a whole one.
_FINEST = 200


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One verdict on a slowdown that was put there.

    Attributes:
        excess: Transactions that head did on top, as a share; 0.0 for the same work.
        verdict: What the judge said.
        rounds: What it was said of.
        seconds: What a verdict on this slowdown alone would have taken on the wall.
    """

    excess: float
    verdict: Throughput
    rounds: tuple[Round, ...]
    seconds: float


def run_trial(
    base: Job,
    head: Job,
    *,
    excesses: Sequence[float],
    plan: Plan,
    tolerance: float = DEFAULT_TOLERANCE,
    limits: Limits = DEFAULT_LIMITS,
    chance: random.Random | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> list[Trial]:
    """One verdict for each slowdown, from the same pairs of processes.

    Starting processes costs more than timing in them, so that each pair serves every slowdown that
    is not decided yet, one after the other. Each verdict alone is what `run_rounds` would have
    reached.

    Args:
        base: The one side.
        head: The other; the same code.
        excesses: The slowdowns, 0.02 for 2 % more transactions.
        plan: When to look.
        tolerance: Slowdown that is no regression.
        limits: What one answer may take.
        chance: Where seeds and orders come from; a fresh one by default.
        told: Called with the number of rounds done after each.

    Raises:
        PairingError: The sides could not be timed side by side; see its subclasses.
    """
    chance = chance or random.Random()  # noqa: S311 - balance, no secret
    chunking: Chunking | None = None
    rounds: dict[float, list[Round]] = {excess: [] for excess in excesses}
    seconds = dict.fromkeys(excesses, 0.0)
    trials: dict[float, Trial] = {}
    done = 0
    with FreshPairs(base, head, chance=chance, timeout_seconds=limits.answer_seconds) as pairs:
        while len(trials) < len(rounds):
            before = time.monotonic()
            with pairs.take(plan.until_look(done)) as pair:
                if chunking is None:
                    chunking = fitting_chunking(find_chunking(pair, pair.ready["head"].n), excesses)
                    compare_results(pair, chunking.n, head.node)
                spent = {}
                for excess, seen in rounds.items():
                    if excess not in trials:
                        start = time.monotonic()
                        seen.append(measure_round(pair, chunking, chance, excess=excess))
                        spent[excess] = time.monotonic() - start
            shared = time.monotonic() - before - sum(spent.values())
            done += 1
            told(done)
            for excess, taken in spent.items():
                seconds[excess] += shared + taken
                if done not in plan.looks:
                    continue
                verdict = judge_rounds(rounds[excess], chunking, plan, tolerance)
                if verdict.outcome is Outcome.UNRESOLVED and done < plan.most:
                    continue
                trials[excess] = Trial(
                    excess=excess,
                    verdict=verdict,
                    rounds=tuple(rounds[excess]),
                    seconds=seconds[excess],
                )
    return [trials[excess] for excess in excesses]


def fitting_chunking(chunking: Chunking, excesses: Sequence[float]) -> Chunking:
    """A chunking whose transactions can be increased by each share.

    Raises:
        ValueError: One run holds too few transactions for that.
    """
    if any(excesses) and chunking.n < _FINEST:
        raise ValueError(
            f"a chunk holds {chunking.n} transactions, which can't be made "
            f"{min(filter(None, excesses)):.1%} more; use a workload of cheaper transactions"
        )
    return chunking
