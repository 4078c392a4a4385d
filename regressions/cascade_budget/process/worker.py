"""A worker process: runs one test under pytest up to the fixture call, and serves its workload.

Started as `python -m cascade_budget.process HANDLE [HANDLE]`. With two handles the process
imports pytest and then forks one process a side: both start from the very same memory, which makes
them differ less than two processes started apart. It then only waits for them.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
from dataclasses import asdict
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, Protocol, final

import pytest

from cascade_budget.process.channel import (
    Channel,
    Failure,
    Imports,
    Message,
    SideSpec,
    open_channel,
)
from cascade_budget.process.failures import describe_failure
from cascade_budget.process.imports import (
    imported_files,
    is_redirected,
    redirect_imports,
)
from cascade_budget.process.seeds import (
    seed_plugins,
    seed_random,
)
from cascade_budget.process.workload import Workload
from cascade_budget.timing.serving import serve_workload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PLUGIN_NAME", "HandOver", "leave", "main"]

PLUGIN_NAME: Final = "cascade_budget_worker"
"""Under which the fixture looks for what takes its workloads over."""

SIGNAL_EXIT: Final = 128

#: pytest would rewrite this package's assertions, but it is the one that has started pytest here.
_OWN_WARNING: Final = "ignore:Module already imported so cannot be rewritten; cascade_budget"
_NO_TEST: Final = (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)


class ServedCall(Protocol):
    """What of a call of the fixture is read here."""

    @property
    def ordinal(self) -> int:
        """1 for the first call in the test."""

    @property
    def function(self) -> Callable[[int], Any]:
        """Performs n transactions; may be a coroutine function."""

    @property
    def n(self) -> int:
        """Transactions at which throughput is measured."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Transactions at which calls are counted, rising."""


