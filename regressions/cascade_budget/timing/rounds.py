"""Rounds until a verdict: each a fresh pair of processes, judged at the looks of the plan."""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Final, final

from cascade_budget.clock import Clock
from cascade_budget.judge.paired_rounds import DEFAULT_TOLERANCE, halved, judge_throughput, worse_of
from cascade_budget.judge.statistics import SMALLEST_SAMPLE
from cascade_budget.model.throughput import Chunking, Outcome, PairedTiming, Round, Side, Throughput
from cascade_budget.timing.chunks import find_chunking
from cascade_budget.timing.fresh_pairs import FreshPairs
from cascade_budget.timing.pairing_errors import (
    NothingUnderTestError,
    ObstructedTimingError,
    TooLittleTimeError,
)
from cascade_budget.timing.pairs import Pair, can_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cascade_budget.judge.sequential import Plan
    from cascade_budget.process.job import Job
    from cascade_budget.timing.clocks import Cost

_QUADS: Final[tuple[tuple[Side, ...], ...]] = (
    ("base", "head", "head", "base"),
    ("head", "base", "base", "head"),
)
_WARM_CHUNKS: Final = 8


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a measurement may take.

    Attributes:
        answer_seconds: The longest that one run of the workload may take.
        total_seconds: When to stop although nothing is decided.
    """

    answer_seconds: float = 60.0
    total_seconds: float = 120.0


DEFAULT_LIMITS: Final = Limits()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What is known so far.

    Attributes:
        rounds: Rounds that are done.
        most: Rounds after which no more are run.
        slowdown: The median over the rounds, 0.02 for 2 % more time; not yet a verdict.
    """

    rounds: int
    most: int
    slowdown: float


