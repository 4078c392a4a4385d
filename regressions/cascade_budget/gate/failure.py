"""The outcome of a test that is over its budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from _pytest.outcomes import Failed

from cascade_budget.report.terminal import failure_word

if TYPE_CHECKING:
    from cascade_budget.model.findings import WorkloadFinding


@final
class OverBudget(Failed):
    """A failure like any other to xfail, JUnit and xdist, but without a traceback: no line failed.

    Args:
        text: the whole explanation.
        findings: what it rests on.
    """

    __module__ = "builtins"  # as pytest's own outcomes: summaries print the qualified name

    def __init__(self, text: str, findings: tuple[WorkloadFinding, ...]) -> None:
        self.findings = findings
        self.word = failure_word(findings)
        super().__init__(msg=text, pytrace=False)
