from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cascade_budget.model.findings import (
    CallVerdict,
    RecordedTiming,
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
from cascade_budget.model.report import HistoryEntry, HistoryPoint, Report, SessionInfo
from cascade_budget.model.throughput import (
    Chunking,
    Interval,
    Outcome,
    PairedTiming,
    Round,
    Throughput,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZES = (100, 200, 300, 400)


def session_info(**changes: Any) -> SessionInfo:
    return SessionInfo(
        **{
            "tool_version": "0.1.0",
            "python": "3.13.1",
            "implementation": "CPython",
            "platform": "Linux x86_64",
            "started": "2024-05-01T12:00:00+00:00",
            "base": "main",
            "base_revision": "3f2a1bc",
            "head_revision": "9d8e7f6",
            "ledger": "cascade-budget.toml",
            **changes,
        }
    )


def exceeded(**changes: Any) -> TargetFinding:
    return TargetFinding(
        **{
            "target": "inspect:signature",
            "verdict": CallVerdict.EXCEEDED,
            "sentence": "n + 1 calls, budget 0: was never called, is now called once per transaction",
            "measured": "n + 1",
            "budget": "0",
            "origin": "marker",
            "first": {n: n + 1 for n in SIZES},
            "second": {n: n + 1 for n in SIZES},
            "sites": (
                Site(path="app/core.py", line=12, function="load", calls=2),
                Site(
                    path="app/resolve.py",
                    line=41,
                    function="resolve",
                    calls=400,
                    changed_since="main",
                ),
            ),
            "sites_at": 400,
            **changes,
        }
    )


def as_budgeted(target: str = "app.build:build_graph", **changes: Any) -> TargetFinding:
    return TargetFinding(
        **{
            "target": target,
            "verdict": CallVerdict.AS_BUDGETED,
            "sentence": "1, as budgeted",
            "measured": "1",
            "budget": "1",
            "origin": "ledger",
            "first": dict.fromkeys(SIZES, 1),
            "second": dict.fromkeys(SIZES, 1),
            **changes,
        }
    )


SLOWDOWNS = (0.41, 0.452, 0.448, 0.47, 0.455, 0.449, 0.46, 0.458, 0.444, 0.45, 0.462, 0.457)


def paired(outcome: Outcome = Outcome.REGRESSED, slowdown: float = 0.457) -> PairedTiming:
    return PairedTiming(
        verdict=Throughput(
            outcome=outcome,
            slowdown=slowdown,
            interval=Interval(lower=slowdown - 0.01, upper=slowdown + 0.013),
            confidence=0.999,
            rounds=len(SLOWDOWNS),
            tolerance=0.01,
            smallest_detectable=0.021,
        ),
        rounds=tuple(
            Round(
                cpu=math.log1p(one),
                wall=0.0,
                base_cpu_ns=2_000.0,
                head_cpu_ns=3_100.0,
                base_wall_ns=2_200.0,
                head_wall_ns=3_300.0,
            )
            for one in SLOWDOWNS
        ),
        chunking=Chunking(n=300, repeat=1, quads=20, threaded=False, waits=False),
        processes="forked",
        results_compared=True,
        seconds=9.2,
        timed_out=False,
    )


def regressed(**changes: Any) -> TimeFinding:
    return replace(
        TimeFinding.of_rounds(paired(), base="main (3f2a1bc)", commit="3f2a1bc" * 5), **changes
    )


def profiled(**changes: Any) -> ProfileFinding:
    return ProfileFinding(
        **{
            "clock": "cpu",
            "sessions": 10,
            "files": {"html": "profiles/simple.html", "speedscope": "profiles/simple.json"},
            "hottest": (("app.resolve:resolve > inspect:signature", 3_100.0),),
            "difference": ProfileDifference(
                functions=(
                    FunctionDifference(
                        key=FunctionKey("inspect:signature", "app.resolve:resolve"),
                        path="app/resolve.py",
                        line=30,
                        base_ns=0.0,
                        head_ns=3_100.0,
                        error_ns=120.0,
                    ),
                ),
                compared=12,
                base_ns=6_000.0,
                head_ns=9_100.0,
                confidence=0.99,
                pairs=10,
                overhead_ratio=1.8,
                clock="cpu",
            ),
            **changes,
        }
    )


def finding(name: str = "test_simple_countdown", **changes: Any) -> WorkloadFinding:
    return WorkloadFinding(
        **{
            "key": f"tests/test_gate.py::{name}",
            "test": f"tests/test_gate.py::{name}",
            "title": name,
            "n": 10_000,
            "sizes": SIZES,
            "backend": "sys.monitoring",
            "targets": (exceeded(), as_budgeted()),
            "time": regressed(),
            "profile": profiled(),
            **changes,
        }
    )


def kept(name: str) -> WorkloadFinding:
    return finding(
        name,
        targets=(as_budgeted(), as_budgeted("uuid:uuid4", watched=True)),
        time=TimeFinding(
            verdict=TimeVerdict.WITHIN,
            recorded=RecordedTiming(
                calibrated_cost=6.2,
                python="cpython-3.13",
                machine="linux-x86_64-0a1b2c3d",
                slowdown=0.016,
                limit=0.25,
            ),
            cpu_ns_per_transaction=3_000.0,
            wall_ns_per_transaction=3_200.0,
        ),
        profile=None,
    )


def history() -> HistoryEntry:
    return HistoryEntry(
        benchmark="bench_countdowns.Simple.time_transaction",
        parameters="",
        unit="seconds",
        points=tuple(
            HistoryPoint(revision=f"{index:07x}", date="2024-05-01T12:00:00+00:00", value=value)
            for index, value in enumerate((3.1e-6, 3.0e-6, 3.2e-6, 6.4e-6))
        ),
    )


def report(
    session: SessionInfo, tests: Sequence[WorkloadFinding], stored: Sequence[HistoryEntry] = ()
) -> Report:
    return Report(session=session, tests=tuple(tests), history=tuple(stored))


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "line one\nline two",
    "line one\r\n::error::owned",
    "::set-output name=x::y",
    "100%0A::warning::owned",
    "]]> <![CDATA[",
    "\x00\x07\x1b[31mred",
    "\u202egpj.exe",
    "half \ud800 a pair",
    "`tick` ``two`` | bar \\ back",
    "[link](javascript:alert(1)) @someone #12 https://example.org",
    "</style></script><svg onload=alert(1)>",
    "{{ 7*7 }} {% raw %}",
    "a,b:c=d",
)


def hostile_document() -> Report:
    """Every text that comes from outside is hostile, in every place where one can stand."""
    tests = []
    for index, text in enumerate(HOSTILE):
        tests.append(
            finding(
                f"test_{index}[{text}]",
                title=text,
                backend=text,
                watch=(text,),
                targets=(
                    exceeded(
                        target=text,
                        sentence=text,
                        measured=text,
                        budget=text,
                        sites=(
                            Site(path=text, line=3, function=text, calls=4, changed_since=text),
                        ),
                    ),
                    as_budgeted(text, watched=True),
                ),
                time=regressed(base=text, commit=text, notes=(text,)),
                profile=profiled(
                    problem=text, files={text: text}, hottest=((text, 1.0),), difference=None
                ),
            )
        )
        one = FunctionDifference(
            key=FunctionKey(text, text),
            path=text,
            line=1,
            base_ns=1.0,
            head_ns=2.0,
            error_ns=0.5,
        )
        tests.append(
            finding(
                f"difference_{index}[{text}]",
                profile=profiled(
                    difference=ProfileDifference(
                        functions=(one,),
                        entry=one,
                        compared=1,
                        base_ns=1.0,
                        head_ns=2.0,
                        confidence=0.99,
                        pairs=5,
                        overhead_ratio=1.0,
                        clock="cpu",
                    ),
                    changed=(
                        ChangedFunction(
                            function=text, path=text, line=2, read=text, share=0.5, since=text
                        ),
                    ),
                ),
            )
        )
    told = HOSTILE[0]
    return report(
        session_info(base=told, base_revision=told, head_revision=told, ledger=told, platform=told),
        tests,
        [
            HistoryEntry(
                benchmark=told,
                parameters=told,
                unit=told,
                points=(HistoryPoint(revision=told, date=told, value=1.0),),
            )
        ],
    )


@pytest.fixture
def failed_document() -> Report:
    return report(session_info(), [kept("test_kept"), finding()], [history()])


@pytest.fixture
def kept_document() -> Report:
    return report(session_info(base=None, base_revision=None), [kept("test_kept")])


@pytest.fixture
def make_document() -> Callable[[int], Report]:
    """A document of many tests, a tenth of which failed."""

    def make(tests: int) -> Report:
        return report(
            session_info(),
            [
                finding(f"test_{index:04}") if index % 10 == 0 else kept(f"test_{index:04}")
                for index in range(tests)
            ],
            [history()],
        )

    return make


@pytest.fixture
def hostile() -> Report:
    return hostile_document()
