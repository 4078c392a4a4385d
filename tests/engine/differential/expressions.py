"""Drawing expressions: what is simplest stands first, so that failures shrink to it.

These are functions that draw, not strategies: making a strategy costs more than drawing from it, and
a program draws hundreds of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar, final

from hypothesis import strategies as st

from tests.engine.differential.program import (
    Call,
    Const,
    Expr,
    Injected,
    Keyed,
    Many,
    Mapped,
    Method,
    Mixed,
    Name,
    Policy,
    Resource,
    Routed,
    Task,
    Turns,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn, SearchStrategy

T = TypeVar("T")

LITERALS: tuple[Expr, ...] = (
    *(Const(value) for value in (0, 1, -1, None, True, 1.0, "", "n", (), (1, "x"), b"b")),
    *(Name(name) for name in ("SHELF", "BAG")),
    *(Many("list", ()), Many("list", (Const(1), Const(2))), Keyed((("k", Const(0)),))),
)
INPUTS = (Name("GIVEN"), Name("WORD"))


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
        fusable: whether its calls should be such that a loop can be compiled for them.
    """

    callable: tuple[Task, ...]
    resources: tuple[Resource, ...]
    plain: tuple[str, ...] = ()
    lazy: tuple[str, ...] = ()
    policies: bool = False
    single: bool = True
    fusable: bool = False


@cache
def below(limit: int) -> SearchStrategy[int]:
    """Whole numbers under a limit."""
    return st.integers(0, limit - 1)


def pick(draw: DrawFn, options: Sequence[T]) -> T:
    """One of the options; the first is the simplest."""
    return options[draw(below(len(options)))]


def one_in(draw: DrawFn, chances: int) -> bool:
    """True once in so many times."""
    return draw(below(chances)) == chances - 1


def value(draw: DrawFn, scene: Scene) -> Expr:
    """A value: nothing lazy in it."""
    kind = draw(below(3)) if scene.plain else 0
    if kind == 1:
        return Name(pick(draw, scene.plain))
    if kind > 1:
        count = 1 + draw(below(3))
        return Mixed(tuple(Name(pick(draw, scene.plain)) for _ in range(count)))
    return pick(draw, LITERALS)


def call(draw: DrawFn, scene: Scene, tasks: Sequence[Task], fuel: Expr, depth: int) -> Call:
    """A call of one of the tasks, its arguments lazy or not."""
    task = pick(draw, tasks)
    name = pick(draw, task.names)
    passed: list[tuple[str, Expr]] = [
        (parameter, argument(draw, scene, depth - 1))
        for parameter in task.parameters
        if one_in(draw, 2)
    ]
    passed += [(each, value(draw, scene)) for each in task.injected if one_in(draw, 8)]
    return Call(name, fuel, tuple(passed), policies(draw, scene))


def argument(draw: DrawFn, scene: Scene, depth: int) -> Expr:
    """Anything that may stand where an argument is wanted."""
    if scene.fusable:
        return fusable_argument(draw, scene, depth)
    kinds = ["value"]
    kinds += ["shared"] if scene.lazy else []
    kinds += ["injected"] if scene.resources else []
    if depth > 0:
        kinds += ["list", "tuple", "dict", "Pair"]
        kinds += ["turns"] if "n" in scene.plain else []
        kinds += ["call", "call", "call", "map", "router"] if scene.callable else []
    match pick(draw, kinds):
        case "value":
            return pick(draw, INPUTS) if one_in(draw, 6) else value(draw, scene)
        case "shared":
            return Name(pick(draw, scene.lazy))
        case "injected":
            return Injected(pick(draw, scene.resources).name)
        case "call":
            return call(draw, scene, scene.callable, Const(draw(below(3))), depth)
        case "list":
            return Many("list", several(draw, scene, depth))
        case "tuple":
            return Many("tuple", several(draw, scene, depth))
        case "Pair":
            return Many(
                "Pair", (argument(draw, scene, depth - 1), argument(draw, scene, depth - 1))
            )
        case "dict":
            return Keyed(tuple(zip("xyz", several(draw, scene, depth), strict=False)))
        case "turns":
            return Turns(argument(draw, scene, depth - 1), argument(draw, scene, depth - 1))
        case "router":
            return router(draw, scene, depth)
        case _:
            return mapped(draw, scene, depth)


