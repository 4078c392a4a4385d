"""Censuses kept from earlier runs, under a hash of all that their counts depend on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Final

from cascade_budget.model.suite_counts import (
    FORMAT,
    Census,
    decode,
    encode,
)
from cascade_budget.source.files import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from cascade_budget.process.suite_run import CensusRequest

KEPT: Final = 64
"""Censuses that are kept; the one that was not used for longest goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CensusStore:
    """A folder of censuses.

    A store that cannot be read or written is as good as none: nothing is lost but time.

    Attributes:
        folder: Where they are; made when the first one is kept.
    """

    folder: Path

    def find(self, key: str) -> Census | None:
        """The census kept under a key, None where there is none."""
        file = self._file(key)
        try:
            with file.open(encoding="utf-8") as lines:
                census = decode(lines)
            os.utime(file)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError):
            with contextlib.suppress(OSError):
                file.unlink()
            return None
        return census

    def keep(self, key: str, census: Census) -> None:
        """Keep a census."""
        with contextlib.suppress(OSError):
            write_text(self._file(key), encode(census))
            self._forget()

    def _forget(self) -> None:
        kept = sorted(
            self.folder.glob("*.jsonl"), key=lambda file: file.stat().st_mtime, reverse=True
        )
        for file in kept[KEPT:]:
            file.unlink(missing_ok=True)

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}.jsonl"


def census_key(request: CensusRequest, digest: str) -> str:
    """The hash of all that a census depends on: files, environment, and how it is taken.

    Args:
        request: What would run.
        digest: Of the files of the project's copy.
    """
    project = request.project
    packages = sorted(
        f"{distribution.metadata['Name']}=={distribution.version}"
        for distribution in distributions()
    )
    facts = [
        FORMAT,
        digest,
        sys.version,
        sys.executable,
        packages,
        request.working_folder.relative_to(project).as_posix(),
        [root.relative_to(project).as_posix() for root in request.roots],
        request.arguments,
        request.packages,
        sorted(request.attribute)
        if isinstance(request.attribute, frozenset)
        else request.attribute,
        None if request.only is None else sorted(request.only),
        request.hash_seed,
        request.garbage,
        request.warm_ups,
        request.shuffle,
        request.random_seed,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
