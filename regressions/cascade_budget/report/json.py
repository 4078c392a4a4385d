"""The document as JSON, for other tools."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from cascade_budget.model.document import Document

SCHEMA_FILE: Final = "report-1.schema.json"


def render_json(document: Document) -> str:
    """The document as the schema describes it; pure ASCII, so that any reader takes it.

    Raises:
        ValueError: A number is not finite, which JSON can't say.
    """
    return json.dumps(document.to_json(), indent=1, allow_nan=False) + "\n"


def load_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the document."""
    text = files(__package__).joinpath(SCHEMA_FILE).read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text))
