"""The files of profiles: their names, and writing them so that a failure loses nothing else."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from cascade_budget.settings import Settings

PROFILES: Final = "profiles"
"""Folder of the profiles inside that of the reports."""

_LONGEST: Final = 100


def profile_folder(settings: Settings) -> Path | None:
    """Where profiles go; None where they are shown and not kept."""
    if settings.profile is not None:
        return settings.profile
    return settings.report / PROFILES if settings.report is not None else None


def file_stem(key: str) -> str:
    """A file name for a test's key: its readable part, and a digest where that lost something."""
    stem = re.sub(r"[^A-Za-z0-9_.]+", "-", key).strip("-.")
    if stem == key:
        return stem
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{stem[-_LONGEST:].lstrip('-.') or 'test'}-{digest}"
