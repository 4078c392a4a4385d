"""What only an extra installs: asked for before anything runs, with the line to type."""

from __future__ import annotations

from importlib.util import find_spec

from cascade_budget.errors import UsageError


def require_throughput(subject: str) -> None:
    """Look, without importing it, whether scipy is there for the statistics of throughput.

    Args:
        subject: what needs it, such as an option.

    Raises:
        UsageError: scipy is not installed.
    """
    if find_spec("scipy") is None:
        raise UsageError(f"{subject} needs scipy: pip install 'pytest-cascade-budget[throughput]'")
