"""`cs.explain`: what a target would do, on which tier, and why not on a faster one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast, final

from cascade.blueprint.cache import Entry
from cascade.blueprint.compile import compile_blueprint, make_blueprint
from cascade.codegen.source import source_of
from cascade.engine import Engine
from cascade.graph.build import build_graph
from cascade.graph.model import Result
from cascade.graph.render import visualize
from cascade.graph.template import template_key

if TYPE_CHECKING:
    from types import FunctionType

    from cascade.blueprint.compiled import Blueprint
    from cascade.runtime.core import Core, Tier


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What `explain` found. `str()` of it reads as a report.

    Attributes:
        tasks: the nodes' task names, in evaluation order.
        stages: names of the tasks that may run side by side, stage by stage; empty where a Router
            decides on the way.
        template: a digest of the structure: equal for equal structures within one process.
        tier: the fastest that a repeated bounce would run on: "hot", "blueprint" or "reference".
        why_not_faster: the reason, or None on the fastest.
        resources: (name, scope) in the order of acquisition.
        source: the fused loop that the hot tier would write, or None where it can't.
        graph: a Mermaid picture.
    """

    tasks: tuple[str, ...]
    stages: tuple[tuple[str, ...], ...]
    template: str
    tier: Tier
    why_not_faster: str | None
    resources: tuple[tuple[str, str], ...]
    source: str | None
    graph: str

    def __str__(self) -> str:
        lines = [f"template {self.template}: {len(self.tasks)} node(s)"]
        if self.stages:
            lines += [f"  stage {i}: {', '.join(names)}" for i, names in enumerate(self.stages, 1)]
        else:
            lines.append("  stages: chosen by a Router while it runs")
        lines += [f"  resource {name}, for each {scope}" for name, scope in self.resources]
        lines.append(f"tier: {self.tier}")
        if self.why_not_faster is not None:
            lines.append(f"  not faster, because {self.why_not_faster}")
        return "\n".join(lines)


def explain(target: object, engine: Engine | None = None) -> Explanation:
    """Say what a target would do and how, without running anything.

    Args:
        target: a lazy result, or a list or tuple of them.
        engine: whose resources, constraints and tier apply; a new one by default.

    Raises:
        ResourceError: it needs a resource that the engine does not have.
    """
    core = (engine or Engine())._core  # noqa: SLF001  the other half of the engine's own room
    graph = build_graph(target)
    structure = graph.structure
    blueprint = make_blueprint(structure, core.resources)
    tier, reason = _tier(core, blueprint)
    source = None
    if blueprint.unfusable is None:
        loop = compile_blueprint(
            Entry((), blueprint),
            graph.values,
            [None] * len(structure.nodes),
            observed=core.observed,
        )
        source = source_of(cast("FunctionType", loop))
    return Explanation(
        tasks=blueprint.names,
        stages=tuple(
            tuple(node.name for node in (*stage.concurrent, *stage.inline))
            for stage in blueprint.stages
        ),
        template=f"{hash(template_key(graph)) & 0xFFFFFFFFFFFF:012x}",
        tier=tier,
        why_not_faster=reason,
        resources=tuple(
            dict.fromkeys(
                (each.name, each.scope)
                for needs in (blueprint.needs, *blueprint.needs.late.values())
                for each in (*needs.run, *needs.step)
            )
        ),
        source=source,
        graph=visualize(target),
    )


def _tier(core: Core, blueprint: Blueprint) -> tuple[Tier, str | None]:
    unfusable = blueprint.unfusable
    if not core.uses_blueprints:
        return "reference", "the engine was made with tier='reference'"
    if not isinstance(blueprint.structure.root, Result):
        return "reference", unfusable
    if core.tier == "blueprint":
        return "blueprint", "the engine was made with tier='blueprint'"
    if core.records:
        return "blueprint", "every result is recorded in the engine's state"
    if core.limiter.rules and core.limiter.affects(blueprint.names):
        return "blueprint", "a constraint is set for one of its tasks"
    if unfusable is not None:
        return "blueprint", unfusable
    return "hot", None
