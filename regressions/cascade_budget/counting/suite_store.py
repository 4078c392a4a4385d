"""Counts of suites kept from earlier runs, under a hash of all that they depend on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Final

from cascade_budget.model.suite_counts import FORMAT, decode, encode
from cascade_budget.source.files import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from cascade_budget.counting.suite import SuiteRequest
    from cascade_budget.model.suite_counts import SuiteCounts

KEPT: Final = 64
"""Runs that are kept; the one that was not used for longest goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteStore:
    """A folder of counts, a file a run.

    A store that cannot be read or written is as good as none: nothing is lost but time.

    Attributes:
        folder: Where they are; made when the first one is kept.
    """

    folder: Path

    def find(self, key: str) -> SuiteCounts | None:
        """What is kept under a key, None where there is nothing."""
        file = self._file(key)
        try:
            with file.open(encoding="utf-8") as lines:
                counts = decode(lines)
            os.utime(file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError):
            with contextlib.suppress(OSError):
                file.unlink()
            return None
        return counts

    def keep(self, key: str, counts: SuiteCounts) -> None:
        """Keep the counts of a run."""
        with contextlib.suppress(OSError):
            write_text(self._file(key), encode(counts))
            kept = sorted(
                self.folder.glob("*.jsonl"), key=lambda file: file.stat().st_mtime, reverse=True
            )
            for file in kept[KEPT:]:
                file.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.jsonl"


def suite_key(request: SuiteRequest, digest: str) -> str:
    """The hash of all that a run's counts depend on: files, environment, and how it is counted.

    Args:
        request: What would run.
        digest: Of the files of the project's copy, tests included.
    """

    def inside(folder: Path) -> str:
        return folder.relative_to(request.project).as_posix()

    asked = asdict(request)
    for name in ("label", "project", "origins", "tests"):
        del asked[name]
    asked["working_folder"] = inside(request.working_folder)
    asked["roots"] = [inside(root) for root in request.roots]
    packages = sorted(f"{one.metadata['Name']}=={one.version}" for one in distributions())
    options = os.environ.get("PYTEST_ADDOPTS", "")
    facts = [FORMAT, digest, sys.version, sys.executable, packages, options, asked]
    return hashlib.sha256(json.dumps(facts, default=sorted).encode()).hexdigest()
