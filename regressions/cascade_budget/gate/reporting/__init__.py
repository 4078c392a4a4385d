"""What a run tells beside its verdicts: lines that changed, profiles, reports in files."""

from __future__ import annotations