@final
class HandOver:
    """Takes the workload over from the fixture, and tells the gate when there is none to take.

    Args:
        channel: To the gate.
        spec: The side that this process is.
    """

    def __init__(self, channel: Channel, spec: SideSpec) -> None:
        self._channel = channel
        self._spec = spec
        self.settled = False

    def drive(self, call: ServedCall) -> Any:
        """Serve the workload if it is the one asked for.

        Args:
            call: As the fixture makes it.

        Returns:
            What the workload returned for the smallest size.
        """
        with Workload(call.function) as workload:
            if call.ordinal == self._spec.ordinal:
                serve_workload(
                    workload.perform,
                    call.n,
                    self._channel,
                    self._code_under_test(),
                    lambda request: self._profile(workload, request),
                )
                self.settled = True
            return workload.run(call.sizes[0])

    def _profile(self, workload: Workload, request: Message) -> Message:
        from cascade_budget.profiling.answering import answer_profile  # noqa: PLC0415 - the sampler is loaded where it is used

        imports = self._spec.imports
        folders = [self._spec.root, *imports.roots, imports.package_folder]
        return answer_profile(
            workload,
            request["n"],
            own_roots=[folder for folder in folders if folder],
            packages=request["packages"],
            plan=request["plan"],
        )

    def _code_under_test(self) -> list[str]:
        """What was imported of it; neither the test's own file nor a conftest."""
        imports = self._spec.imports
        folders = [folder for folder in (*imports.roots, imports.package_folder) if folder]
        test = Path(self._spec.root, self._spec.node.partition("::")[0])
        return [
            file
            for file in imported_files(folders)
            if Path(file) != test and Path(file).name != "conftest.py"
        ]

    def fail(self, failure: Failure) -> None:
        """Tell the gate why there is no workload, once."""
        if not self.settled:
            self.settled = True
            with contextlib.suppress(EOFError):
                self._channel.send({"event": "failed", **asdict(failure)})

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Before a plugin draws a seed of its own."""
        seed_plugins(config.option, self._spec.seed)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> None:
        """Fixtures and the test itself make the same data on both sides."""
        seed_random(self._spec.seed)

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, call: pytest.CallInfo[Any]) -> None:
        """An error in collection, set-up or the test itself."""
        if call.excinfo is not None:
            self.fail(describe_failure(call.excinfo.value, self._spec.root))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """End here once the workload has been served and every fixture torn down.

        What a session does after that is for people to read, and can take longer than a round.
        """
        if self.settled:
            with contextlib.suppress(EOFError):
                self._channel.send({"event": "ended"})
            leave(0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A skip; skips do not interact."""
        if report.skipped:
            self._fail_skipped(report.longrepr)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A skip of the whole module."""
        if report.skipped:
            self._fail_skipped(report.longrepr)

    def _fail_skipped(self, longrepr: object) -> None:
        reason = longrepr[2] if isinstance(longrepr, tuple) else str(longrepr)
        reason = str(reason).removeprefix("Skipped: ")
        self.fail(Failure(kind="skipped", message=reason, missing=True))


@final
class _Registrar:
    """Gives the hand-over its name: `pytest.main` registers what it is handed without one."""

    def __init__(self, hand_over: HandOver) -> None:
        self._hand_over = hand_over

    @pytest.hookimpl(tryfirst=True)
    def pytest_addoption(self, pluginmanager: pytest.PytestPluginManager) -> None:
        """Register it before any plugin is configured."""
        pluginmanager.register(self._hand_over, PLUGIN_NAME)


def run_side(channel: Channel, spec: SideSpec) -> int:
    """Be one side, to the end of the test.

    Returns:
        The exit code of pytest.
    """
    if spec.cpu is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {spec.cpu})
    os.chdir(spec.root)
    redirect_imports(spec.imports)
    seed_random(spec.seed)
    hand_over = HandOver(channel, spec)
    code = pytest.main(
        ["-W", _OWN_WARNING, *spec.arguments, "--capture=no", spec.node],
        plugins=[_Registrar(hand_over)],
    )
    if code in _NO_TEST:
        message = f"no test {spec.node} (pytest ended with {int(code)})"
        hand_over.fail(Failure(kind="not found", message=message, missing=True))
    elif not hand_over.settled:
        message = f"the test made no call number {spec.ordinal} of cascade_budget"
        hand_over.fail(Failure(kind="not found", message=message))
    channel.send({"event": "ended"})
    return int(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Be a worker. See the module's docstring for the arguments."""
    handles = [int(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    channels = [open_channel(handle) for handle in handles]
    try:
        sides = [(channel, SideSpec.from_message(channel.receive())) for channel in channels]
        if len(sides) == 1:
            return run_side(*sides[0])
        load_plugins([spec.imports for _, spec in sides])
        return _fork_sides(sides)
    except EOFError:
        # The gate is gone; nobody waits for this process any more.
        return 1


def leave(code: int) -> NoReturn:
    """End this process, past the taking down of the interpreter: nobody needs its memory in order.

    What was registered with `atexit` is called.
    """
    atexit._run_exitfuncs()  # noqa: SLF001 - documented by use in multiprocessing
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def load_plugins(sides: Sequence[Imports]) -> None:
    """Have pytest load the plugins that both sides share, so that they are loaded but once.

    pytest itself must load them: it rewrites their assertions, and warns of those that somebody
    else has imported before. Plugins that are the code under test are left out, and so is every
    conftest: what it imports is each side's own.
    """
    left_out = [
        f"-pno:{entry.name}"
        for entry in entry_points(group="pytest11")
        if any(is_redirected(entry.module, imports) for imports in sides)
    ]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main(["-VV", "--noconftest", "-c", os.devnull, "--rootdir", os.curdir, *left_out])


def _fork_sides(sides: Sequence[tuple[Channel, SideSpec]]) -> int:
    if sys.platform == "win32":
        raise NotImplementedError("two handles need os.fork, which Windows lacks")
    children = []
    for channel, spec in sides:
        child = os.fork()
        if child == 0:
            for other, _ in sides:
                if other is not channel:
                    other.close()
            try:
                code = run_side(channel, spec)
            except EOFError:
                code = 1
            sys.stdout.flush()
            sys.stderr.flush()
            # Past here lies the parent's work; pytest has run the test's and the session's ends.
            os._exit(code)
        children.append(child)
    for channel, _ in sides:
        channel.close()
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    # As a shell reports a signal, so that it survives being an exit code.
    return max(code if code >= 0 else SIGNAL_EXIT - code for code in codes)
