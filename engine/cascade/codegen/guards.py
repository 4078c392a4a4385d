"""The guards of a fused loop: the text that tells whether a lazy result is of one structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from cascade.graph.literals import is_opaque
from cascade.graph.model import Injected, Input, Items, Kind, Pairs, Result, Routed, Value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cascade.codegen.names import Names
    from cascade.graph.model import Binding

_PAIRS_COMPARED = 15


@final
class Guards:
    """Writes the guards of one structure.

    Args:
        names: what the loop calls things.
        sample: the literals of one bounce, whose types the guards expect.
    """

    def __init__(self, names: Names, sample: Sequence[Any]) -> None:
        self.names = names
        self.sample = sample
        self._seen = {names.last}
        self._scratches = 0

    def lines(self) -> list[str]:
        """Check one lazy result against the structure and read its literals, from the root down.

        Slot names belong to one class each, so a slot that can be read proves the class. Only a
        node that holds no other call is asked for its class: what merely pretends to have every
        attribute is found out there.
        """
        lines: list[str] = []
        structure = self.names.structure
        for node in reversed(structure.calls):
            lazy = self.names.lazy(node.call)
            if node.kind is Kind.SWITCH:
                lines.append(f"if type({lazy}) is not Router: return Miss(target)")
                lines += self._guard(f"{lazy}.selector", node.arguments[0])
                lines += self._guard(f"{lazy}.routes", Pairs(node.routes))
                continue
            rank = self.names.rank(node)
            if node.call != self.names.last and not node.needs:
                lines.append(f"if type({lazy}) is not C{rank}: return Miss(target)")
            if node.retry is not None:
                lines += [
                    f"if {lazy}.policy is not POLICY{node.index}:",
                    f"    if not same_policy(NODE{node.index}, {lazy}): return Miss(target)",
                ]
            for position, binding in enumerate(node.arguments):
                lines += self._guard(f"{lazy}._t{rank}_s{position}", binding)
        lines += self._distinct()
        if structure.merges:
            values = ", ".join(f"v{slot}" for slot in range(structure.value_count))
            test = f"merges_alike(BLUEPRINT.structure, [{values}])"
            lines.append(f"if not {test}: return Miss(target)")
        if not self.names.last:
            return lines
        return [
            "try:",
            *("    " + line for line in lines),
            "except AttributeError:",
            "    return Miss(target)",
        ]

    def _guard(self, source: str, binding: Binding) -> list[str]:
        if isinstance(binding, Value):
            return self._literal(source, binding)
        if isinstance(binding, (Result, Routed)):
            lazy = self.names.lazy(binding.call)
            if binding.call in self._seen:
                return [f"if {source} is not {lazy}: return Miss(target)"]
            self._seen.add(binding.call)
            return [f"{lazy} = {source}"]
        if isinstance(binding, Input):
            return [f"if {source} is not N{self.names.input(binding)}: return Miss(target)"]
        read = self._scratch()
        if isinstance(binding, Injected):
            return [
                f"{read} = {source}",
                f"if type({read}) is not Inject or {read}.name != {binding.resource!r}:",
                "    return Miss(target)",
            ]
        if isinstance(binding, Pairs):
            kind, inside = "dict", [each for pair in binding.pairs for each in pair]
            items = [self._scratch() for _ in inside]
            pairs = zip(items[::2], items[1::2], strict=True)
            unpack = f"({', '.join(f'({key}, {item})' for key, item in pairs)},) = {read}.items()"
        else:
            assert isinstance(binding, Items)
            kind, inside = f"K{self.names.kind(binding.kind)}", [*binding.items]
            items = [self._scratch() for _ in inside]
            unpack = f"({', '.join(items)},) = {read}"
        lines = [
            f"{read} = {source}",
            f"if type({read}) is not {kind}: return Miss(target)",
            f"if len({read}) != {len(inside) // (2 if kind == 'dict' else 1)}: return Miss(target)",
            unpack,
        ]
        for item, each in zip(items, inside, strict=True):
            lines += self._guard(item, each)
        return lines

    def _literal(self, source: str, binding: Value) -> list[str]:
        # What can hold a call is looked into each time, unless its parameter is opaque.
        slot = binding.slot
        kind: Any = type(self.sample[slot])
        known = f"type(v{slot}) is not T{slot} and " if binding.unread or is_opaque(kind) else ""
        test = "is_passed" if binding.unread else "is_plain"
        return [f"v{slot} = {source}", f"if {known}not {test}(v{slot}): return Miss(target)"]

    def _distinct(self) -> list[str]:
        """Check that calls of one task are different objects, where their places don't say it.

        A call can't be what it is an argument of, so only calls side by side are compared.
        """
        below: dict[int, set[int]] = {}
        pairs: list[tuple[int, int]] = []
        for node in self.names.structure.calls:
            own = set(node.needs).union(*(below[other] for other in node.needs))
            pairs += [
                (other.call, node.call)
                for other in self.names.structure.calls[: len(below)]
                if other.lazy_class is node.lazy_class and other.call not in own
            ]
            below[node.call] = own
        if not pairs:
            return []
        if len(pairs) <= _PAIRS_COMPARED:
            test = " or ".join(
                f"{self.names.lazy(one)} is {self.names.lazy(other)}" for one, other in pairs
            )
        else:
            alike = sorted({index for pair in pairs for index in pair})
            test = (
                f"len({{{', '.join(f'id({self.names.lazy(i)})' for i in alike)}}}) != {len(alike)}"
            )
        return [f"if {test}: return Miss(target)"]

    def _scratch(self) -> str:
        self._scratches += 1
        return f"e{self._scratches - 1}"
