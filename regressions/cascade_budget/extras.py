"""What only an extra installs: asked for before anything runs, with the line to type."""

from __future__ import annotations

from importlib.util import find_spec

from cascade_budget.errors import UsageError


class MissingExtraError(UsageError):
    """What was asked for needs a library that only an extra installs.

    Args:
        subject: what was asked for, such as an option.
        module: the library's import name.
        extra: the extra that installs it.
    """

    def __init__(self, subject: str, *, module: str, extra: str) -> None:
        self.module = module
        self.extra = extra
        super().__init__(f"{subject} needs {module}: pip install 'pytest-cascade-budget[{extra}]'")


def require_throughput(subject: str) -> None:
    """Look, without importing it, whether scipy is there for the statistics of throughput.

    Args:
        subject: what needs it, such as an option.

    Raises:
        MissingExtraError: scipy is not installed.
    """
    if find_spec("scipy") is None:
        raise MissingExtraError(subject, module="scipy", extra="throughput")
