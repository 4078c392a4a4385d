"""Hypothesis strategies for programs. What is simplest stands first, so that failures shrink to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from hypothesis import strategies as st

from tests.engine.differential.program import (
    Broken,
    Call,
    Const,
    Expr,
    Fails,
    Flavour,
    Form,
    Injected,
    Keyed,
    Many,
    Mapped,
    Mixed,
    Name,
    Policy,
    Program,
    Resource,
    Routed,
    Scope,
    Task,
    Turns,
)

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

LEAVES, MIDDLE, LOOPS = 0, 1, 2
FORMS: tuple[Form, ...] = ("direct", "ternary", "assigned", "helped", "tail call")
BOUNCES = (0, 1, 2, 3, 5, 12, 20)
"""Of a loop; a loop is compiled after eight bounces of one structure."""

LITERALS: SearchStrategy[Expr] = st.sampled_from(
    [
        *(Const(value) for value in (0, 1, -1, None, True, 1.0, "", "n", (), (1, "x"), b"b")),
        *(Name(name) for name in ("SHELF", "BAG")),
        *(Many("list", ()), Many("list", (Const(1), Const(2))), Keyed((("k", Const(0)),))),
    ]
)


@final
@dataclass(frozen=True, slots=True)
class Scene:
    """What an expression may name.

    Attributes:
        callable: tasks whose results it may use as arguments.
        resources: that it may inject.
        plain: names of values: parameters and what closures hold.
        lazy: names of lazy results: locals and what is captured.
        policies: whether its calls may carry any.
        single: whether the program has one run, so that all that is shared has one user.
    """

    callable: tuple[Task, ...]
    resources: tuple[Resource, ...]
    plain: tuple[str, ...] = ()
    lazy: tuple[str, ...] = ()
    policies: bool = False
    single: bool = True


def plain_values(scene: Scene) -> SearchStrategy[Expr]:
    """Values: nothing lazy in them."""
    atoms: SearchStrategy[Expr] = LITERALS
    if scene.plain:
        atoms = st.sampled_from([Name(name) for name in scene.plain]) | LITERALS
        mixed = st.lists(st.sampled_from([Name(n) for n in scene.plain]), min_size=1, max_size=3)
        return atoms | mixed.map(lambda parts: Mixed(tuple(parts)))
    return atoms


@st.composite
def calls(draw: DrawFn, scene: Scene, tasks: tuple[Task, ...], fuel: Expr, depth: int) -> Expr:
    """A call of one of the tasks, its arguments lazy or not."""
    task = draw(st.sampled_from(tasks))
    name = draw(st.sampled_from(task.names))
    taken: list[tuple[str, Expr]] = [
        (parameter, draw(arguments(scene, depth - 1)))
        for parameter in task.parameters
        if draw(st.booleans())
    ]
    taken += [
        (resource, draw(plain_values(scene)))
        for resource in task.injected
        if draw(st.integers(0, 7)) == 7
    ]
    policies = draw(st.lists(policy(scene), max_size=2)) if scene.policies else []
    return Call(name, fuel, tuple(taken), tuple(policies))


@st.composite
def arguments(draw: DrawFn, scene: Scene, depth: int) -> Expr:
    """Anything that may stand where an argument is wanted."""
    kinds = ["value"]
    if scene.lazy:
        kinds.append("shared")
    if scene.resources:
        kinds.append("injected")
    if depth > 0:
        kinds += ["list", "tuple", "dict", "Pair"]
        kinds += ["turns"] if "n" in scene.plain else []
        if scene.callable:
            kinds += ["call", "call", "call", "map", "router"]
    kind = draw(st.sampled_from(kinds))
    inner = arguments(scene, depth - 1)
    match kind:
        case "value":
            return draw(plain_values(scene) | st.just(Name("GIVEN")) | st.just(Name("WORD")))
        case "shared":
            return Name(draw(st.sampled_from(scene.lazy)))
        case "injected":
            return Injected(draw(st.sampled_from(scene.resources)).name)
        case "call":
            return draw(calls(scene, scene.callable, Const(draw(st.integers(0, 2))), depth))
        case "list" | "tuple":
            return Many(kind, tuple(draw(st.lists(inner, min_size=1, max_size=3))))
        case "Pair":
            return Many("Pair", (draw(inner), draw(inner)))
        case "dict":
            items = draw(st.lists(inner, min_size=1, max_size=2))
            return Keyed(tuple(zip("xy", items, strict=False)))
        case "turns":
            return Turns(draw(inner), draw(inner))
        case "router":
            return draw(routers(scene, depth))
        case _:
            return draw(maps(scene, depth))


@st.composite
def routers(draw: DrawFn, scene: Scene, depth: int) -> Expr:
    """A Router; now and then it is asked for a route that it does not have."""
    keys = (0, 1, 2)[: draw(st.integers(1, 3))]
    routes = tuple((key, draw(arguments(scene, depth - 1))) for key in keys)
    chosen = Const(draw(st.sampled_from((*keys, *keys, *keys, 9))))
    lazy = Call(draw(st.sampled_from(scene.callable)).name, Const(0))
    selectors: tuple[Expr, ...] = (chosen, lazy)
    return Routed(draw(st.sampled_from(selectors)), routes)


@st.composite
def maps(draw: DrawFn, scene: Scene, depth: int) -> Expr:
    """A map over fuel and at most one more column, of equal lengths."""
    task = draw(st.sampled_from(scene.callable))
    length = draw(st.integers(0, 3))
    columns: list[tuple[str, Expr]] = [
        ("n", Many("list", tuple(Const(draw(st.integers(0, 1))) for _ in range(length))))
    ]
    if task.parameters and length and draw(st.booleans()):
        cells = tuple(draw(arguments(scene, depth - 1)) for _ in range(length))
        columns.append((task.parameters[0], Many("list", cells)))
    policies = draw(st.lists(policy(scene), max_size=1)) if scene.policies else []
    return Mapped(draw(st.sampled_from(task.names)), tuple(columns), tuple(policies))


@st.composite
def policy(draw: DrawFn, scene: Scene) -> Policy:
    """One policy; its argument may be lazy where that is allowed."""
    methods = ["with_retry", "run_if", "with_constraints"]
    if scene.lazy:
        methods.append("after")
    if scene.single:
        methods.append("with_cache")
    method = draw(st.sampled_from(methods))
    condition: list[Expr] = [Const(value) for value in (True, True, False)]
    if "n" in scene.plain:
        condition += [Name("n != 2"), Name("n % 2 == 0")]
    if scene.callable:
        condition.append(Call(draw(st.sampled_from(scene.callable)).name, Const(0)))
    match method:
        case "with_retry":
            return Policy(method, Const(draw(st.integers(1, 3))))
        case "run_if":
            return Policy(method, draw(st.sampled_from(condition)))
        case "after":
            return Policy(method, Name(draw(st.sampled_from(scene.lazy))))
        case "with_cache":
            return Policy(method, Name("CACHE"))
        case _:
            return Policy("with_constraints", Const(draw(st.sampled_from((1, 2, 1, 5)))))


@final
@dataclass(frozen=True, slots=True)
class Traits:
    """What the tasks of one program may do, drawn once for all of them.

    Most programs have few traits: they are small, and what they find is easily read.
    """

    policies: bool
    concurrent: bool
    threads: bool
    failures: bool
    mutation: bool
    listening: bool
    twins: bool


@st.composite
def _traits(draw: DrawFn, *, single: bool) -> Traits:
    rare = st.integers(0, 2).map(lambda drawn: drawn == 2)
    return Traits(
        policies=draw(rare),
        concurrent=draw(rare),
        threads=draw(rare),
        failures=draw(rare),
        mutation=single and draw(rare),
        listening=single and draw(rare),
        twins=draw(rare),
    )


@st.composite
def tasks(draw: DrawFn, name: str, level: int, scene: Scene, traits: Traits) -> Task:
    """One task of a level; loops go round through `loops`, where they all know each other."""
    parameters = ("a", "b")[: draw(st.integers(0, 2))]
    injected = draw(_some([each.name for each in scene.resources]))
    twin = traits.twins and draw(st.booleans())
    plain = ("n", *parameters, *injected, *(["offset"] if twin else []))
    values = plain_values(Scene((), (), plain=plain))
    flavours: list[Flavour] = ["sync", "sync"]
    flavours += ["async", "async"] if traits.concurrent else []
    flavours += ["thread"] if traits.threads else []
    flavour = draw(st.sampled_from(flavours))
    perhaps = st.booleans()
    fails = Fails(draw(st.integers(0, 3)), draw(st.integers(1, 4)))
    listens = (draw(st.integers(0, 12)), draw(st.integers(0, 12)))
    cancels = draw(st.integers(0, 3))
    return Task(
        name,
        level,
        flavour,
        parameters,
        injected,
        base=draw(values),
        step=draw(values),
        form=draw(st.sampled_from(FORMS)),
        pure=draw(st.integers(0, 5)) == 5,
        label=draw(st.sampled_from((None, None, "twin"))),
        twin=twin,
        suspends=flavour == "async" and draw(perhaps),
        mutates=traits.mutation and draw(perhaps),
        hides=traits.mutation and level > LEAVES and draw(perhaps),
        fails=fails if traits.failures and draw(perhaps) else None,
        listens=listens if traits.listening and draw(perhaps) else None,
        cancels=cancels if traits.failures and flavour == "async" and draw(perhaps) else None,
    )


@st.composite
def bodies(draw: DrawFn, task: Task, peers: tuple[Task, ...], scene: Scene) -> Task:
    """The same task with a step that goes on: with a peer, or with a task below."""
    plain = ("n", *task.parameters, *task.injected, *(["offset"] if task.twin else []))
    scene = replace(scene, plain=plain)
    lets: list[Expr] = []
    if scene.callable:
        for index in range(draw(st.integers(0, 2))):
            lets.append(draw(calls(scene, scene.callable, Const(draw(st.integers(0, 2))), 1)))
            scene = replace(scene, lazy=(*scene.lazy, f"s{index}"))
    step = draw(calls(scene, peers, Name("n - 1"), draw(st.integers(0, 3))))
    if task.level == MIDDLE and scene.callable and draw(st.booleans()):
        step = draw(calls(scene, scene.callable, Name("n - 1"), 2) | maps(scene, 2))
    base = task.base
    if scene.callable and task.form != "ternary" and draw(st.integers(0, 3)) == 3:
        outside = replace(scene, lazy=tuple(x for x in scene.lazy if not x.startswith("s")))
        base = draw(calls(outside, scene.callable, Const(0), 1))
    return replace(task, lets=tuple(lets), step=step, base=base)


@st.composite
def resources(draw: DrawFn, *, failures: bool) -> tuple[Resource, ...]:
    """Up to three resources; each may need those before it, within what scopes allow."""
    made: list[Resource] = []
    scopes: tuple[Scope, ...] = ("run", "step")
    broken: tuple[Broken, ...] = ("no",) * 8 + ("set-up", "teardown")
    for index in range(draw(st.sampled_from((0, 0, 0, 1, 2, 3)))):
        scope = draw(st.sampled_from(scopes))
        allowed = [each.name for each in made if scope == "step" or each.scope == "run"]
        made.append(
            Resource(
                f"r{index}",
                scope,
                draw(st.booleans()),
                draw(_some(allowed)),
                draw(st.sampled_from(broken)) if failures else "no",
            )
        )
    return tuple(made)


@st.composite
def programs(draw: DrawFn) -> Program:
    """A whole program."""
    runs = draw(st.sampled_from((1, 1, 1, 2, 3)))
    single = runs == 1
    traits = draw(_traits(single=single))
    opened = draw(resources(failures=traits.failures))
    scene = Scene((), opened, policies=traits.policies, single=single)
    made: list[Task] = [Task("leaf", LEAVES, base=Mixed((Name("n"),)), step=Mixed((Name("n"),)))]
    count = draw(st.integers(0, 2))
    made += [draw(tasks(f"leaf{index}", LEAVES, scene, traits)) for index in range(count)]
    for level, prefix, most in ((MIDDLE, "mid", 2), (LOOPS, "loop", 3)):
        below = replace(scene, callable=tuple(made))
        count = draw(st.integers(0 if level == MIDDLE else 1, most))
        peers = tuple(
            draw(tasks(f"{prefix}{index}", level, below, traits)) for index in range(count)
        )
        captured = ("K0",) if level == LOOPS else ()
        made += [draw(bodies(each, peers, replace(below, lazy=captured))) for each in peers]
    loops = tuple(each for each in made if each.level == LOOPS)
    outside = replace(scene, callable=tuple(each for each in made if each.level < LOOPS))
    captured_chain = draw(calls(outside, outside.callable, Const(draw(st.integers(0, 2))), 2))
    outside = replace(outside, lazy=("K0",))
    targets = tuple(
        draw(calls(outside, loops, Const(draw(st.sampled_from(BOUNCES))), 2)) for _ in range(runs)
    )
    return Program(
        resources=opened,
        tasks=tuple(made),
        captured=(captured_chain,),
        runs=targets,
        rounds=draw(st.sampled_from((2, 1, 3))),
        observed=draw(st.booleans()),
    )


def _some(names: list[str]) -> SearchStrategy[tuple[str, ...]]:
    if not names:
        return st.just(())
    return st.lists(st.sampled_from(names), max_size=2, unique=True).map(tuple)
