"""Random programs as frozen data. Each prints as the Python source that is really run.

A program is tasks, resources, things captured at module level, and the targets that are run. Tasks
have levels: an argument calls a task of a lower level with little fuel, a tail call goes to any task
of the same level with `n - 1`, so every program ends and none explodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import indent
from typing import Any, Literal, TypeAlias, get_args

Flavour = Literal["sync", "async", "thread"]
Form = Literal["direct", "ternary", "assigned", "helped", "tail call"]
Scope = Literal["run", "step"]
Method = Literal["with_retry", "with_cache", "with_constraints", "run_if", "after"]
Broken = Literal["no", "set-up", "teardown"]


@dataclass(frozen=True, slots=True)
class Const:
    """A literal."""

    value: object

    def code(self) -> str:
        return repr(self.value)


@dataclass(frozen=True, slots=True)
class Name:
    """A parameter, a local or a module-level name."""

    name: str

    def code(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Mixed:
    """One small number that depends on every part: values are told apart, and don't grow."""

    parts: tuple[Expr, ...]

    def code(self) -> str:
        return f"mix({_listed(self.parts)})"


@dataclass(frozen=True, slots=True)
class Many:
    """A list, tuple or named tuple."""

    kind: Literal["list", "tuple", "Pair"]
    items: tuple[Expr, ...]

    def code(self) -> str:
        if self.kind == "list":
            return f"[{_listed(self.items)}]"
        if self.kind == "tuple":
            return f"({_listed(self.items)}{',' if len(self.items) == 1 else ''})"
        left, right = (*self.items, Const(0), Const(0))[:2]
        return f"Pair({left.code()}, {right.code()})"


@dataclass(frozen=True, slots=True)
class Keyed:
    """A dict with literal keys."""

    items: tuple[tuple[str, Expr], ...]

    def code(self) -> str:
        return "{" + ", ".join(f"{key!r}: {item.code()}" for key, item in self.items) + "}"


@dataclass(frozen=True, slots=True)
class Turns:
    """One thing on odd bounces, another on even ones, so that a call changes its structure."""

    odd: Expr
    even: Expr

    def code(self) -> str:
        return f"({self.odd.code()} if n % 2 else {self.even.code()})"


@dataclass(frozen=True, slots=True)
class Injected:
    """`cs.Inject` as an argument."""

    name: str

    def code(self) -> str:
        return f'cs.Inject("{self.name}")'


@dataclass(frozen=True, slots=True)
class Routed:
    """A Router between lazies; its selector may be lazy as well."""

    selector: Expr
    routes: tuple[tuple[int, Expr], ...]

    def code(self) -> str:
        routes = ", ".join(f"{key}: {route.code()}" for key, route in self.routes)
        return f"cs.Router(selector={self.selector.code()}, routes={{{routes}}})"


