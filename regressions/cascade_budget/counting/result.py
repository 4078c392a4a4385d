"""What counting hands back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from cascade_budget.model.findings import Site


@final
class CallCounts(Mapping[str, int]):
    """Calls by target name; 0 for a target that was never called.

    Inside the block each look-up gives the calls so far. Once the block has been left the numbers
    stand, and can be pickled.

    Attributes:
        backend: "sys.monitoring" or "sys.setprofile".
        watched: "module:qualname" to calls, for functions that a watch pattern covers and that were
            called at least once. Filled when the block is left.
        sites: Target or watched name to where its calls came from, most calls first; a path is as
            the caller's code has it. Filled when the block is left, and only with `attribute=True`.
        blind: Target or watched name to the reason why this Python can't count all of its calls.
    """

    __slots__ = ("_calls", "_read", "backend", "blind", "sites", "watched")

    def __init__(self, *, backend: str, blind: Mapping[str, str]) -> None:
        self.backend = backend
        self.blind: dict[str, str] = dict(blind)
        self._calls: dict[str, int] = {}
        self.watched: Mapping[str, int] = {}
        self.sites: Mapping[str, tuple[Site, ...]] = {}
        self._read: Callable[[], dict[str, int]] | None = None

    def __getitem__(self, name: str) -> int:
        return self._current()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    def __repr__(self) -> str:
        return f"<CallCounts by {self.backend}: {dict(self)}>"

    def follow(self, read: Callable[[], dict[str, int]]) -> None:
        """Answer look-ups by `read` until `settle` is called."""
        self._read = read

    def _current(self) -> dict[str, int]:
        return self._calls if self._read is None else self._read()

    def settle(
        self,
        *,
        calls: Mapping[str, int] = MappingProxyType({}),
        watched: Mapping[str, int] = MappingProxyType({}),
        sites: Mapping[str, tuple[Site, ...]] = MappingProxyType({}),
    ) -> None:
        """Take the final numbers: none where the block did not end as it should."""
        self._calls, self.watched, self.sites = dict(calls), dict(watched), dict(sites)
        self._read = None
