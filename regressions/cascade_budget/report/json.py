"""A report as JSON, for other tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from cascade_budget.model.codec import to_json

if TYPE_CHECKING:
    from cascade_budget.model.report import Report

FORMAT: Final = "cascade-budget-report"
VERSION: Final = 1


def render_json(report: Report) -> str:
    """The report as the schema describes it; pure ASCII, so that any reader takes it.

    Raises:
        ValueError: A number is not finite, which JSON can't say.
    """
    document = {"format": FORMAT, "version": VERSION, **to_json(report)}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"
