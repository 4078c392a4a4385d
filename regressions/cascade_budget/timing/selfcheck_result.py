"""What a machine has been seen to hold of what the throughput gate promises, kept in the cache."""

from __future__ import annotations

import json
from collections.abc import Mapping  # noqa: TC003 - `from_json` reads the annotations
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from cascade_budget.model.codec import from_json, to_json
from cascade_budget.source.cache import cache_folder
from cascade_budget.source.files import write_text
from cascade_budget.timing.calibration import machine_kind, python_key

if TYPE_CHECKING:
    from pathlib import Path

VERSION: Final = 1


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SelfCheckResult:
    """The outcome of a self-check.

    Attributes:
        holds: Whether the promise held as far as so many trials can tell.
        date: When, as ISO 8601 without a time.
        false_alarms: Verdicts on equal code that were REGRESSED.
        trials: Verdicts on equal code.
        found: By injected slowdown, "2%": verdicts that were REGRESSED, and all of them.
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
        """Verdicts that were REGRESSED at an injected slowdown, and all of them."""
        return self.found.get(share_name(slowdown), (0, 0))


def share_name(share: float) -> str:
    """How `SelfCheckResult.found` names a slowdown: 0.02 is "2%"."""
    return f"{100 * share:g}%"


def result_path() -> Path:
    """Where the result of this machine and Python is kept."""
    return cache_folder() / "selfchecks" / f"{machine_kind()}-{python_key()}.json"


def read_result() -> SelfCheckResult | None:
    """The result of this machine and Python; None where there is none that can be read."""
    try:
        document = json.loads(result_path().read_text(encoding="utf-8"))
        return from_json(SelfCheckResult, document) if document["version"] == VERSION else None
    except (OSError, ValueError, KeyError, TypeError):
        # One that cannot be read says nothing; the next self-check writes it anew.
        return None


def write_result(result: SelfCheckResult) -> Path:
    """Keep a result, in place of an earlier one.

    Returns:
        Where it is.

    Raises:
        OSError: It can't be written; the earlier one is as it was.
    """
    return write_text(
        result_path(), json.dumps({"version": VERSION, **to_json(result)}, indent=2) + "\n"
    )
