"""Counting elsewhere: a fresh process runs the one test, counts, and reports through a file."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, final

from cascade_budget.errors import ColdRunError
from cascade_budget.settings import PROBE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from cascade_budget.counting import CallCounts

_STARTUP_SECONDS: Final = 120.0
_TAIL_LINES: Final = 15


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOrder:
    """What a fresh process is asked for.

    Attributes:
        output: where it writes what it counted.
        ordinal: the call of the fixture to count; 0 for the whole test.
        size: transactions; 0 for the whole test.
        attribute: whether to note where calls come from.
        warm: whether to count a second run, and not the first.
    """

    output: str
    ordinal: int
    size: int
    attribute: bool
    warm: bool

    @classmethod
    def take(cls) -> Self | None:
        """The order that this process was started with; None where it is an ordinary run.

        It is taken out of the environment, for a test may start processes of its own.
        """
        text = os.environ.pop(PROBE_VARIABLE, None)
        return cls(**json.loads(text)) if text else None

    def answer(self, counts: CallCounts) -> None:
        """Report what was counted."""
        Path(self.output).write_bytes(pickle.dumps(counts))


def count_in_fresh_process(
    item: pytest.Item,
    *,
    ordinal: int,
    timeout_seconds: float | None,
    attribute: bool = False,
    warm: bool = False,
    hash_seed: int | None = None,
) -> Callable[[int], CallCounts]:
    """A function that counts a run at a size in a process of its own.

    Args:
        item: the test.
        ordinal: the call of the fixture; 0 for the whole test.
        timeout_seconds: the longest that a run may take, beside the process's start; None for no
            limit.
        attribute: whether to note where calls come from.
        warm: whether to count a second run, and not the first.
        hash_seed: PYTHONHASHSEED there, from 0 to 4294967295; None for this process's own setting.

    Returns:
        A function of the size, 0 for the whole test, that raises ColdRunError where the process
        ended without reporting.
    """

    def count(size: int) -> CallCounts:
        with tempfile.TemporaryDirectory(prefix="cascade-budget-") as folder:
            output = Path(folder) / "counts"
            order = ProbeOrder(
                output=str(output), ordinal=ordinal, size=size, attribute=attribute, warm=warm
            )
            log = _run(item, order, timeout_seconds, hash_seed)
            if not output.exists():
                at = f" at n = {size}" if size else ""
                raise ColdRunError(
                    f"a fresh process for {item.nodeid}{at} ended without counting",
                    remedy=f"It printed:\n{log}",
                )
            counts: CallCounts = pickle.loads(output.read_bytes())  # noqa: S301 - our own process wrote it
            return counts

    return count


def _run(
    item: pytest.Item, order: ProbeOrder, timeout_seconds: float | None, hash_seed: int | None
) -> str:
    """Run the test alone. Returns the last lines that it printed."""
    environment = {**os.environ, PROBE_VARIABLE: json.dumps(asdict(order))}
    if hash_seed is not None:
        environment["PYTHONHASHSEED"] = str(hash_seed)
    runs = 1 + order.warm
    limit = None if timeout_seconds is None else runs * timeout_seconds + _STARTUP_SECONDS
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and the user's own arguments
            [sys.executable, *_python_flags(), "-m", "pytest", *pytest_arguments(item)],
            cwd=item.config.invocation_params.dir,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise ColdRunError(
            f"a fresh process for {item.nodeid} did not end within {limit:g} seconds",
            remedy="Make the workload smaller, or raise cascade_budget_timeout in the ini file",
        ) from error
    return "\n".join(done.stdout.splitlines()[-_TAIL_LINES:])


def pytest_arguments(item: pytest.Item) -> list[str]:
    """Arguments of pytest that run one test alone, as this run would have found it.

    Options of plugins and conftest files are not passed on; put those that a test needs into
    `addopts`.
    """
    config = item.config
    option = config.option
    arguments = [f"{config.rootpath}{os.sep}{item.nodeid}", f"--rootdir={config.rootpath}"]
    if config.inipath is not None:
        arguments += ["-c", str(config.inipath)]
    for plugin in getattr(option, "plugins", None) or ():
        arguments += ["-p", plugin]
    for override in getattr(option, "override_ini", None) or ():
        arguments += ["-o", override]
    for warning in getattr(option, "pythonwarnings", None) or ():
        arguments += ["-W", warning]
    if getattr(option, "confcutdir", None):
        arguments.append(f"--confcutdir={option.confcutdir}")
    arguments.append(f"--import-mode={option.importmode}")
    if config.pluginmanager.hasplugin("xdist"):
        arguments.append("-n0")
    if config.pluginmanager.hasplugin("_cov"):
        arguments.append("--no-cov")
    if hasattr(option, "benchmark_disable"):
        arguments.append("--benchmark-disable")
    return [*arguments, "-p", "no:cacheprovider"]


def _python_flags() -> list[str]:
    """`-m` puts the working folder on the path; leave it off where this process has it off."""
    here = {"", str(Path.cwd())}
    return [] if here & set(sys.path) else ["-P"]
