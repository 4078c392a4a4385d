"""How often a function's body ran: the check that stands beside every timed figure.

It counts by means of its own on purpose. The gate counts calls by other means and is itself proved
on these workloads, so that each of the two would show a fault of the other; and it must run against
revisions that have no gate, and beside libraries that the gate knows nothing of.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import CodeType, FrameType


class ExecutionError(AssertionError):
    """A workload came to a wrong result, or ran a body too often or too seldom.

    Attributes:
        workload: The name of the loop.
        n: Its transactions.
        expected: What should have come out.
        actual: What came out.
    """

    def __init__(self, workload: str, n: int, expected: object, actual: object) -> None:
        super().__init__(
            f"{workload} over {n} transactions gave {actual!r}, and {expected!r} is right: "
            f"its speed means nothing until that is mended"
        )
        self.workload = workload
        self.n = n
        self.expected = expected
        self.actual = actual


@contextmanager
def count_executions(bodies: Mapping[str, CodeType]) -> Iterator[Mapping[str, int]]:
    """Count the starts of the given bodies, in this thread and in those started inside the block.

    A resumed coroutine or generator is no new start. The mapping that is yielded is complete when
    the block has been left.

    Args:
        bodies: Code objects by the name that their count gets.

    Raises:
        RuntimeError: Another profiler is installed.
    """
    if sys.getprofile() is not None:
        raise RuntimeError(
            f"cannot count executions: {sys.getprofile()!r} is installed as profile function; "
            f"run without it"
        )
    names = {id(code): name for name, code in bodies.items()}
    counts = dict.fromkeys(bodies, 0)
    # A frame that suspends reports a call again when it is resumed. Holding the frames keeps their
    # identities unique for as long as they are told apart by them.
    seen: dict[FrameType, None] = {}

    def on_event(frame: FrameType, event: str, _: Any) -> None:
        if event != "call":
            return
        name = names.get(id(frame.f_code))
        if name is not None and frame not in seen:
            seen[frame] = None
            counts[name] += 1

    threading.setprofile(on_event)
    sys.setprofile(on_event)
    try:
        yield counts
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        seen.clear()
