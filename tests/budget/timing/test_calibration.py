"""A cost is a quotient by a loop that never changes; a kind of machine has no name in it."""

from __future__ import annotations

import platform
import re
import socket
import subprocess
import sys
import tracemalloc

import pytest

from cascade_budget.timing.calibration import machine_kind, python_key, run_calibration, sample_cost
from cascade_budget.timing.obstacles import timing_obstacle


def test_the_loop_s_work_is_the_same_on_every_python():
    assert [run_calibration(turns) for turns in (1, 100, 10_000)] == [13, 8019, 9620]


def test_twice_the_work_has_about_twice_the_cost():
    def spin(n):
        for _ in range(n):
            sum(range(200))

    def spin_twice(n):
        spin(2 * n)

    once, twice = sample_cost(spin, 2_000), sample_cost(spin_twice, 2_000)
    assert 1.2 < twice.calibrated_cost / once.calibrated_cost < 3.0


def test_a_glance_at_a_cost_takes_few_chunks():
    """Nothing is held against it, and it is paid by each test without a record."""

    def performed(*, at_a_glance):
        done = []
        cost = sample_cost(lambda n: done.append(sum(range(200 * n))), 500, at_a_glance=at_a_glance)
        assert cost.calibrated_cost > 0
        return len(done)

    assert performed(at_a_glance=True) < performed(at_a_glance=False) / 3


def test_a_python_is_named_by_implementation_and_version():
    assert re.fullmatch(r"[a-z]+-3\.\d+t?", python_key())
    assert python_key().startswith(f"{sys.implementation.name}-3.{sys.version_info.minor}")


def test_a_kind_of_machine_names_no_machine():
    kind = machine_kind()
    assert re.fullmatch(r"[a-z]+-[a-z0-9_]+-[0-9a-f]{8}", kind)
    assert kind == machine_kind()
    assert socket.gethostname().lower() not in kind
    assert kind.startswith(f"{platform.system()}-{platform.machine()}-".lower())


def obstacle_in(prelude, *flags):
    code = f"{prelude}\nfrom cascade_budget.timing.obstacles import timing_obstacle\nprint(timing_obstacle())"
    done = subprocess.run(
        [sys.executable, *flags, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("prelude", "flags", "reason"),
    [
        ("", (), ""),
        (
            "import sys\ndef watch(*_): pass\nsys.settrace(watch)",
            (),
            "a tracer is active (__main__.watch)",
        ),
        (
            "import threading\ndef watch(*_): pass\nthreading.settrace(watch)",
            (),
            "a tracer is active in new threads",
        ),
        (
            "import sys\ndef watch(*_): pass\nsys.setprofile(watch)",
            (),
            "a profiler is active (__main__.watch)",
        ),
        ("", ("-X", "dev"), "Python runs in its development mode"),
        ("import tracemalloc; tracemalloc.start()", (), "tracemalloc is tracing"),
    ],
    ids=["none", "tracer", "thread tracer", "profiler", "dev mode", "tracemalloc"],
)
def test_what_would_spoil_a_timing_is_named(prelude, flags, reason):
    assert obstacle_in(prelude, *flags) == reason


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with Python 3.12")
def test_a_monitoring_tool_is_named():
    assert obstacle_in("import sys; sys.monitoring.use_tool_id(1, 'coverage')") == (
        "coverage is monitoring"
    )


def test_no_obstacle_is_left_by_asking():
    timing_obstacle()
    assert not tracemalloc.is_tracing()
