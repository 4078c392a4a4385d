"""What `make bench` compares: the engine's lines, what each is held against, and its target."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cascade as cs
from benchmarks import limits, shapes, workloads
from benchmarks.comparison.rounds import Contender

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CONCURRENT_RUNS = 2_500
CONCURRENT_BOUNCES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the report.

    Attributes:
        contender: What is timed.
        target: The largest ratio to the section's reference that is good enough; None where the
            line is there to be read.
    """

    contender: Contender
    target: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines that are held against one reference.

    Attributes:
        title: What the lines have in common.
        reference: What their cost is divided by; the section's first line.
        lines: The others.
    """

    title: str
    reference: Contender
    lines: Sequence[Line]


class Bench:
    """Makes contenders that share one event loop, as the runs of one program do.

    Args:
        loop: The loop that coroutines are run on; the caller closes it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def limit(self, limit: limits.Limit) -> Contender:
        """Return the contender of a hand-written loop."""
        return Contender(
            name=limit.name,
            block=self._on_loop(limit.run),
            result=limit.result,
            bodies=limit.bodies,
            executions=limit.executions,
        )

    def engine(
        self, workload: workloads.Workload, name: str, engine: cs.Engine | None = None
    ) -> Contender:
        """Return the contender of a workload on an engine that stays warm, by default a new one."""
        one = engine or cs.Engine()
        target = workload.target
        return Contender(
            name=name,
            block=self._on_loop(lambda n: one.run(target(n))),
            result=workload.result,
            bodies=workload.bodies,
            executions=workload.executions,
        )

    def shape(self, shape: shapes.Shape) -> Contender:
        """Return the contender of a shape on an engine of its own."""
        engine = shape.prepare(self.loop)
        return Contender(
            name=shape.name,
            block=self._on_loop(lambda n: shape.run(engine, n)),
            result=shape.result,
            bodies=shape.bodies,
            executions=lambda n: dict(zip(shape.bodies, shape.executions(n), strict=True)),
            sizes=shape.sizes,
            fixed_n=shape.fixed_n,
        )

    def twin(self, shape: shapes.Shape) -> Contender:
        """Return the contender of a shape's twin by hand."""
        return Contender(
            name=f"{shape.name}, by hand",
            block=self._on_loop(shape.twin),
            result=shape.result,
            bodies={},
            executions=lambda _: {},
            sizes=shape.sizes,
            fixed_n=shape.fixed_n,
        )

    def concurrent(self, workload: workloads.Workload, name: str, runs: int) -> Contender:
        """Return the contender of many runs at once on one engine, that share n bounces equally."""
        engine = cs.Engine()

        async def block(n: int) -> Any:
            targets = [workload.target(n // runs) for _ in range(runs)]
            results = await asyncio.gather(*[engine.run(target) for target in targets])
            return results[0] if all(one == results[0] for one in results) else results

        return Contender(
            name=name,
            block=self._on_loop(block),
            result=lambda n: workload.result(n // runs),
            bodies=workload.bodies,
            executions=lambda n: {
                body: runs * count for body, count in workload.executions(n // runs).items()
            },
            sizes=(0, runs, 3 * runs),
        )

    def _on_loop(self, run: Callable[[int], Any]) -> Callable[[int], Any]:
        complete = self.loop.run_until_complete
        return lambda n: complete(run(n))


def shape_sections(loop: asyncio.AbstractEventLoop) -> list[Section]:
    """Return the sections of what people write beyond the countdowns."""
    bench = Bench(loop)
    return [
        *(
            Section(
                title=shape.name,
                reference=bench.twin(shape),
                lines=[Line(contender=bench.shape(shape), target=shape.target)],
            )
            for shape in shapes.SHAPES
        ),
        *(
            Section(
                title=title,
                reference=bench.shape(reference),
                lines=[Line(contender=bench.shape(each), target=each.target) for each in others],
            )
            for title, reference, others in (
                ("what a bounce carries", shapes.AN_INT, shapes.CARRIED),
                ("what the engine has seen before", shapes.FRESH, shapes.AGED),
            )
        ),
    ]


def _subscribed() -> cs.Engine:
    engine = cs.Engine()
    engine.subscribe(lambda _: None)
    return engine


def short_sections(loop: asyncio.AbstractEventLoop) -> list[Section]:
    """Return the sections that are timed together, in blocks of milliseconds."""
    bench = Bench(loop)
    simple = bench.engine(workloads.SIMPLE, "cascade")
    return [
        Section(
            title="simple: one tail call a bounce",
            reference=bench.limit(limits.E0),
            lines=[
                Line(contender=bench.limit(limits.SYNC)),
                Line(contender=bench.limit(limits.YIELDING)),
                Line(contender=simple, target=0.6),
                *_tiers(bench, workloads.SIMPLE, "cascade"),
            ],
        ),
        Section(
            title="complex: a chain of 11 dependent noops",
            reference=bench.limit(limits.F),
            lines=[
                Line(contender=bench.engine(workloads.STABLE_RECEIVED, "stable, chain received")),
                Line(
                    contender=bench.engine(workloads.STABLE_CAPTURED, "stable, chain captured"),
                    target=0.3,
                ),
                Line(contender=bench.engine(workloads.HEAVY, "heavy"), target=0.3),
                *_tiers(bench, workloads.HEAVY, "heavy"),
            ],
        ),
        Section(
            title="variants of simple",
            reference=simple,
            lines=[
                Line(contender=bench.engine(workloads.ASYNC, "async bodies"), target=3.0),
                Line(
                    contender=bench.engine(
                        workloads.SIMPLE, "one subscriber, all events", _subscribed()
                    ),
                    target=3.0,
                ),
                Line(contender=bench.engine(workloads.MUTUAL, "mutual recursion"), target=3.0),
            ],
        ),
    ]


def _tiers(bench: Bench, workload: workloads.Workload, name: str) -> list[Line]:
    return [
        Line(contender=bench.engine(workload, f'{name}, tier="{tier}"', cs.Engine(tier=tier)))
        for tier in ("blueprint", "reference")
    ]


def concurrent_section(loop: asyncio.AbstractEventLoop, *, bounces: int) -> Section:
    """Return the section whose blocks are as long as many runs at once must be."""
    bench = Bench(loop)
    each = bounces // CONCURRENT_RUNS
    one = bench.engine(workloads.SIMPLE, f"one run of {bounces:,} bounces")
    many = bench.concurrent(
        workloads.SIMPLE, f"{CONCURRENT_RUNS:,} runs of {each:,} bounces", CONCURRENT_RUNS
    )
    return Section(
        title="many runs at once on one engine",
        reference=replace(one, fixed_n=bounces),
        lines=[Line(contender=replace(many, fixed_n=bounces), target=1.5)],
    )
