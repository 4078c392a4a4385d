"""`build_graph`: from a lazy result to nodes in evaluation order, at any depth."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, final

from cascade.errors import CyclicTargetError
from cascade.graph.literals import CONTAINERS, MARKERS, is_plain
from cascade.graph.model import (
    Binding,
    Graph,
    Injected,
    Input,
    Items,
    Kind,
    Node,
    Result,
    Routed,
    Structure,
    Value,
)
from cascade.spec.identity import identity_of
from cascade.spec.lazy import LazyResult, MappedLazyResult
from cascade.spec.param import Env, Param
from cascade.spec.policy import PLAIN, UNSET
from cascade.spec.resource import Inject
from cascade.spec.routing import Router

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cascade.spec.lazy import TaskSpec


MAX_DEPTH = 50
"""Containers around a call or marker, within which all of them are rebuilt with its value."""


def build_graph(target: object) -> Graph:
    """Build the graph of a lazy result, or of a list or tuple of them.

    Nodes stand in evaluation order: what a call needs comes before it, arguments from left to
    right, as Python itself would evaluate nested calls.

    Args:
        target: a lazy result, or a container of them.

    Raises:
        CyclicTargetError: a lazy result reaches itself.
        TypeError: a lazy result hides in a container type that can't be rebuilt.
        ValueError: one stands too deep in containers, or a container holds itself and one.
    """
    builder = _Builder()
    for lazy in _lazies_in(target, None):
        builder.visit(lazy)
    root = builder.binding(target, "target", "run")
    return Graph(
        Structure(
            nodes=tuple(builder.nodes),
            root=root,
            value_count=len(builder.values),
            marked=builder.marked,
            merged=builder.pure_nodes > len(builder.pure_tasks),
        ),
        builder.values,
    )


@final
class _Builder:
    """The state of one build; made and dropped by `build_graph`."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.values: list[Any] = []
        self.pure_nodes = 0
        self.marked = False
        self.pure_tasks: set[int] = set()
        self._index: dict[int, int] = {}
        self._open: set[int] = set()
        self._pure: dict[object, int] = {}
        # Ids are compared while the objects live: the target holds them all.

    def visit(self, target: object) -> None:
        stack: list[tuple[object, Iterator[object]]] = []
        self._enter(target, stack)
        while stack:
            item, pending = stack[-1]
            for child in pending:
                if self._enter(child, stack):
                    break
            else:
                stack.pop()
                self._open.discard(id(item))
                self._index[id(item)] = self._add(item)

    def _enter(self, item: object, stack: list[tuple[object, Iterator[object]]]) -> bool:
        if id(item) in self._index:
            return False
        if id(item) in self._open:
            raise CyclicTargetError(item.spec.name if isinstance(item, LazyResult) else "a Router")
        self._open.add(id(item))
        stack.append((item, _children(item)))
        return True

    def _add(self, item: object) -> int:
        if isinstance(item, Router):
            return self._add_switch(item)
        assert isinstance(item, LazyResult)
        spec, policy = item.spec, item.policy
        values_before = len(self.values)
        if isinstance(item, MappedLazyResult):
            kind, names = Kind.MAP, tuple(item.columns)
            arguments = tuple(
                self.binding(column, name, spec.name) for name, column in item.columns.items()
            )
            for each in _injected_defaults(item):
                arguments += (self.binding(each.default, each.name, spec.name),)
                names += (each.name,)
        else:
            kind, names = Kind.CALL, spec.names
            arguments = tuple(
                self.binding(argument, name, spec.name)
                for argument, name in zip(spec.arguments_of(item), names, strict=True)
            )
        if spec.pure and kind is Kind.CALL and policy is PLAIN:
            self.pure_nodes += 1
            self.pure_tasks.add(id(spec))
            merge_key = (id(spec), *(self._merge_key(each) for each in arguments))
            known = self._pure.setdefault(merge_key, len(self.nodes))
            if known != len(self.nodes):
                del self.values[values_before:]
                return known
        condition = policy.condition
        node = Node(
            index=len(self.nodes),
            kind=kind,
            spec=spec,
            lazy_class=type(item),
            arguments=arguments,
            names=names,
            columns=len(item.columns) if isinstance(item, MappedLazyResult) else 0,
            retry=policy.retry,
            cache=policy.cache,
            condition=None if condition is UNSET else self.binding(condition, "run_if", spec.name),
            amounts=tuple(
                (name, self.binding(amount, name, spec.name))
                for name, amount in policy.constraints.items()
            ),
            after=tuple(self._index[id(other)] for other in policy.after),
        )
        self.nodes.append(node)
        return node.index

    def _add_switch(self, router: Router) -> int:
        selector = self.binding(router.selector, "selector", "a Router")
        routes = tuple(
            (self.binding(key, "routes", "a Router"), self.binding(route, "routes", "a Router"))
            for key, route in router.routes.items()
        )
        index = len(self.nodes)
        self.nodes.append(
            Node(index, Kind.SWITCH, None, Router, (selector,), ("selector",), routes=routes)
        )
        return index

    def binding(self, value: Any, parameter: str, user: str) -> Binding:
        """Return where an argument comes from, noting a literal in the next slot."""
        kind = type(value)
        if issubclass(kind, LazyResult):
            return Result(self._index[id(value)])
        if kind in (Inject, Param, Env):
            self.marked = True
        if kind is Inject:
            return Injected(value.name)
        if kind is Param or kind is Env:
            return Input(value)
        if kind is Router:
            return Routed(self._index[id(value)])
        if is_plain(value):
            self.values.append(value)
            return Value(len(self.values) - 1)
        return self._container(value, parameter, user)

    def _container(self, value: Any, parameter: str, user: str) -> Binding:
        kind = type(value)
        if kind in CONTAINERS or (issubclass(kind, tuple) and hasattr(kind, "_make")):
            items = tuple(self.binding(item, parameter, user) for item in items_of(value))
            return Items(kind, items)
        raise TypeError(
            f"argument '{parameter}' of task '{user}' holds a lazy result inside "
            f"{kind.__name__}, which can't be rebuilt with the value. "
            "Pass a plain list, tuple, dict or set."
        )

    def _merge_key(self, binding: Binding) -> object:
        if isinstance(binding, Value):
            return identity_of(self.values[binding.slot])
        if isinstance(binding, Items):
            return (binding.kind, *(self._merge_key(item) for item in binding.items))
        return binding


