"""Mistakes about graphs and what is kept of them: built again, scanned again, not kept."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import TYPE_CHECKING, Any

from cascade.blueprint import compile as compiling
from cascade.blueprint.cache import CycleCache
from cascade.graph import build, resources, template

from .loops import before_each_bounce

if TYPE_CHECKING:
    import pytest


def graph_built_again_in_the_executor(patch: pytest.MonkeyPatch) -> None:
    """The loop knows the target's blueprint, and the executor builds its graph all the same."""

    async def execute(_run: Any, _blueprint: Any, target: Any) -> None:
        build.build_graph(target)

    before_each_bounce(patch, execute)


def source_parsed_on_every_build(patch: pytest.MonkeyPatch) -> None:
    """The build looks at the source of each task for what it might call."""
    right = build._Builder._add

    def add(builder: Any, item: Any) -> int:
        if hasattr(item, "spec"):
            ast.parse(textwrap.dedent(inspect.getsource(item.spec.function)))
        return right(builder, item)

    patch.setattr(build._Builder, "_add", add)


def caching_dropped(patch: pytest.MonkeyPatch) -> None:
    """What was made for a template is thrown away."""

    def add(_cache: CycleCache, _lazy_class: type, _entry: object) -> bool:
        return False

    patch.setattr(CycleCache, "add", add)


def cache_keyed_by_name(patch: pytest.MonkeyPatch) -> None:
    """Templates of tasks that bear the same names are taken for the same."""

    def template_key(graph: Any) -> tuple[object, ...]:
        nodes = graph.structure.nodes
        return (graph.structure.root, *((node.kind, node.name, node.arguments) for node in nodes))

    patch.setattr(template, "template_key", template_key)


def resources_scanned_on_every_bounce(patch: pytest.MonkeyPatch) -> None:
    """The needs of a template that is known are looked up again."""

    async def prepare(run: Any, blueprint: Any, _target: Any) -> None:
        resources.scan_resources(blueprint.structure, run.core.resources)

    before_each_bounce(patch, prepare)


def cached_pair_read_as_one(patch: pytest.MonkeyPatch) -> None:
    """What is kept for a template gains a second field, its source; its reader is not told."""
    right = compiling.compile_blueprint

    def compile_blueprint(*arguments: Any, **options: Any) -> Any:
        loop = right(*arguments, **options)
        return loop, getattr(loop, "__source__", "")

    patch.setattr(compiling, "compile_blueprint", compile_blueprint)
