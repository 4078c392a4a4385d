from __future__ import annotations

from cascade_budget.model.findings import (
    CallVerdict,
    Site,
    TargetFinding,
    TimeFinding,
    TimeVerdict,
    WorkloadFinding,
)
from cascade_budget.model.profiles import (
    ChangedFunction,
    FunctionDifference,
    FunctionKey,
    ProfileDifference,
    ProfileFinding,
)
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
                sentence="n calls, budget 0: was never called, is now called once per transaction",
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
        "  inspect:signature",
        "    n calls, budget 0: was never called, is now called once per transaction",
        f"    app/loading.py:33 in {function}          4 at n = 4",
        "    app/a.py:1 in f                                           1 at n = 4",
        "      changed since main",
        "  the budget is fixed in the test's marker: fix the code or edit the marker",
    ]


def slower(difference: ProfileDifference, **changes: object) -> WorkloadFinding:
    return WorkloadFinding(
        key="test_load.py::test_load",
        test="test_load.py::test_load",
        title="test_load",
        n=1_000,
        sizes=(1, 2, 3, 4),
        time=TimeFinding(verdict=TimeVerdict.TOO_SLOW, base="main", reason="by 3.0 %"),
        profile=ProfileFinding(clock="cpu", difference=difference, **changes),
    )


def difference(*functions: FunctionDifference, entry: FunctionDifference | None = None):
    return ProfileDifference(
        functions=functions,
        entry=entry,
        compared=12,
        base_ns=6_000.0,
        head_ns=9_100.0,
        confidence=0.99,
        pairs=12,
        overhead_ratio=1.8,
        clock="cpu",
    )


def grown(key: FunctionKey, path: str, line: int, ns: float) -> FunctionDifference:
    return FunctionDifference(
        key=key, path=path, line=line, base_ns=0.0, head_ns=ns, error_ns=120.0
    )


def test_what_most_of_a_slowdown_is_below_stands_over_the_functions_it_is_spent_in() -> None:
    finding = slower(
        difference(
            grown(FunctionKey("app.build:add"), "app/build.py", 9, 3_000.0),
            entry=grown(FunctionKey("app.load:check"), "app/load.py", 12, 9_000.0),
        )
    )
    assert failure_text([finding], test=finding.test).splitlines() == [
        "test_load: too slow, counted at n = 1, 2, 3, 4",
        "  throughput  too slow: by 3.0 %",
        "    +9.00 µs a transaction ± 120 ns in app.load:check and what it calls",
        "      app/load.py:12",
        "    app.build:add  +3.00 µs a transaction ± 120 ns",
    ]


def test_a_function_that_is_both_is_named_once() -> None:
    one = grown(FunctionKey("json:dumps", "app.load:check"), "app/load.py", 12, 9_000.0)
    finding = slower(difference(one, entry=one))
    assert failure_text([finding], test=finding.test).splitlines()[2:] == [
        "    +9.00 µs a transaction ± 120 ns in check > json.dumps and what it calls",
        "      app/load.py:12",
    ]


def test_what_changed_and_ran_is_named_where_no_function_stands_out() -> None:
    edits = (
        ChangedFunction(
            function="app.load:weigh",
            path="app/load.py",
            line=1,
            read="ROUNDS",
            share=0.86,
            since="main",
        ),
        ChangedFunction(
            function="app.load:Shop.price",
            path="app/load.py",
            line=16,
            read="",
            share=0.02,
            since="main",
        ),
    )
    finding = slower(difference(), changed=edits)
    assert failure_text([finding], test=finding.test).splitlines()[2:] == [
        "    no function's self time differs by more than its error",
        "    changed since main and run here:",
        "      app/load.py:1 ROUNDS, read by weigh   86 % of the time",
        "      app/load.py:16 in Shop.price   2 % of the time",
    ]
