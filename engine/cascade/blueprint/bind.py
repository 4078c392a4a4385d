"""`bind`: check that a lazy result has a blueprint's structure, and read this bounce's literals."""

from __future__ import annotations

from typing import Any

from cascade.graph.build import items_of, values_of
from cascade.graph.literals import is_plain
from cascade.graph.model import (
    Binding,
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
from cascade.spec.policy import PLAIN, UNSET, Policy
from cascade.spec.resource import Inject


def bind(structure: Structure, target: Any) -> list[Any] | None:
    """Return the literals of a target by slot, or None when its structure is another.

    Types, sharing and distinctness must agree exactly, no lazy result may hide in a literal, and
    policies must be of the same form. The result is the values that `build_graph` would have
    found, so either may go before the same run.

    Args:
        structure: what the target should look like; with a single target as its root.
        target: a lazy result.
    """
    if structure.merged or not isinstance(structure.root, Result):
        return None
    found: list[Any] = [None] * len(structure.nodes)
    values: list[Any] = [None] * structure.value_count
    found[structure.root.node] = target
    for node in reversed(structure.nodes):
        item = found[node.index]
        if type(item) is not node.lazy_class or not _same_policy(node, item):
            return None
        for binding, value in zip(node.bindings, values_of(item), strict=True):
            if not _match(binding, value, found, values):
                return None
    return values if len(set(map(id, found))) == len(found) else None


def _same_policy(node: Node, item: Any) -> bool:
    if node.kind is Kind.SWITCH:
        return len(item.routes) == len(node.routes)
    if node.kind is Kind.MAP and (
        item.spec is not node.spec or tuple(item.columns) != node.names[: node.columns]
    ):
        return False
    policy: Policy = item.policy
    if policy is PLAIN:
        return not node.has_policy
    return (
        policy.retry == node.retry
        and policy.cache is node.cache
        and (policy.condition is UNSET) == (node.condition is None)
        and tuple(policy.constraints) == tuple(name for name, _ in node.amounts)
        and len(policy.after) == len(node.after)
    )


def _match(binding: Binding, value: Any, found: list[Any], values: list[Any]) -> bool:
    if isinstance(binding, Value):
        values[binding.slot] = value
        return is_plain(value)
    if isinstance(binding, Result):
        return _same_object(binding.node, value, found)
    if isinstance(binding, Routed):
        return _same_object(binding.switch, value, found)
    if isinstance(binding, Injected):
        return type(value) is Inject and value.name == binding.resource
    if isinstance(binding, Input):
        return value is binding.marker
    assert isinstance(binding, Items)
    size = len(binding.items) // (2 if binding.kind is dict else 1)
    kind: type = type(value)
    if kind is not binding.kind or len(value) != size:
        return False
    return all(
        _match(item, each, found, values)
        for item, each in zip(binding.items, items_of(value), strict=True)
    )


def _same_object(index: int, value: Any, found: list[Any]) -> bool:
    if found[index] is None:
        found[index] = value
    return found[index] is value
