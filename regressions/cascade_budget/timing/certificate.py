"""What a machine has been seen to hold of the gauge's promise, kept in the cache."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, final

from cascade_budget.source.cache import cache_folder
from cascade_budget.timing.calibration import machine_kind, python_key

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Certificate", "certificate_path", "read_certificate", "share_name", "write_certificate"]

VERSION: Final = 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The outcome of a self-check.

    Attributes:
        holds: Whether the promise held as far as so many trials can tell.
        date: When, as ISO 8601 without a time.
        false_alarms: Verdicts on equal code that were REGRESSED.
        trials: Verdicts on equal code.
        found: By slowdown put there, "2%": verdicts that were REGRESSED, and all of them.
        smallest_detected: The smallest slowdown that was found every time; None for none.
        seconds: What a verdict on equal code took, the median.
    """

    holds: bool
    date: str
    false_alarms: int
    trials: int
    found: Mapping[str, tuple[int, int]]
    smallest_detected: float | None
    seconds: float

    def found_at(self, slowdown: float) -> tuple[int, int]:
        """Verdicts that were REGRESSED at a slowdown that was put there, and all of them."""
        return self.found.get(share_name(slowdown), (0, 0))


def share_name(share: float) -> str:
    """How `Certificate.found` names a slowdown: 0.02 is "2%"."""
    return f"{100 * share:g}%"


def certificate_path() -> Path:
    """Where the certificate of this machine and Python is kept."""
    return cache_folder() / "certificates" / f"{machine_kind()}-{python_key()}.json"


def read_certificate() -> Certificate | None:
    """The certificate of this machine and Python; None where there is none that can be read."""
    try:
        document = json.loads(certificate_path().read_text(encoding="utf-8"))
        if document.pop("version") != VERSION:
            return None
        found = {share: (hits, tries) for share, (hits, tries) in document.pop("found").items()}
        return Certificate(found=found, **document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # One that cannot be read certifies nothing; the next self-check writes it anew.
        return None


def write_certificate(certificate: Certificate) -> Path:
    """Keep a certificate, in place of an earlier one.

    Returns:
        Where it is.

    Raises:
        OSError: It can't be written; the earlier one is as it was.
    """
    path = certificate_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"version": VERSION, **asdict(certificate)}, indent=2) + "\n"
    handle, name = tempfile.mkstemp(prefix="certificate-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path
