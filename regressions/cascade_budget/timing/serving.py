"""What a fresh process does for a timing: runs chunks of one workload as they are asked for."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import re
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from pkgutil import resolve_name
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, final

import pytest

from cascade_budget.process.failures import Failure, describe_failure
from cascade_budget.process.imports import imported_files
from cascade_budget.process.worker import WorkerPlugin
from cascade_budget.process.workload import Workload
from cascade_budget.timing.clocks import Meter
from cascade_budget.timing.obstacles import timing_obstacle

if TYPE_CHECKING:
    from cascade_budget.process.channel import Message
    from cascade_budget.process.workload import WorkloadCall

_NO_TEST: Final = (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_PREVIEW_LENGTH = 60


@final
class ServeTiming(WorkerPlugin):
    """Runs the workload of one call of the fixture as often as it is asked to.

    The requests are `run`, `result`, `settle`, `profile` and `done`. Each is answered by one
    message whose `event` says what it is: `ready` before the first request, then `cost`, `result`,
    `settled` or `profile`; `failed` instead of any; `ended` after the last.
    """

    # What a test prints is kept for the error of a process that dies.
    own_options = MappingProxyType({"capture": "no"})

    def run_workload(self, call: WorkloadCall) -> Any:
        """Serve the workload if it is the one asked for.

        Returns:
            What the workload returned for the smallest size.
        """
        with Workload(call.function) as workload:
            if call.ordinal == self.job.task["ordinal"]:
                # Where the other side is gone the test ends as it would.
                with contextlib.suppress(EOFError):
                    self._serve(workload, call.n)
                self.settled = True
            return workload.run(call.sizes[0])

    def _serve(self, workload: Workload, n: int) -> None:
        imported = self._code_under_test()
        self.channel.send(
            {"event": "ready", "n": n, "obstacle": timing_obstacle(), "imported": imported}
        )
        run, meter = workload.perform, Meter()
        while True:
            request = self.channel.receive()
            if request["do"] == "run":
                size, repeat = request["n"], range(request["repeat"])
                meter.start()
                for _ in repeat:
                    run(size)
                answer = {"event": "cost", **asdict(meter.stop())}
            elif request["do"] == "result":
                digest, preview = digest_result(run(request["n"]))
                answer = {"event": "result", "digest": digest, "preview": preview}
            elif request["do"] == "settle":
                # What was made so far is no garbage and need not be looked at again: a collection
                # that falls into a chunk pays for the chunk's own objects.
                gc.collect()
                gc.freeze()
                answer = {"event": "settled"}
            elif request["do"] == "profile":
                answer = {"event": "profile", **self._profile(workload, request)}
            else:
                return
            self.channel.send(answer)

    def _profile(self, workload: Workload, request: Message) -> Message:
        # The sampler is above this room, and loaded where it is used.
        answer: Message = resolve_name(self.job.task["profile"])(
            workload,
            request["n"],
            own_roots=[self.job.root, *self._folders()],
            # On both sides, where only base has a release's code from a folder of its own.
            packages=self.job.imports.forgotten,
            plan=request["plan"],
        )
        return answer

    def _folders(self) -> list[str]:
        imports = self.job.imports
        return [folder for folder in (*imports.roots, imports.package_folder) if folder]

    def _code_under_test(self) -> list[str]:
        """What was imported of it; neither the test's own file nor a conftest."""
        test = Path(self.job.root, self.job.node.partition("::")[0])
        return [
            file
            for file in imported_files(self._folders())
            if Path(file) != test and Path(file).name != "conftest.py"
        ]

    def _fail(self, failure: Failure) -> None:
        """Tell why there is no workload, once."""
        if not self.settled:
            self.settled = True
            with contextlib.suppress(EOFError):
                self.channel.send({"event": "failed", **asdict(failure)})

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, call: pytest.CallInfo[Any]) -> None:
        """An error in collection, set-up or the test itself."""
        if call.excinfo is not None:
            self._fail(describe_failure(call.excinfo.value, self.job.root))

    def pytest_runtest_logreport(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """A skip; skips do not interact."""
        if report.skipped:
            why = report.longrepr
            reason = str(why[2] if isinstance(why, tuple) else why).removeprefix("Skipped: ")
            self._fail(Failure(kind="skipped", message=reason, missing=True))

    # A skip of the whole module.
    pytest_collectreport = pytest_runtest_logreport

    def finish(self, code: int) -> None:
        """Say that the workload has not been reached, where nothing else did."""
        message = f"the test made no call number {self.job.task['ordinal']} of cascade_budget"
        if missing := code in _NO_TEST:
            message = f"no test {self.job.node} (pytest ended with {code})"
        self._fail(Failure(kind="not found", message=message, missing=missing))
        self.end()


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
    elif is_dataclass(value) and not isinstance(value, type):
        inside = [
            f"{field.name}={_describe(getattr(value, field.name, None), depth + 1)}"
            for field in fields(value)
        ]
    else:
        return f"{kind} {_ADDRESS.sub('', repr(value))}"
    return f"{kind}({', '.join(inside)})"
