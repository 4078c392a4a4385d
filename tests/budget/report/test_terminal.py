from __future__ import annotations

from cascade_budget.judge.findings import CallVerdict, Site, TargetFinding, WorkloadFinding
from cascade_budget.report.terminal import failure_text


def test_a_call_site_too_wide_for_the_window_leaves_no_blank_line() -> None:
    function = "signature_on_every_resolve.<locals>.resolve_the_arguments"
    finding = WorkloadFinding(
        key="test_load.py::test_load",
        test="test_load.py::test_load",
        title="test_load",
        n=1_000,
        sizes=(1, 2, 3, 4),
        targets=(
            TargetFinding(
                target="inspect:signature",
                verdict=CallVerdict.EXCEEDED,
                sentence="n calls, budget 0: never has become once per transaction",
                budget="0",
                origin="marker",
                sites=(
                    Site(path="app/loading.py", line=33, function=function, calls=4),
                    Site(path="app/a.py", line=1, function="f", calls=1, changed_since="main"),
                ),
                sites_at=4,
            ),
        ),
    )
    assert failure_text([finding], test=finding.test).splitlines() == [
        "test_load: over budget, counted at n = 1, 2, 3, 4",
        "  inspect:signature  n calls, budget 0: never has become once per transaction",
        f"    app/loading.py:33 in {function}          4 at n = 4",
        "    app/a.py:1 in f                                           1 at n = 4",
        "      changed since main",
        "  the marker holds the budget: change the code, or the number there",
    ]
