"""The Hypothesis strategy for programs. Most have few traits: they are small, and easily read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from hypothesis import strategies as st

from tests.engine.differential.expressions import Scene, below, call, mapped, one_in, pick, value
from tests.engine.differential.program import (
    Broken,
    Const,
    Expr,
    Fails,
    Flavour,
    Form,
    Mixed,
    Name,
    Program,
    Resource,
    Scope,
    Task,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn

LEAVES, MIDDLE, LOOPS = 0, 1, 2
FORMS: tuple[Form, ...] = ("direct", "ternary", "assigned", "helped", "tail call")
SCOPES: tuple[Scope, ...] = ("run", "step")
BROKEN: tuple[Broken, ...] = (*("no",) * 8, "set-up", "teardown")
BOUNCES = (0, 1, 2, 3, 12, 12, 20, 20, 20)
"""Of a loop. A loop is compiled after eight bounces of one structure."""

LEAF = Task("leaf", LEAVES, base=Mixed((Name("n"),)), step=Mixed((Name("n"),)))


@final
@dataclass(frozen=True, slots=True)
class Traits:
    """What the tasks of one program may do, drawn once for all of them."""

    policies: bool
    concurrent: bool
    threads: bool
    failures: bool
    mutation: bool
    listening: bool
    twins: bool


@st.composite
def programs(draw: DrawFn) -> Program:
    """A whole program."""
    runs = pick(draw, (1, 1, 1, 2, 3))
    single = runs == 1
    traits = Traits(
        policies=one_in(draw, 3),
        concurrent=one_in(draw, 3),
        threads=one_in(draw, 6),
        failures=one_in(draw, 3),
        mutation=single and one_in(draw, 3),
        listening=single and one_in(draw, 3),
        twins=one_in(draw, 3),
    )
    resources = draw(resource_lists(traits))
    scene = Scene((), resources, policies=traits.policies, single=single)
    made = [LEAF]
    made += [draw(tasks(f"leaf{i}", LEAVES, scene, traits)) for i in range(draw(below(3)))]
    scene = replace(scene, callable=tuple(made))
    peers = [draw(tasks(f"mid{i}", MIDDLE, scene, traits)) for i in range(draw(below(3)))]
    made += [draw(bodies(each, peers, scene)) for each in peers]
    scene = replace(scene, callable=tuple(made), lazy=("K0",))
    peers = [draw(tasks(f"loop{i}", LOOPS, scene, traits)) for i in range(1 + draw(below(3)))]
    loops = [draw(bodies(each, peers, scene)) for each in peers]
    outside = replace(scene, lazy=())
    captured = call(draw, outside, made, Const(draw(below(3))), 2)
    targets = tuple(call(draw, scene, loops, Const(pick(draw, BOUNCES)), 2) for _ in range(runs))
    return Program(
        resources=resources,
        tasks=(*made, *loops),
        captured=(captured,),
        runs=targets,
        rounds=pick(draw, (2, 1, 3)),
        observed=one_in(draw, 2),
    )


@st.composite
def tasks(draw: DrawFn, name: str, level: int, scene: Scene, traits: Traits) -> Task:
    """One task that returns values; `bodies` makes it go on."""
    parameters = ("a", "b")[: draw(below(3))]
    injected = _some(draw, [each.name for each in scene.resources])
    twin = traits.twins and one_in(draw, 2)
    values = Scene((), (), plain=_own_names(parameters, injected, twin=twin))
    flavours: list[Flavour] = ["sync", "sync"]
    flavours += ["async", "async"] if traits.concurrent else []
    flavours += ["thread"] if traits.threads else []
    flavour = pick(draw, flavours)
    task = Task(
        name,
        level,
        flavour,
        parameters,
        injected,
        base=value(draw, values),
        step=value(draw, values),
        form=pick(draw, FORMS),
        pure=one_in(draw, 6),
        label="twin" if one_in(draw, 3) else None,
        twin=twin,
        suspends=flavour == "async" and one_in(draw, 2),
    )
    if traits.mutation:
        hides = level > LEAVES and one_in(draw, 2)
        task = replace(task, mutates=one_in(draw, 2), hides=hides)
    if traits.failures and one_in(draw, 2):
        task = replace(task, fails=Fails(draw(below(4)), 1 + draw(below(4))))
    if traits.failures and flavour == "async" and one_in(draw, 3):
        task = replace(task, cancels=draw(below(4)))
    if traits.listening and one_in(draw, 2):
        task = replace(task, listens=(draw(below(13)), draw(below(13))))
    return task


@st.composite
def bodies(draw: DrawFn, task: Task, peers: Sequence[Task], scene: Scene) -> Task:
    """The same task with a step that goes on: with a peer, or with a task below."""
    scene = replace(scene, plain=_own_names(task.parameters, task.injected, twin=task.twin))
    lets: list[Expr] = []
    inner = scene
    if task.level == LOOPS and one_in(draw, 2):
        inner = replace(scene, fusable=True, policies=False)
    for index in range(draw(below(3))):
        lets.append(call(draw, inner, scene.callable, Const(draw(below(3))), 1))
        inner = replace(inner, lazy=(*inner.lazy, f"s{index}"))
    fuel = Name("n - 1")
    step: Expr = call(draw, inner, peers, fuel, draw(below(4)))
    if task.level == MIDDLE and one_in(draw, 2):
        down = one_in(draw, 2)
        step = mapped(draw, inner, 2) if down else call(draw, inner, scene.callable, fuel, 2)
    base = task.base
    if task.form != "ternary" and one_in(draw, 4):
        base = call(draw, scene, scene.callable, Const(0), 1)
    return replace(task, lets=tuple(lets), step=step, base=base)


@st.composite
def resource_lists(draw: DrawFn, traits: Traits) -> tuple[Resource, ...]:
    """Up to three resources; each may need those before it, within what scopes allow."""
    made: list[Resource] = []
    for index in range(pick(draw, (0, 0, 0, 1, 2, 3))):
        scope = pick(draw, SCOPES)
        allowed = [each.name for each in made if scope == "step" or each.scope == "run"]
        needs = _some(draw, allowed)
        fails: Broken = pick(draw, BROKEN) if traits.failures else "no"
        made.append(Resource(f"r{index}", scope, one_in(draw, 2), needs, fails))
    return tuple(made)


def _own_names(
    parameters: tuple[str, ...], injected: tuple[str, ...], *, twin: bool
) -> tuple[str, ...]:
    return ("n", *parameters, *injected, *(("offset",) if twin else ()))


def _some(draw: DrawFn, names: list[str]) -> tuple[str, ...]:
    return tuple(name for name in names if one_in(draw, 2))
