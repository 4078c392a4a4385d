"""How many programs are tried: a few hundred in every run of the tests, ten thousand at night.

`HYPOTHESIS_PROFILE=nightly` picks the larger one. In CI the programs are the same ones each time, so
that a change is judged by itself and not by luck; the nightly ones differ from night to night.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import HealthCheck, settings

_ALWAYS: Final = settings(
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    print_blob=True,
)
settings.register_profile("ci", _ALWAYS, max_examples=200, derandomize=True, database=None)
settings.register_profile("nightly", _ALWAYS, max_examples=10_000)

PROFILE: Final = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
"""The one that was asked for."""

LONGEST_S: Final = max(600, PROFILE.max_examples)
"""Seconds after which a test counts as hung: a second a program, most of it patience."""

HALF: Final = settings(PROFILE, max_examples=PROFILE.max_examples // 2)
"""The same with half as many programs, for what is less likely to find anything."""
