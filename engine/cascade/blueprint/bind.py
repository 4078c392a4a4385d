"""`bind`: check that a lazy result has a blueprint's structure, and read this bounce's literals."""

from __future__ import annotations

from typing import Any

from cascade.graph.build import merges_alike, values_of
from cascade.graph.literals import is_passed, is_plain
from cascade.graph.model import (
    Binding,
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
    assert isinstance(structure.root, Result)
    found: list[Any] = [None] * len(structure.calls)
    values: list[Any] = [None] * structure.value_count
    found[structure.root.node] = target
    for node in reversed(structure.calls):
        item = found[node.call]
        if type(item) is not node.lazy_class or not same_policy(node, item):
            return None
        for binding, value in zip(node.bindings, values_of(item), strict=True):
            if not _match(binding, value, found, values):
                return None
    if len(set(map(id, found))) < len(found):
        return None
    return values if not structure.merges or merges_alike(structure, values) else None


def same_policy(node: Node, item: Any) -> bool:
    """Tell whether a lazy result of a node's class has policies of the node's form."""
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
        return is_passed(value) if binding.unread else is_plain(value)
    if isinstance(binding, (Result, Routed)):
        return _same_object(binding.call, value, found)
    if isinstance(binding, Injected):
        return type(value) is Inject and value.name == binding.resource
    if isinstance(binding, Input):
        return value is binding.marker
    return _match_container(binding, value, found, values)


def _match_container(binding: Binding, value: Any, found: list[Any], values: list[Any]) -> bool:
    kind: type = type(value)
    if isinstance(binding, Items):
        return (
            kind is binding.kind
            and len(value) == len(binding.items)
            and all(
                _match(item, each, found, values)
                for item, each in zip(binding.items, value, strict=True)
            )
        )
    assert isinstance(binding, Pairs)
    return (
        kind is dict
        and len(value) == len(binding.pairs)
        and all(
            _match(one, key, found, values) and _match(other, item, found, values)
            for (one, other), (key, item) in zip(binding.pairs, value.items(), strict=True)
        )
    )


def _same_object(index: int, value: Any, found: list[Any]) -> bool:
    if found[index] is None:
        found[index] = value
    return found[index] is value
