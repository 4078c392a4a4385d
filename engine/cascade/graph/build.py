"""`build_graph`: from a lazy result to nodes in evaluation order, at any depth."""

from __future__ import annotations

from dataclasses import replace
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
    Pairs,
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
    from collections.abc import Iterator, Sequence

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
    pure = [call.spec for call in builder.calls if call.may_merge]
    return Graph(
        Structure(
            nodes=tuple(builder.nodes),
            calls=tuple(builder.calls),
            root=root,
            value_count=len(builder.values),
            marked=builder.marked,
            merges=len(pure) > len(set(pure)),
        ),
        builder.values,
    )


@final
class _Builder:
    """The state of one build; made and dropped by `build_graph`."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.calls: list[Node] = []
        self.values: list[Any] = []
        self.marked = False
        self._made: dict[int, Node] = {}
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
                self._made[id(item)] = self._add(item)

    def _enter(self, item: object, stack: list[tuple[object, Iterator[object]]]) -> bool:
        if id(item) in self._made:
            return False
        if id(item) in self._open:
            raise CyclicTargetError(item.spec.name if isinstance(item, LazyResult) else "a Router")
        self._open.add(id(item))
        stack.append((item, _children(item)))
        return True

    def _add(self, item: object) -> Node:
        if isinstance(item, Router):
            return self._add_switch(item)
        assert isinstance(item, LazyResult)
        spec, policy = item.spec, item.policy
        if isinstance(item, MappedLazyResult):
            kind, names = Kind.MAP, tuple(item.columns)
            arguments = tuple(
                self._argument(item, name, column) for name, column in item.columns.items()
            )
            for each in _injected_defaults(item):
                arguments += (self.binding(each.default, each.name, spec.name),)
                names += (each.name,)
        else:
            kind, names = Kind.CALL, spec.names
            arguments = tuple(
                self._argument(item, name, argument)
                for argument, name in zip(spec.arguments_of(item), names, strict=True)
            )
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
            after=tuple(self._made[id(other)].index for other in policy.after),
        )
        if node.may_merge:
            index = self._pure.setdefault(merge_key(node, self.values), node.index)
            if index != node.index:
                node = replace(node, index=index, merged=len(self.nodes) - len(self.calls) - 1)
        return self._keep(node)

    def _keep(self, node: Node) -> Node:
        if not node.merged:
            self.nodes.append(node)
        self.calls.append(node)
        return node

    def _add_switch(self, router: Router) -> Node:
        selector = self.binding(router.selector, "selector", "a Router")
        routes = tuple(
            (self.binding(key, "routes", "a Router"), self.binding(route, "routes", "a Router"))
            for key, route in router.routes.items()
        )
        index = len(self.nodes)
        return self._keep(
            Node(index, Kind.SWITCH, None, Router, (selector,), ("selector",), routes=routes)
        )

    def _argument(self, call: LazyResult[Any], parameter: str, value: object) -> Binding:
        if _is_read(call, parameter, value):
            return self.binding(value, parameter, call.spec.name)
        self.values.append(value)
        return Value(len(self.values) - 1, unread=True)

    def binding(self, value: Any, parameter: str, user: str) -> Binding:
        """Return where an argument comes from, noting a literal in the next slot."""
        kind = type(value)
        if issubclass(kind, LazyResult):
            made = self._made[id(value)]
            return Result(made.index, made.merged)
        if kind in (Inject, Param, Env):
            self.marked = True
        if kind is Inject:
            return Injected(value.name)
        if kind is Param or kind is Env:
            return Input(value)
        if kind is Router:
            return Routed(self._made[id(value)].index)
        if is_plain(value):
            self.values.append(value)
            return Value(len(self.values) - 1)
        return self._container(value, parameter, user)

    def _container(self, value: Any, parameter: str, user: str) -> Binding:
        kind = type(value)
        if kind is dict:
            return Pairs(
                tuple(
                    (self.binding(key, parameter, user), self.binding(item, parameter, user))
                    for key, item in value.items()
                )
            )
        if kind in CONTAINERS or (issubclass(kind, tuple) and hasattr(kind, "_make")):
            return Items(kind, tuple(self.binding(item, parameter, user) for item in value))
        raise TypeError(
            f"argument '{parameter}' of task '{user}' holds a lazy result inside "
            f"{kind.__name__}, which can't be rebuilt with the value. "
            "Pass a plain list, tuple, dict or set."
        )


def merges_alike(structure: Structure, values: list[Any]) -> bool:
    """Tell whether with these literals the same calls merge as in the structure."""
    known: dict[object, int] = {}
    pure = [call for call in structure.calls if call.may_merge]
    for call in pure:
        if known.setdefault(merge_key(call, values), call.index) != call.index:
            return False
    return len(known) == len({call.index for call in pure})


def merge_key(call: Node, values: list[Any]) -> object:
    """Return what is equal for calls of a pure task that run once."""
    return (call.spec, *(_argument_key(each, values) for each in call.arguments))


def _argument_key(binding: Binding, values: list[Any]) -> object:
    if isinstance(binding, Value):
        return identity_of(values[binding.slot])
    if isinstance(binding, Result):
        return binding.node
    if isinstance(binding, Items):
        return (binding.kind, *(_argument_key(item, values) for item in binding.items))
    if isinstance(binding, Pairs):
        return (dict, *(_argument_key(it, values) for pair in binding.pairs for it in pair))
    return binding


def _injected_defaults(item: MappedLazyResult[Any]) -> list[Any]:
    return [
        parameter
        for parameter in item.spec.parameters
        if parameter.name not in item.columns and issubclass(type(parameter.default), MARKERS)
    ]


def _is_read(call: LazyResult[Any], parameter: str, value: object) -> bool:
    """Tell whether an argument is resolved: what an opaque one holds is not even looked into."""
    return parameter not in call.spec.opaque or issubclass(type(value), MARKERS)


def values_of(item: Any) -> Sequence[Any]:
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
    values = values_of(item)
    if type(item) is not Router and item.spec.opaque:
        names = item.columns if isinstance(item, MappedLazyResult) else item.spec.names
        read = [it for name, it in zip(names, values, strict=False) if _is_read(item, name, it)]
        values = [*read, *values[len(names) :]]
    for value in values:
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
        is_dict = issubclass(kind, dict)
        for part in (part for pair in value.items() for part in pair) if is_dict else value:
            yield from _lazies_in(part, spec, depth + 1)


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