@dataclass(frozen=True, slots=True)
class Policy:
    """One method of a lazy result with its arguments."""

    method: Method
    argument: Expr

    def code(self) -> str:
        shown = self.argument.code()
        if self.method == "with_retry":
            return f".with_retry(max_attempts={shown})"
        if self.method == "with_constraints":
            return f".with_constraints(slot={shown})"
        return f".{self.method}({shown})"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a task: a lazy result."""

    task: str
    fuel: Expr
    arguments: tuple[tuple[str, Expr], ...] = ()
    policies: tuple[Policy, ...] = ()

    def passed(self) -> str:
        return ", ".join(
            [self.fuel.code(), *(f"{name}={value.code()}" for name, value in self.arguments)]
        )

    def code(self) -> str:
        return f"{self.task}({self.passed()})" + "".join(each.code() for each in self.policies)


@dataclass(frozen=True, slots=True)
class Mapped:
    """`.map` of a task; its columns may be lazy."""

    task: str
    columns: tuple[tuple[str, Expr], ...]
    policies: tuple[Policy, ...] = ()

    def code(self) -> str:
        columns = ", ".join(f"{name}={column.code()}" for name, column in self.columns)
        return f"{self.task}.map({columns})" + "".join(each.code() for each in self.policies)


Expr: TypeAlias = Const | Name | Mixed | Many | Keyed | Turns | Injected | Routed | Call | Mapped


def _listed(items: tuple[Expr, ...]) -> str:
    return ", ".join(item.code() for item in items)


@dataclass(frozen=True, slots=True)
class Fails:
    """A body raises at one value of n, so many times in a run and then no more."""

    at: int
    times: int


@dataclass(frozen=True, slots=True)
class Task:
    """A task and its body.

    Attributes:
        name: of the task; the event stream shows `label` where there is one.
        level: see the module.
        flavour: sync, async or in a thread.
        parameters: beside `n`.
        injected: resources that parameters default to.
        lets: locals `s0`, `s1`, ... that hold lazies, to be used more than once.
        base: what it returns when there is no fuel left.
        step: what it returns otherwise.
        form: how the source says so.
        pure: whether equal calls merge.
        label: a name that other tasks may bear too.
        twin: whether the factory that makes it is called twice: one code, two functions.
        mutates: whether the body appends to the lists that it is given.
        hides: whether the body puts a lazy result into the list that every task can see.
        fails: or None.
        suspends: whether an async body gives way once.
        listens: n at which the body calls for a subscriber, and the one at which it sends it away.
        cancels: n at which an async body cancels its own run.
    """

    name: str
    level: int
    flavour: Flavour = "sync"
    parameters: tuple[str, ...] = ()
    injected: tuple[str, ...] = ()
    lets: tuple[Expr, ...] = ()
    base: Expr = Const(0)
    step: Expr = Const(0)
    form: Form = "direct"
    pure: bool = False
    label: str | None = None
    twin: bool = False
    mutates: bool = False
    hides: bool = False
    fails: Fails | None = None
    suspends: bool = False
    listens: tuple[int, int] | None = None
    cancels: int | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The module-level names of the tasks that this makes."""
        return (self.name, f"{self.name}_twin") if self.twin else (self.name,)

    def code(self) -> str:
        options = [f'name="{self.label}"'] if self.label else []
        options += ["pure=True"] if self.pure else []
        options += ['mode="thread"'] if self.flavour == "thread" else []
        signature = ", ".join(
            [
                "n",
                *(f"{each}=0" for each in self.parameters),
                *(f'{each}=cs.Inject("{each}")' for each in self.injected),
            ]
        )
        shown = ["n", *self.parameters, *self.injected, *(["offset"] if self.twin else [])]
        lines = [
            f"@cs.task({', '.join(options)})" if options else "@cs.task",
            f"{'async ' if self.flavour == 'async' else ''}def {self.name}({signature}):",
            *(f"    {line}" for line in [f'saw("{self.name}", {", ".join(shown)})', *self._body()]),
        ]
        if not self.twin:
            return "\n".join(lines)
        return "\n".join(
            [
                f"def make_{self.name}(offset):",
                *(f"    {line}" for line in lines),
                f"    return {self.name}",
                "",
                f"{self.name} = make_{self.name}(0)",
                f"{self.name}_twin = make_{self.name}(10)",
            ]
        )

    def _body(self) -> list[str]:
        lines: list[str] = []
        if self.mutates:
            lines += [f"append(n, {', '.join(self.parameters)})"] if self.parameters else []
        if self.hides:
            lines += ["if not SHELF: SHELF.append(leaf(n))"]
        if self.listens is not None:
            lines += [f"if n == {self.listens[0]}: listen()"]
            lines += [f"if n == {self.listens[1]}: stop_listening()"]
        if self.suspends and self.flavour == "async":
            lines += ["await asyncio.sleep(0)"]
        if self.cancels is not None and self.flavour == "async":
            lines += [f"if n == {self.cancels}:", "    cancel()", "    await asyncio.sleep(0)"]
        if self.fails is not None:
            lines += [f'if n == {self.fails.at}: fail("{self.name}", n, times={self.fails.times})']
        lets = [f"s{index} = {let.code()}" for index, let in enumerate(self.lets)]
        step, base = self.step.code(), self.base.code()
        if self.form == "ternary":
            return [*lines, *lets, f"return {step} if n > 0 else {base}"]
        lines += ["if n <= 0:", f"    return {base}", *lets]
        if self.form == "assigned":
            return [*lines, f"going_on = {step}", "return going_on"]
        if self.form == "helped":
            return [*lines, f"return same({step})"]
        if self.form == "tail call" and isinstance(self.step, Call) and not self.step.policies:
            return [*lines, f"return cs.TailCall({self.step.task}, {self.step.passed()})"]
        return [*lines, f"return {step}"]


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource that logs its set-up and its teardown."""

    name: str
    scope: Scope
    is_async: bool = False
    needs: tuple[str, ...] = ()
    fails: Broken = "no"

    def code(self) -> str:
        signature = ", ".join(f'{each}=cs.Inject("{each}")' for each in self.needs)
        lines = [
            f'@cs.resource(scope="{self.scope}")',
            f"{'async ' if self.is_async else ''}def {self.name}({signature}):",
            *([f'    broken("{self.name}", "set-up")'] if self.fails == "set-up" else []),
            f'    opened("{self.name}"{"".join(", " + each for each in self.needs)})',
            "    try:",
            f'        yield "<{self.name}>"',
            "    finally:",
            f'        closed("{self.name}")',
            *([f'        broken("{self.name}", "teardown")'] if self.fails == "teardown" else []),
        ]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, repr=False)
class Program:
    """All of it.

    Attributes:
        resources: in the order of registration, those that others need first.
        tasks: lowest level first.
        captured: lazies `K0`, `K1`, ... built once, at module level.
        runs: what runs at once on one engine, each a target.
        rounds: how often all that is done on the same engine, each time on a new event loop.
        observed: whether a subscriber is there from the start.
    """

    resources: tuple[Resource, ...]
    tasks: tuple[Task, ...]
    captured: tuple[Expr, ...]
    runs: tuple[Expr, ...]
    rounds: int = 2
    observed: bool = True

    @property
    def orderly(self) -> bool:
        """Whether the order of what happens is fixed: no body runs in a thread of its own."""
        return all(task.flavour != "thread" for task in self.tasks)

    @property
    def plain(self) -> bool:
        """Whether it is within the core that needs no engine to be understood.

        Nothing in it depends on which of two independent bodies runs first.
        """
        policed = any(f".{method}(" in self.code() for method in get_args(Method))
        return not (
            self.resources
            or policed
            or any(task.pure or task.mutates or task.hides for task in self.tasks)
            or any(task.cancels is not None for task in self.tasks)
        )

    def code(self) -> str:
        parts = [resource.code() for resource in self.resources]
        parts += [task.code() for task in self.tasks]
        captured = [f"K{index} = {each.code()}" for index, each in enumerate(self.captured)]
        parts += ["\n".join(captured)] if captured else []
        parts.append("RESOURCES = [" + ", ".join(each.name for each in self.resources) + "]")
        targets = indent("\n".join(f"{each.code()}," for each in self.runs), "    ")
        parts.append(f"TARGETS = lambda: [\n{targets}\n]")
        return "\n\n".join(parts) + "\n"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Let Hypothesis show a failing program as its code, not as its fields."""
        printer.text("cycle" if cycle else repr(self))

    def __repr__(self) -> str:
        seen = "observed" if self.observed else "unobserved"
        return f"\n# {self.rounds} rounds, {seen}\n{self.code()}"
