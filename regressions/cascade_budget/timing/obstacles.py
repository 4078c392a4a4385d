"""What stands in the way of a fair timing: tracers, debuggers, coverage, other monitoring tools."""

from __future__ import annotations

import sys
import threading
from typing import Final

_TOOL_IDS: Final = range(6)


def timing_obstacle() -> str:
    """Why a timing in this process would measure something else, as a clause; or nothing."""
    if (tracer := sys.gettrace()) is not None:
        return f"a tracer is active ({_describe(tracer)})"
    if threading.gettrace() is not None:
        return "a tracer is active in new threads"
    if (profiler := sys.getprofile()) is not None:
        return f"a profiler is active ({_describe(profiler)})"
    if (tool := _monitoring_tool()) is not None:
        return f"{tool} is monitoring"
    if sys.flags.dev_mode:
        return "Python runs in its development mode"
    if _is_tracing_memory():
        return "tracemalloc is tracing"
    return ""


def _describe(tool: object) -> str:
    kind = type(tool)
    if kind.__module__ == "builtins":
        return f"{getattr(tool, '__module__', '?')}.{getattr(tool, '__qualname__', '?')}"
    return f"{kind.__module__}.{kind.__qualname__}"


def _monitoring_tool() -> str | None:
    monitoring = getattr(sys, "monitoring", None)
    names = () if monitoring is None else map(monitoring.get_tool, _TOOL_IDS)
    return next((str(name) for name in names if name is not None), None)


def _is_tracing_memory() -> bool:
    tracemalloc = sys.modules.get("tracemalloc")
    return tracemalloc is not None and bool(tracemalloc.is_tracing())
