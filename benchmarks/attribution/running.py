"""One command in a process of its own, with what it took on the wall and of the processors."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: What a run of this repository's own must not hand on to a project that has nothing to do with it.
_LEFT_OUT = ("PYTHONPATH", "PYTEST_ADDOPTS", "GITHUB_ACTIONS", "CI")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command ended.

    Attributes:
        code: Its exit code.
        output: What it printed, errors last.
        seconds: Wall time from start to end.
        cpu_seconds: Processor time of it and of all the processes that it waited for.
    """

    code: int
    output: str
    seconds: float
    cpu_seconds: float


def run_python(*arguments: str, at: Path, environment: Mapping[str, str] | None = None) -> Finished:
    """Run this interpreter with arguments, in a folder.

    Args:
        arguments: Of the interpreter.
        at: The folder.
        environment: Variables to set beside those that there are.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in _LEFT_OUT}
    before, started = _children_cpu_seconds(), time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, *arguments],
        cwd=at,
        env={**inherited, "COLUMNS": "80", **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    return Finished(
        code=done.returncode,
        output=done.stdout + done.stderr,
        seconds=time.perf_counter() - started,
        cpu_seconds=_children_cpu_seconds() - before,
    )


def _children_cpu_seconds() -> float:
    used = os.times()
    return used.children_user + used.children_system
