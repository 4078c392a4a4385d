from __future__ import annotations

import json
import sys
from pathlib import Path

from cascade_budget.model.codec import from_json
from cascade_budget.model.profiles import ProfileSession, function_times
from cascade_budget.process.workload import Workload
from cascade_budget.profiling.answering import SESSION_NS, answer_profile

HERE = str(Path(__file__).resolve().parent)


def step(total: int) -> int:
    return sum(range(total))


def work(n: int) -> None:
    for _ in range(n):
        step(50)


async def work_async(n: int) -> None:
    work(n)


def test_a_worker_plans_once_and_records_all_sessions_alike() -> None:
    with Workload(work) as workload:
        first = answer_profile(workload, 100, own_roots=[HERE], packages=[], plan={})
        second = answer_profile(workload, 100, own_roots=[HERE], packages=[], plan=first["plan"])

    first, second = (json.loads(json.dumps(answer)) for answer in (first, second))
    assert first["plan"] == second["plan"]
    assert first["plan"]["clock"] == "cpu"
    assert first["plan"]["n"] % 100 == 0
    session = from_json(ProfileSession, second["session"])
    assert session.transactions == first["plan"]["n"]
    assert session.plain_ns_per_transaction * session.transactions > SESSION_NS / 10
    names = {str(key) for key in function_times(session)}
    assert f"{__name__}:step > sum" in names
    assert not any(
        "pyinstrument" in name
        or "cascade_budget.profiling" in name
        or "cascade_budget.process" in name
        for name in names
    )


def test_a_workload_that_returns_a_coroutine_is_sampled_in_its_own_task() -> None:
    with Workload(work_async) as workload:
        answer = answer_profile(workload, 1000, own_roots=[HERE], packages=[], plan={})
    session = from_json(ProfileSession, answer["session"])
    outermost = {session.frames[stack[0]].function.rpartition(":")[2] for stack in session.stacks}
    assert "work_async" in outermost


def test_a_package_under_test_is_own_code_wherever_it_is_installed() -> None:
    package = __import__("json")
    folder = Path(package.__file__).parent
    assert "json" in sys.modules

    def dump(n: int) -> None:
        for _ in range(n):
            json.dumps([1] * 50, indent=1)

    with Workload(dump) as workload:
        answer = answer_profile(workload, 100, own_roots=[], packages=["json"], plan={})
    session = from_json(ProfileSession, answer["session"])
    own = {frame.function.partition(":")[0] for frame in session.frames if frame.own}
    assert "json.encoder" in own
    assert (folder / "encoder.py").exists()
