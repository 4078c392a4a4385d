"""From the sampler's call stacks to stacks of the workload alone, with functions named."""

from __future__ import annotations

import re
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cascade_budget.model.profiles import CodeFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BUILT_IN = "<built-in>"
AWAIT = "[await]"
EVENT_LOOP = "asyncio event loop\x00<tasks>\x000"
"""Stands for what runs between the steps of several tasks."""

_SERIAL = re.compile(r"[ -](?=[0-9a-f]*[0-9])(?:0x)?[0-9a-f]+>$")
"""What tells one piece of generated code from the next, in a file name such as `<made 3f2a1b>`: a
number or an address. Without it two runs of the same code have the same functions."""


@dataclass(frozen=True, slots=True)
class RawFrame:
    """A frame as pyinstrument writes it: fields and attributes between control codes."""

    function: str
    path: str
    line: int
    class_name: str

    @classmethod
    def parse(cls, record: str) -> RawFrame:
        """Read `function NUL path NUL line` with attributes after SOH; `c` marks the class."""
        identifier, *attributes = record.split("\x01")
        function, _, rest = identifier.partition("\x00")
        path, _, line = rest.partition("\x00")
        class_name = next((one[1:] for one in attributes if one.startswith("c")), "")
        return cls(function, path, int(line) if line.isdecimal() else 0, class_name)


def workload_stack(
    records: list[str],
    *,
    is_root: Callable[[RawFrame], bool],
    awaited: Sequence[str] | None = None,
) -> tuple[str, ...] | None:
    """The part of a call stack that belongs to the workload, outermost frame first.

    What lies below the function that started the session (pytest, the thread) is dropped. Steps of
    tasks do not stand on the code that started them but on the event loop, whose frames say
    nothing: they are replaced by one frame that names the task's coroutine, so that tasks stand
    side by side and are read by name. What the loop does between steps is charged to the line that
    awaits it, where that is known.

    Args:
        records: The call stack as the sampler gives it, outermost frame first.
        is_root: Tells the frame of the function that started the session.
        awaited: What the event loop works for between the steps of tasks, from a task's coroutine
            down to what that awaits, and empty where nobody can say; None within a step and
            outside of a loop.

    Returns:
        None where no part is the workload's.
    """
    frames = [RawFrame.parse(record) for record in records]
    start = _last(frames, is_root)
    step = _last(frames, _is_event_loop_step)
    looping = step is not None or awaited is not None
    if start is not None and (not looping or (step is not None and start > step)):
        return tuple(records[start + 1 :])
    if start is None and not any(map(_is_event_loop, frames)):
        return None
    before: list[str] = []
    if start is not None:
        for record, frame in zip(records[start + 1 : step], frames[start + 1 : step], strict=True):
            if _is_event_loop(frame):
                break
            before.append(record)
    inside = records[step + 1 :] if step is not None else []
    if step is None or not inside or _is_event_loop(frames[step + 1]):
        return (*before, *(_within_task(awaited) if awaited else (EVENT_LOOP,)))
    return (*before, *_within_task(inside))


def _within_task(records: Sequence[str]) -> tuple[str, ...]:
    """Frames of a task below one that names it."""
    task = RawFrame.parse(records[0])
    return (f"task {task.function}\x00{task.path}\x00{task.line}", *records)


def _last(frames: list[RawFrame], wanted: Callable[[RawFrame], bool]) -> int | None:
    return next((at for at in range(len(frames) - 1, -1, -1) if wanted(frames[at])), None)


def _is_event_loop(frame: RawFrame) -> bool:
    return "/asyncio/" in frame.path.replace("\\", "/")


def _is_event_loop_step(frame: RawFrame) -> bool:
    """Whether it is the function that each step of a task starts from."""
    path = frame.path.replace("\\", "/")
    return frame.function == "_run" and path.endswith("asyncio/events.py")


@dataclass(slots=True)
class FrameNamer:
    """Names functions as `module:qualname` and says whose they are.

    A file belongs to the deepest of the directories that hold it: an own root inside an
    environment is own code, an environment inside an own root is not.
    """

    own_roots: tuple[Path, ...]
    _modules: dict[str, str] = field(init=False)
    _foreign_roots: tuple[Path, ...] = field(init=False)
    _frames: dict[str, CodeFrame] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._modules = _modules_by_file()
        paths = (sysconfig.get_paths()[name] for name in ("stdlib", "purelib", "platlib"))
        prefixes = (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix)
        self._foreign_roots = tuple({Path(path).resolve() for path in (*paths, *prefixes)})

    def name(self, record: str) -> CodeFrame:
        """The named frame of a sampler's record; each record is resolved once."""
        frame = self._frames.get(record)
        if frame is None:
            frame = self._frames[record] = self._resolve(RawFrame.parse(record), record)
        return frame

    def _resolve(self, raw: RawFrame, record: str) -> CodeFrame:
        if raw.path == BUILT_IN or not raw.path:
            return CodeFrame(function=raw.function, path="", line=0, own=False, record=record)
        qualified = f"{raw.class_name}.{raw.function}" if raw.class_name else raw.function
        path = Path(raw.path)
        resolved = path.resolve() if path.is_absolute() else path
        own_root = _deepest(resolved, self.own_roots)
        foreign_root = _deepest(resolved, self._foreign_roots)
        own = own_root is not None and (
            foreign_root is None or len(own_root.parts) > len(foreign_root.parts)
        )
        shown = resolved.relative_to(_widest(resolved, self.own_roots)) if own else resolved
        if raw.path.startswith("<"):
            module = _SERIAL.sub(">", raw.path)
        else:
            module = self._modules.get(raw.path) or ".".join(shown.with_suffix("").parts[-2:])
        return CodeFrame(
            function=f"{module}:{qualified}",
            path=shown.as_posix(),
            line=raw.line,
            own=own,
            record=record,
        )


def _deepest(path: Path, roots: tuple[Path, ...]) -> Path | None:
    holding = [root for root in roots if path.is_relative_to(root)]
    return max(holding, key=lambda root: len(root.parts), default=None)


def _widest(path: Path, roots: tuple[Path, ...]) -> Path:
    return min(
        (root for root in roots if path.is_relative_to(root)), key=lambda root: len(root.parts)
    )


def _modules_by_file() -> dict[str, str]:
    """Module names by source file, from what is imported: right whatever put it on the path."""
    names: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        # A package's alias or a `__main__` twin must not rename the module.
        if isinstance(path, str) and name != "__main__":
            names.setdefault(path, name)
    return names
