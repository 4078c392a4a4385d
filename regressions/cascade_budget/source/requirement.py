"""A release as base: installed into a folder of its own, so that the environment stays as it is."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from typing import TYPE_CHECKING, Final, final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cascade_budget.errors import UsageError
from cascade_budget.source.cache import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_TAIL_LINES: Final = 8
_INSTALL_SECONDS: Final = 600.0
#: These run the worker itself; a release may not bring its own.
_OWN: Final = frozenset({"pluggy", "pytest", "pytest-cascade-budget"})


class BaseInstallError(UsageError):
    """The release that was named as base cannot be installed."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledBase:
    """A release in a folder.

    Attributes:
        distribution: Its name, normalized.
        version: Its version.
        folder: Where it and what it needs are installed.
        packages: Top-level import names to take from there.
    """

    distribution: str
    version: str
    folder: Path
    packages: tuple[str, ...]

    @property
    def label(self) -> str:
        """As reports call it."""
        return f"{self.distribution} {self.version}"


def parse_requirement(word: str) -> Requirement | None:
    """The requirement that a word is; None where it rather is a revision.

    `name==1.2`, `name<2` and `name @ https://...` are requirements; a bare name is a branch.
    """
    try:
        requirement = Requirement(word)
    except InvalidRequirement:
        return None
    has_address = requirement.url is not None and "://" in requirement.url
    return requirement if requirement.specifier or has_address else None


def install_base(requirement: Requirement, cache: Path) -> InstalledBase:
    """Install a release, or find it where an earlier run has installed it.

    What it needs is installed at the versions that this environment has, so that base and head
    differ in the release alone; where that is impossible, at the versions that it asks for, and
    then those are part of the difference.

    Args:
        requirement: The release. One that names a single version is kept, any other is resolved
            anew each time.
        cache: Folder to keep it in.

    Raises:
        BaseInstallError: It cannot be installed, or this environment has no release to compare.
    """
    name = canonicalize_name(requirement.name)
    if name in _OWN:
        raise BaseInstallError(
            f"{requirement.name} runs the tests of both sides, so it can't differ between them",
            remedy="Name a library that the workload calls",
        )
    if all(canonicalize_name(d.name) != name for d in distributions()):
        raise BaseInstallError(
            f"{requirement.name} is not installed here, so there is no head to compare with "
            f"{requirement}",
            remedy="Install the release that is to be judged in this environment",
        )
    pins = _pins(without=name)
    folder = cache / _key(requirement, pins)
    if not folder.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with scratch_folder() as scratch:
            made = scratch / "packages"
            _install(requirement, made, pins)
            # Two runs at once may both get here; whoever comes second uses what is there.
            with contextlib.suppress(OSError):
                made.rename(folder)
    found = {canonicalize_name(d.name): d for d in distributions(path=[str(folder)])}
    base = found.get(name)
    if base is None:
        shutil.rmtree(folder, ignore_errors=True)
        raise BaseInstallError(
            f"{requirement} was installed without its metadata", remedy="Name another release"
        )
    pinned = (folder / _PINNED).is_file()
    chosen = [base] if pinned else [d for key, d in found.items() if key not in _OWN]
    return InstalledBase(
        distribution=name,
        version=base.version,
        folder=folder,
        packages=tuple(sorted({one for d in chosen for one in _import_names(d)})),
    )


_PINNED: Final = "cascade-budget-pinned"
"""Left in a folder in which everything but the release itself is at this environment's versions."""


def _key(requirement: Requirement, pins: Iterable[str]) -> str:
    single = [s for s in requirement.specifier if s.operator in ("==", "===")]
    exact = any("*" not in s.version for s in single)
    parts = [str(requirement), sys.version, sysconfig.get_platform(), *pins]
    if not exact:
        parts.append(str(os.getpid()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _pins(*, without: str) -> list[str]:
    pins = {
        canonicalize_name(d.name): d.version
        for d in distributions()
        if d.metadata["Name"] and d.read_text("direct_url.json") is None
    }
    return [f"{name}=={version}" for name, version in sorted(pins.items()) if name != without]


def _install(requirement: Requirement, folder: Path, pins: list[str]) -> None:
    command = _installer(folder)
    environment = {**os.environ, "PIP_USER": "0", "PIP_NO_INPUT": "1"}
    constraints = folder.parent / "constraints.txt"
    constraints.write_text("\n".join(pins), encoding="utf-8")
    printed = ""
    for arguments in (["--constraint", str(constraints)], []):
        shutil.rmtree(folder, ignore_errors=True)
        try:
            done = subprocess.run(  # noqa: S603 - an installer; the requirement is the user's own
                [*command, *arguments, str(requirement)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                timeout=_INSTALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            printed = f"it took more than {_INSTALL_SECONDS:g} seconds"
            break
        if done.returncode == 0:
            if arguments:
                (folder / _PINNED).touch()
            return
        printed = done.stdout
    tail = "\n".join(printed.strip().splitlines()[-_TAIL_LINES:])
    raise BaseInstallError(
        f"the base {requirement} cannot be installed",
        remedy=f"Name a release that has a build for this Python. The installer said:\n{tail}",
    )


def _installer(folder: Path) -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
    elif uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--python", sys.executable]
    else:
        raise UsageError(
            "there is neither pip in this environment nor uv on the PATH, so a release cannot be "
            "installed as base",
            remedy="Install pip: python -m ensurepip",
        )
    return [*command, "--quiet", "--target", str(folder)]


def _import_names(distribution: Distribution) -> set[str]:
    names = set()
    for file in distribution.files or ():
        top = file.parts[0]
        if top.endswith((".dist-info", ".data", ".egg-info")) or top in {"..", "bin", "Scripts"}:
            continue
        if len(file.parts) > 1 or top.endswith((".py", ".so", ".pyd")):
            names.add(top.partition(".")[0])
    return names - {"__pycache__"}
