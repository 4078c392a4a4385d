"""Starting pytest in a fresh interpreter, and ending it with all that it has started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, final

from cascade_budget.errors import UsageError
from cascade_budget.process.channel import Channel, channel_pair
from cascade_budget.source.cache import swept_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import IO

    import pytest

    from cascade_budget.process.job import Job

STARTUP_SECONDS: Final = 120.0
"""The longest that Python, pytest and a test's own imports and fixtures may take to start."""

XDIST_ARGUMENTS: Final = "cascade_budget_arguments"
"""Key of a worker's input under which xdist's controller hands on its arguments."""

_TAIL_LINES: Final = 15


@final
class FreshInterpreter:
    """A process that carries out jobs, and what it starts. A context manager: leaving ends it.

    Several jobs share what importing pytest costs: the process imports it and then forks one
    process a job.

    Args:
        jobs: What to do.
        folder: Where to start Python; None for here.
        hash_seed: PYTHONHASHSEED, from 0 to 4294967295; None for this process's own setting.
        working_folder_on_path: Whether Python may import from `folder`.
        environment: What else differs from this process's environment.
        grace_seconds: How long pytest may take to tear down when it is ended before its time.

    Attributes:
        channels: One a job, in their order.
        pid: Of the process, the leader of its group.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        folder: str | os.PathLike[str] | None = None,
        hash_seed: int | None = None,
        working_folder_on_path: bool = True,
        environment: Mapping[str, str] | None = None,
        grace_seconds: float = 0.0,
    ) -> None:
        self._grace_seconds = grace_seconds
        changed = dict(environment or {})
        if hash_seed is not None:
            changed["PYTHONHASHSEED"] = str(hash_seed)
        # Closed and removed by `end`, or here where the process can't be started.
        self._open = contextlib.ExitStack()
        try:
            self._scratch = str(self._open.enter_context(swept_folder()))
        except UsageError:  # a first run can be counted without a cache
            self._scratch = self._open.enter_context(
                tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
            )
        self._log: IO[bytes] = self._open.enter_context(
            Path(self._scratch, "output").open("w+b")  # noqa: SIM115
        )
        pairs = [channel_pair() for _ in jobs]
        self.channels: list[Channel] = [ours for ours, _ in pairs]
        try:
            self._process = self._start(
                [theirs for _, theirs in pairs],
                folder=folder,
                flags=[] if working_folder_on_path else ["-P"],
                environment=changed,
            )
        except BaseException:
            self._close()
            raise
        finally:
            for _, theirs in pairs:
                theirs.close()
        self.pid = self._process.pid
        try:
            with contextlib.suppress(EOFError):
                for channel, job in zip(self.channels, jobs, strict=True):
                    channel.send(replace(job, scratch=self._scratch).as_message())
        except BaseException:
            self.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def exit_code(self, timeout_seconds: float | None = 0.0) -> int | None:
        """The code once the process has ended, negative for a signal; None where it has not yet."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout_seconds)
        return None

    def printed(self) -> str:
        """All that was printed."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def last_lines(self) -> str:
        """The end of what was printed."""
        return "\n".join(self.printed().splitlines()[-_TAIL_LINES:])

    def end(self) -> None:
        """End the process, where it still runs, and all that it has started."""
        try:
            if self._process.poll() is None and self._grace_seconds:
                self._signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(self._grace_seconds)
        finally:
            # The leader may be gone while what it started lives on in its group.
            self._signal(getattr(signal, "SIGKILL", signal.SIGTERM))
            self._process.wait()
            self._close()

    def _signal(self, number: int) -> None:
        if sys.platform == "win32":
            self._process.kill()
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _close(self) -> None:
        for channel in self.channels:
            channel.close()
        self._open.close()

    def _start(
        self,
        ends: Sequence[Channel],
        *,
        folder: str | os.PathLike[str] | None,
        flags: Sequence[str],
        environment: Mapping[str, str],
    ) -> subprocess.Popen[bytes]:
        handles = [end.pass_on() for end in ends]
        surroundings = {**os.environ, **environment}
        # A setting for people must not make it stop for input.
        for name in ("PYTHONINSPECT", "PYTHONBREAKPOINT"):
            surroundings.pop(name, None)
        windows = sys.platform == "win32"
        return subprocess.Popen(  # noqa: S603 - our own interpreter and our own module
            [sys.executable, *flags, "-m", "cascade_budget.process", *map(str, handles)],
            cwd=folder,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            close_fds=not windows,
            pass_fds=() if windows else handles,
            # A group of its own: Ctrl-C reaches this process alone, which then ends the group.
            start_new_session=True,
        )


def arguments_of_run(config: pytest.Config) -> list[str]:
    """Arguments of pytest under which another process finds tests as this run has found them.

    Options of plugins and of conftest files are among them, and so are the paths that were given:
    pytest looks there for conftest files that have options of their own. A job's `test` says which
    test is run, and `WorkerPlugin` takes back what only the run itself is to do.
    """
    given = getattr(config, "workerinput", {}).get(XDIST_ARGUMENTS, config.invocation_params.args)
    found = [f"--rootdir={config.rootpath}"]
    if config.inipath is not None:
        found += ["-c", str(config.inipath)]
    return [*found, *map(str, given)]


def working_folder_is_on_path() -> bool:
    """Whether this process imports from its working folder, as `python -m pytest` does."""
    return not {"", str(Path.cwd())}.isdisjoint(sys.path)
