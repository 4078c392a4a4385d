"""The report's formats: each a function from a document to text, that touches no file."""

from __future__ import annotations
