"""What runs in a fresh interpreter: one job, or one job in each process that it is forked into.

Started as `python -m cascade_budget.process HANDLE [HANDLE]`. With two handles the process
imports pytest and then forks one process a job: both start from the very same memory, which makes
them differ less than two processes started apart. It then only waits for them.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
from importlib.metadata import entry_points
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

import pytest

import cascade_budget
from cascade_budget.process.channel import Channel
from cascade_budget.process.imports import is_redirected, redirect_imports
from cascade_budget.process.job import Imports, Job
from cascade_budget.process.seeds import seed_hypothesis, seed_plugins, seed_random
from cascade_budget.process.workload import Workload, WorkloadCall
from cascade_budget.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

PLUGIN_NAME: Final = "cascade_budget_worker"
"""Under which the fixture looks for what takes its workloads over."""

SIGNAL_EXIT: Final = 128
"""What a shell adds to the number of the signal that ended a process."""

# Of the run that asked for the job. Taken back here and not by arguments, because an option of a
# plugin that a project has blocked is a usage error. Each would make counts and times depend on
# other processes, on chance, or on another tool's measuring,
_TAKEN_BACK: Final[Mapping[str, Any]] = {
    "benchmark_disable": True,
    "benchmark_only": False,
    "dist": "no",
    "distload": False,
    "no_cov": True,
    "numprocesses": 0,
    "randomly_reorganize": False,
    "tx": [],
    # stop for input,
    "looponfail": False,
    "trace": False,
    "usepdb": False,
    # or write over the reports and temporary files of the run.
    "allure_report_dir": None,
    "basetemp": None,
    "benchmark_json": None,
    "htmlpath": None,
    "json_report": False,
    "log_file": None,
    "pastebin": None,
    "report_log": None,
    "xmlpath": None,
}
#: Each would leave a test out that has been asked for by its name.
_SELECTION: Final[Mapping[str, Any]] = {
    "failedfirst": False,
    "lf": False,
    "newfirst": False,
    "pyargs": False,
    "stepwise": False,
    "stepwise_skip": False,
}
_CACHE_WRITERS: Final = ("lfplugin", "nfplugin")


class WorkerPlugin:
    """The plugin of pytest in a fresh interpreter. What is done with the tests is a subclass's.

    Args:
        channel: To the process that asked for the job.
        job: What it asked for.

    Attributes:
        settled: Whether all has been told that was asked for.
    """

    # What pytest registers a plugin under that it is handed.
    __name__ = PLUGIN_NAME

    own_options: Mapping[str, Any] = MappingProxyType({})
    """Options of pytest that this job needs, by the name that they are kept under."""

    def __init__(self, channel: Channel, job: Job) -> None:
        self.channel = channel
        self.job = job
        self.settled = False

    def run_workload(self, call: WorkloadCall) -> Any:
        """Run a workload of the fixture. Returns what it returned for the smallest size."""
        timeout_seconds = read_settings(call.item.config).timeout_seconds
        with Workload(call.function, timeout_seconds=timeout_seconds) as workload:
            return workload.run(call.sizes[0])

    def finish(self, code: int) -> None:
        """Tell what is left to tell when pytest has ended.

        Args:
            code: The exit code of pytest.
        """

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(
        self, early_config: pytest.Config
    ) -> Generator[None, None, None]:
        """Before plugins read options, and before the first file of the project is imported."""
        self._take_back(early_config.known_args_namespace)
        seed_random(self.job.random_seed)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, Any, Any]:
        """Before plugins are configured: take options back, choose the test."""
        self._take_back(config.option)
        seed_plugins(config.option, self.job.random_seed)
        if self.job.node:
            config.args[:] = [os.path.join(self.job.root, self.job.node)]  # noqa: PTH118 - `::` follows
        return (yield)

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Leave what the last run of the user has noted as it is."""
        for name in _CACHE_WRITERS:
            if config.pluginmanager.has_plugin(name):
                config.pluginmanager.unregister(name=name)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        """Data that a module makes when it is imported is the same in each process."""
        if isinstance(collector, pytest.Module):
            seed_random(self.job.random_seed)
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(
        self,
        config: pytest.Config,  # noqa: ARG002 - subclasses use it
        items: list[pytest.Item],
    ) -> Generator[None, Any, Any]:
        """Keep the test that was asked for, whatever else this run selects."""
        found = list(items)
        yield
        if self.job.node:
            items[:] = found

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Fixtures and the test itself make the same data in each process."""
        seed_random(self.job.random_seed)
        seed_hypothesis()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """End here once all has been told and every fixture torn down.

        What a session does after that is for people to read, and can take longer than a round.
        """
        if self.settled:
            self.end()
            leave(0)

    def end(self) -> None:
        """Say that nothing more will be told."""
        with contextlib.suppress(EOFError):
            self.channel.send({"event": "ended"})

    def _take_back(self, options: Any) -> None:
        selection = _SELECTION if self.job.node else {}
        for name, value in {**_TAKEN_BACK, **selection, **self.own_options}.items():
            if hasattr(options, name):
                setattr(options, name, value)


def run_job(channel: Channel, job: Job) -> int:
    """Do a job, to the end of pytest.

    Returns:
        The exit code of pytest.
    """
    if job.processor is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {job.processor})
    os.chdir(job.folder or job.root)
    redirect_imports(job.imports)
    seed_random(job.random_seed)
    plugin = _plugin_class(job)(channel, job)
    # Instead of a warning that it was imported before pytest could rewrite its assertions.
    cascade_budget.__doc__ = "PYTEST_DONT_REWRITE"
    # As tests find it that read it.
    sys.argv = [pytest.__file__.replace("__init__", "__main__"), *job.arguments]
    elsewhere = ["-o", f"cache_dir={os.path.join(job.scratch, 'cache')}"]  # noqa: PTH118 - text
    if "no:cacheprovider" in job.arguments:
        elsewhere = []
    code = int(pytest.main([*elsewhere, *job.arguments], plugins=[plugin]))
    plugin.finish(code)
    return code


def _plugin_class(job: Job) -> type[WorkerPlugin]:
    found: type[WorkerPlugin] = resolve_name(job.plugin)
    return found


def main(arguments: Sequence[str]) -> int:
    """Be a worker. See the module's docstring for the arguments."""
    channels = [Channel.inherited(int(word)) for word in arguments]
    try:
        jobs = [Job.from_message(channel.receive()) for channel in channels]
    except EOFError:
        # Nobody waits for this process any more.
        return 1
    if len(jobs) == 1:
        return run_job(channels[0], jobs[0])
    for job in jobs:
        _plugin_class(job)
    load_plugins([job.imports for job in jobs])
    return _fork_jobs(list(zip(channels, jobs, strict=True)))


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
    # A plugin that it names may be the code under test.
    own_options = os.environ.pop("PYTEST_ADDOPTS", None)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main(["-VV", "--noconftest", "-c", os.devnull, "--rootdir", os.curdir, *left_out])
    if own_options is not None:
        os.environ["PYTEST_ADDOPTS"] = own_options


def _fork_jobs(jobs: Sequence[tuple[Channel, Job]]) -> int:
    if sys.platform == "win32":
        raise NotImplementedError("two jobs need os.fork, which Windows lacks")
    children = []
    for channel, job in jobs:
        child = os.fork()
        if child == 0:
            for other, _ in jobs:
                if other is not channel:
                    other.close()
            code = run_job(channel, job)
            sys.stdout.flush()
            sys.stderr.flush()
            # Past here lies the parent's work; pytest has run the test's and the session's ends.
            os._exit(code)
        children.append(child)
    for channel, _ in jobs:
        channel.close()
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    # As a shell reports a signal, so that it survives being an exit code.
    return max(code if code >= 0 else SIGNAL_EXIT - code for code in codes)
