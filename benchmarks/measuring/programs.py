"""Running a tool's program so that nothing of it is left when this one is interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from benchmarks.measuring.decisions import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_LIMIT_SECONDS = 600.0
_GRACE_SECONDS = 10.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a program ended.

    Attributes:
        code: Its exit code.
        output: What it printed, both streams in the order they came.
    """

    code: int
    output: str


def run_program(
    tool: str,
    command: Sequence[str],
    folder: Path,
    environ: Mapping[str, str] | None = None,
    *,
    limit_seconds: float = _LIMIT_SECONDS,
) -> Finished:
    """Run a program to its end.

    Args:
        tool: Whose program it is, for the error.
        command: Program and arguments.
        folder: Where it runs.
        environ: What it finds in its environment on top of this process's own.
        limit_seconds: The longest that it may take.

    Raises:
        ToolError: It took too long, and was ended.
    """
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=folder,
        env={**os.environ, **(environ or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        # A group of its own, so that all of it can be ended at once.
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=limit_seconds)
    except subprocess.TimeoutExpired as error:
        _end(process)
        said = error.output or b""
        raise ToolError(
            tool,
            f"was not done after {limit_seconds:g} s and was ended",
            said if isinstance(said, str) else said.decode(errors="replace"),
        ) from None
    except BaseException:
        _end(process)
        raise
    return Finished(code=process.returncode, output=output)


def _end(process: subprocess.Popen[str]) -> None:
    # The interruption first: asv starts its benchmarks in groups of their own and ends them itself.
    for number in (signal.SIGINT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=_GRACE_SECONDS)
            break
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