def run_rounds(
    base: Job,
    head: Job,
    *,
    plan: Plan,
    tolerance: float = DEFAULT_TOLERANCE,
    limits: Limits = DEFAULT_LIMITS,
    chance: random.Random | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> PairedTiming:
    """Time base against head until the judge decides or the plan or the time ends.

    Args:
        base: The one side.
        head: The other.
        plan: When to look.
        tolerance: Slowdown that is no regression.
        limits: What it may take.
        chance: Where seeds and orders come from; a fresh one by default.
        progress: Told after each round.

    Raises:
        PairingError: The sides could not be timed side by side; see its subclasses.
        NothingUnderTestError: Neither side imported anything of the code under test.
    """
    # The order of chunks is balanced by chance, which nobody needs to guess.
    chance = chance or random.Random()  # noqa: S311
    started = Clock.monotonic()
    searched = 0.0
    rounds: list[Round] = []
    chunking: Chunking | None = None
    compared = False
    differing: tuple[str, ...] = ()
    timed_out = False
    with FreshPairs(base, head, chance=chance, timeout_seconds=limits.answer_seconds) as pairs:
        while True:
            with pairs.take(plan.until_look(len(rounds))) as pair:
                if chunking is None:
                    ready = Clock.monotonic()
                    check_sides(pair, base, head)
                    chunking = find_chunking(pair, pair.ready["head"].n)
                    compared, differing = compare_results(pair, chunking.n)
                    searched = Clock.monotonic() - ready
                rounds.append(measure_round(pair, chunking, chance))
            progress(
                Progress(
                    rounds=len(rounds),
                    most=plan.most,
                    slowdown=math.expm1(statistics.median(one.cpu for one in rounds)),
                )
            )
            spent = Clock.monotonic() - started
            # No later round searches for a chunk, so none is expected to take that long.
            another = (spent - searched) / len(rounds)
            timed_out = spent + another > limits.total_seconds
            if timed_out and len(rounds) < SMALLEST_SAMPLE:
                raise TooLittleTimeError(
                    f"{limits.total_seconds:g} seconds were enough for {len(rounds)} of the "
                    f"{SMALLEST_SAMPLE} rounds of a first verdict",
                    place=head.node,
                    remedy="Make n smaller, or raise cascade_budget_time_limit in the ini file",
                )
            if len(rounds) in plan.looks or timed_out:
                verdict = judge_rounds(rounds, chunking, plan, tolerance)
                decided = verdict.outcome is not Outcome.UNRESOLVED
                if decided or timed_out or len(rounds) >= plan.most:
                    break
    return PairedTiming(
        verdict=verdict,
        rounds=tuple(rounds),
        chunking=chunking,
        processes="forked" if can_fork() else "spawned",
        results_compared=compared,
        differing_results=differing,
        seconds=Clock.monotonic() - started,
        timed_out=timed_out and not decided,
    )


def check_sides(pair: Pair, base: Job, head: Job) -> None:
    """Raise what forbids a comparison: an obstacle to timing, or no code to compare."""
    for ready in pair.ready.values():
        if ready.obstacle:
            raise ObstructedTimingError(ready.obstacle, head.node)
    if base.imports == head.imports and base.root == head.root:
        # The same code on purpose, as the self-check has it.
        return
    if not pair.ready["base"].imported:
        raise NothingUnderTestError(
            "the test imports nothing of the code under test",
            place=head.node,
            remedy="Both sides would be the same; install the project with pip install -e, or name "
            "a requirement whose package the test uses",
        )


def compare_results(pair: Pair, n: int) -> tuple[bool, tuple[str, ...]]:
    """Whether results can be compared, and those of base and head where they differ.

    They can't where one process returns something else each time, and where two processes of base
    differ from each other: by a clock, a random number that no seed decides, a number of the
    process.
    """
    first, _ = pair.result("base", n)
    second, base = pair.result("base", n)
    digest, head = pair.result("head", n)
    if first != second or digest != pair.result("head", n)[0]:
        return False, ()
    if digest == second:
        return True, ()
    with pair.twins("base") as twins:
        if twins.result("base", n)[0] != twins.result("head", n)[0]:
            return False, ()
    return True, (base, head)


def measure_round(
    pair: Pair, chunking: Chunking, chance: random.Random, *, injected_slowdown: float = 0.0
) -> Round:
    """Time one pair of processes.

    Args:
        pair: Both sides, entered.
        chunking: The shape of the round.
        chance: Decides which side of a quad comes first and last: ABBA or BAAB, so that a drift in
            the machine's pace and the order itself cancel out.
        injected_slowdown: Transactions that head is given on top, as a share: 0.02 makes it 2 %
            slower. For the self-check.
    """
    cpu_ns = cpu_clock(chunking)
    sizes: dict[Side, int] = {
        "base": chunking.n,
        "head": round(chunking.n * (1 + injected_slowdown)),
    }
    for side in _QUADS[0] * (_WARM_CHUNKS // 4):
        pair.run(side, sizes[side], chunking.repeat)
    pair.settle()
    cpu: list[float] = []
    wall: list[float] = []
    costs: dict[Side, list[Cost]] = {"base": [], "head": []}
    for _ in range(chunking.quads):
        quad = chance.choice(_QUADS)
        timed = [(side, pair.run(side, sizes[side], chunking.repeat)) for side in quad]
        for pairing in (timed[:2], timed[2:]):
            by_side = dict(pairing)
            cpu.append(math.log(cpu_ns(by_side["head"]) / cpu_ns(by_side["base"])))
            wall.append(math.log(by_side["head"].busy_wall_ns / by_side["base"].busy_wall_ns))
        for side, cost in timed:
            costs[side].append(cost)
    transactions = chunking.n * chunking.repeat

    def typical(side: Side, of: Callable[[Cost], int]) -> float:
        return statistics.median(map(of, costs[side])) / transactions

    return Round(
        cpu=statistics.median(cpu),
        wall=statistics.median(wall),
        base_cpu_ns=typical("base", cpu_ns),
        head_cpu_ns=typical("head", cpu_ns),
        base_wall_ns=typical("base", lambda cost: cost.wall_ns),
        head_wall_ns=typical("head", lambda cost: cost.wall_ns),
    )


def cpu_clock(chunking: Chunking) -> Callable[[Cost], int]:
    """Reads the processor time that counts off a cost."""
    return attrgetter("process_ns" if chunking.threaded else "thread_ns")


def judge_rounds(
    rounds: Sequence[Round], chunking: Chunking, plan: Plan, tolerance: float
) -> Throughput:
    """What these rounds say: of processor time, and of wall time too where the workload waits."""
    cpu = [one.cpu for one in rounds]
    if not chunking.waits:
        return judge_throughput(cpu, plan=plan, tolerance=tolerance)
    wall = [one.wall for one in rounds]
    return worse_of(
        judge_throughput(cpu, plan=halved(plan), tolerance=tolerance),
        judge_throughput(wall, plan=halved(plan), tolerance=tolerance, clock="wall"),
    )