def _injected_defaults(item: MappedLazyResult[Any]) -> list[Any]:
    return [
        parameter
        for parameter in item.spec.parameters
        if parameter.name not in item.columns and issubclass(type(parameter.default), MARKERS)
    ]


def values_of(item: Any) -> list[Any]:
    """Return all that a lazy result or Router holds, in the order of its node's `bindings`."""
    if type(item) is Router:
        return [item.selector, *(part for pair in item.routes.items() for part in pair)]
    if isinstance(item, MappedLazyResult):
        defaults = (parameter.default for parameter in _injected_defaults(item))
        values = [*item.columns.values(), *defaults]
    else:
        values = item.spec.arguments_of(item)
    policy = item.policy
    if policy is PLAIN:
        return values
    condition = [] if policy.condition is UNSET else [policy.condition]
    return [*values, *condition, *policy.constraints.values(), *policy.after]


def _children(item: Any) -> Iterator[object]:
    for value in values_of(item):
        yield from _lazies_in(value, getattr(item, "spec", None))


def _lazies_in(value: Any, spec: TaskSpec | None, depth: int = 0) -> Iterator[object]:
    kind = type(value)
    if issubclass(kind, (LazyResult, Router)):
        yield value
    elif issubclass(kind, CONTAINERS) and not is_plain(value):
        if depth == MAX_DEPTH:
            user = "the target" if spec is None else f"an argument of task '{spec.name}'"
            raise ValueError(
                f"{user} holds a call or marker in over {MAX_DEPTH} containers, or in one that "
                "holds itself. Build them in a task that gets its value."
            )
        for item in items_of(value):
            yield from _lazies_in(item, spec, depth + 1)


def items_of(container: Any) -> Iterable[Any]:
    """Return what a container holds: of a dict its keys and values by turns."""
    if issubclass(type(container), dict):
        return itertools.chain.from_iterable(container.items())
    return container  # type: ignore[no-any-return]


def calls_within(target: LazyResult[Any]) -> list[Any]:
    """Return the lazy results and Routers that the arguments of a call hold, at any depth."""
    found: dict[int, object] = {}
    pending = list(_children(target))
    while pending:
        item = pending.pop()
        if id(item) not in found:
            found[id(item)] = item
            pending += _children(item)
    return list(found.values())