def fusable_argument(draw: DrawFn, scene: Scene, depth: int) -> Expr:
    """A value, or a structure of calls that may be the same on every bounce."""
    kinds = ["value"]
    if depth > 0:
        kinds += ["call", "call", "call", "list", "Pair"]
        kinds += ["shared"] if scene.lazy else []
    match pick(draw, kinds):
        case "value":
            return value(draw, scene)
        case "call":
            return call(draw, scene, scene.callable, Const(draw(below(3))), depth)
        case "shared":
            return Name(pick(draw, scene.lazy))
        case "list":
            return Many("list", several(draw, scene, depth))
        case _:
            return Many("Pair", several(draw, scene, depth)[:2])


def several(draw: DrawFn, scene: Scene, depth: int) -> tuple[Expr, ...]:
    """One to three arguments."""
    return tuple(argument(draw, scene, depth - 1) for _ in range(1 + draw(below(3))))


def router(draw: DrawFn, scene: Scene, depth: int) -> Routed:
    """A Router; now and then it is asked for a route that it does not have."""
    keys = (0, 1, 2)[: 1 + draw(below(3))]
    routes = tuple((key, argument(draw, scene, depth - 1)) for key in keys)
    if one_in(draw, 4):
        return Routed(Call(pick(draw, scene.callable).name, Const(0)), routes)
    return Routed(Const(pick(draw, (*keys, *keys, *keys, 9))), routes)


def mapped(draw: DrawFn, scene: Scene, depth: int) -> Mapped:
    """A map over fuel and at most one more column, of equal lengths."""
    task = pick(draw, scene.callable)
    length = draw(below(4))
    fuel = Many("list", tuple(Const(draw(below(2))) for _ in range(length)))
    columns: list[tuple[str, Expr]] = [("n", fuel)]
    if task.parameters and length and one_in(draw, 2):
        cells = tuple(argument(draw, scene, depth - 1) for _ in range(length))
        columns.append((task.parameters[0], Many("list", cells)))
    return Mapped(pick(draw, task.names), tuple(columns), policies(draw, scene))


def policies(draw: DrawFn, scene: Scene) -> tuple[Policy, ...]:
    """Up to two policies, where the program has any."""
    count = draw(below(3)) if scene.policies else 0
    return tuple(policy(draw, scene) for _ in range(count))


def policy(draw: DrawFn, scene: Scene) -> Policy:
    """One policy; its argument may be lazy where that is allowed."""
    methods: list[Method] = ["with_retry", "run_if", "with_constraints"]
    methods += ["after"] if scene.lazy else []
    methods += ["with_cache"] if scene.single else []
    method = pick(draw, methods)
    match method:
        case "with_retry":
            return Policy(method, Const(1 + draw(below(3))))
        case "run_if":
            return Policy(method, condition(draw, scene))
        case "after":
            return Policy(method, Name(pick(draw, scene.lazy)))
        case "with_cache":
            return Policy(method, Name("CACHE"))
        case "with_constraints":
            return Policy(method, Const(pick(draw, (1, 2, 1, 1, 1, 5))))


def condition(draw: DrawFn, scene: Scene) -> Expr:
    """What a run_if asks for: mostly true, so that programs go on."""
    conditions: list[Expr] = [Const(given) for given in (True, True, False)]
    conditions += [Name("n != 2"), Name("n % 2 == 0")] if "n" in scene.plain else []
    if scene.callable:
        conditions.append(Call(pick(draw, scene.callable).name, Const(0)))
    return pick(draw, conditions)
