"""Counts while they grow. One is shared by all open blocks, which take differences."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType


class Tally:
    """A number that only grows.

    `tick` is one call of a C function, which no other thread can cut in two. It allocates nothing
    that the garbage collector tracks, so counting doesn't move the moments at which collections
    happen.

    Attributes:
        tick: Add one.
    """

    __slots__ = ("_reads", "tick")

    def __init__(self) -> None:
        self.tick: Callable[[], int] = count().__next__
        self._reads = 0

    def read(self) -> int:
        """The number of ticks so far. Not for two threads at once."""
        # A count can only be read by moving it on.
        total = self.tick() - self._reads
        self._reads += 1
        return total


@final
class SiteTally(Tally):
    """Calls from one instruction.

    Attributes:
        code: The caller's code; None where C or nothing called.
        offset: Where in it, in bytes.
    """

    __slots__ = ("code", "offset")

    def __init__(self, code: CodeType | None, offset: int) -> None:
        super().__init__()
        self.code = code
        self.offset = offset


class FunctionTally(Tally):
    """Calls of one body or C function.

    Attributes:
        sites: By id of the caller's code and instruction; each site holds that code.
    """

    __slots__ = ("sites",)

    def __init__(self) -> None:
        super().__init__()
        self.sites: dict[tuple[int, int], SiteTally] = {}


@final
class Body(FunctionTally):
    """Starts of one function's body.

    Attributes:
        code: The body. Told by identity: equal code objects compare equal.
        module: Name of the module whose globals it runs in; None until a start was asked about.
        qualname: Its name there; None until then.
    """

    __slots__ = ("code", "module", "qualname")

    def __init__(self, code: CodeType) -> None:
        super().__init__()
        self.code = code
        self.module: str | None = None
        self.qualname: str | None = None


@final
class Native(FunctionTally):
    """Calls of one C function."""

    __slots__ = ("function",)

    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function
