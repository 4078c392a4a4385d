"""The worker's side of the conversation: runs chunks of one workload as they are asked for."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import re
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cascade_budget.timing.clocks import Meter
from cascade_budget.timing.obstacles import timing_obstacle

if TYPE_CHECKING:
    from collections.abc import Callable

    from cascade_budget.process.channel import (
        Channel,
        Message,
    )

__all__ = ["digest_result", "serve_workload"]

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PREVIEW_LENGTH = 60


def serve_workload(
    run: Callable[[int], Any],
    n: int,
    channel: Channel,
    imported: list[str],
    profile: Callable[[Message], Message],
) -> None:
    """Answer requests until `done`, or until the gate is gone: then the test ends as it would.

    Args:
        run: Performs that many transactions.
        n: The number of transactions that the test names.
        channel: To the gate.
        imported: Files of the side's code that have been imported.
        profile: Answers a request for a session of a profile.
    """
    with contextlib.suppress(EOFError):
        _serve(run, n, channel, imported, profile)


def _serve(
    run: Callable[[int], Any],
    n: int,
    channel: Channel,
    imported: list[str],
    profile: Callable[[Message], Message],
) -> None:
    channel.send(
        {
            "event": "ready",
            "n": n,
            "obstacle": timing_obstacle(),
            "threads": threading.active_count(),
            "imported": imported,
        }
    )
    meter = Meter()
    while True:
        request = channel.receive()
        if request["do"] == "run":
            size, repeat = request["n"], range(request["repeat"])
            meter.start()
            for _ in repeat:
                run(size)
            channel.send({"event": "cost", **asdict(meter.stop())})
        elif request["do"] == "result":
            digest, preview = digest_result(run(request["n"]))
            channel.send({"event": "result", "digest": digest, "preview": preview})
        elif request["do"] == "settle":
            # What was made so far is no garbage and need not be looked at again: a collection that
            # falls into a chunk pays for the chunk's own objects.
            gc.collect()
            gc.freeze()
            channel.send({"event": "settled"})
        elif request["do"] == "profile":
            channel.send({"event": "profile", **profile(request)})
        else:
            return


def digest_result(value: object) -> tuple[str, str]:
    """A digest that is equal in two processes where the results are, and a preview for people.

    Containers and dataclasses are taken apart; of other objects the type's name and the repr count,
    without addresses in memory.
    """
    text = _describe(value, 0)
    preview = _ADDRESS.sub("", repr(value))
    if len(preview) > _PREVIEW_LENGTH:
        preview = preview[: _PREVIEW_LENGTH - 1] + "…"
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest(), preview


_DEEPEST = 20


def _describe(value: object, depth: int) -> str:
    kind = type(value).__qualname__
    if depth > _DEEPEST:
        return kind
    if isinstance(value, dict):
        inside = [
            f"{_describe(key, depth + 1)}={_describe(item, depth + 1)}"
            for key, item in value.items()
        ]
    elif isinstance(value, (list, tuple)):
        inside = [_describe(item, depth + 1) for item in value]
    elif isinstance(value, (set, frozenset)):
        inside = sorted(_describe(item, depth + 1) for item in value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        inside = [
            f"{field.name}={_describe(getattr(value, field.name, None), depth + 1)}"
            for field in dataclasses.fields(value)
        ]
    else:
        return f"{kind} {_ADDRESS.sub('', repr(value))}"
    return f"{kind}({', '.join(inside)})"
