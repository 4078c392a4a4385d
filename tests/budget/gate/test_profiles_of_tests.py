"""What the gate keeps of profiles, and what it says where something is missing."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import pytest

from cascade_budget.gate.profiles_of_tests import Profiles
from cascade_budget.model.profiles import CodeFrame, ProfileSession
from cascade_budget.process.workload import Workload, WorkloadCall
from cascade_budget.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

FRAME = CodeFrame(
    function="app:step", path="app.py", line=3, own=True, record="step\x00/project/app.py\x003"
)


def session(ns: float) -> ProfileSession:
    return ProfileSession(
        frames=(FRAME,),
        stacks={(0,): ns},
        transactions=1000,
        sample_ns=1e5,
        plain_ns_per_transaction=ns / 1000,
        clock="cpu",
    )


@dataclass
class Item:
    """What of a test is read."""

    nodeid: str = "tests/test_app.py::test_step"
    name: str = "test_step"
    sections: list[str] = field(default_factory=list)

    def add_report_section(self, when: str, key: str, content: str) -> None:
        self.sections.append(content)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    values: dict[str, Any] = dict.fromkeys(each.name for each in fields(Settings))
    values.update(root=tmp_path, profile_failures=True)
    return Settings(**values)


def call(item: Any) -> WorkloadCall:
    return WorkloadCall(
        item=item,
        key=item.nodeid,
        title=item.name,
        ordinal=1,
        function=lambda n: None,
        n=100,
        sizes=(10, 20, 30, 40),
    )


def test_three_pairs_of_sessions_are_no_difference_and_heads_profile_stays(settings) -> None:
    item = Item()
    profiles = Profiles(settings)
    with Workload(lambda n: None) as workload:
        finding = profiles.of_workload(
            call(item),
            workload,
            failed=True,
            sides=lambda _: ((session(2e6),) * 3, (session(3e6),) * 3),
        )
    profiles.add_sections(item)  # type: ignore[arg-type]
    assert finding is not None
    assert finding.problem == (
        "base and head are not compared: a difference needs 5 pairs of sessions or more, got 3 of "
        "base and 3 of head. Record them side by side"
    )
    assert finding.difference is None
    assert finding.hottest == (("app:step", 3000.0),)
    assert finding.sessions == 3
    (section,) = item.sections
    assert ".  0.0090 step  /project/app.py:3" in section


def test_sides_that_cannot_be_profiled_leave_a_sentence(settings) -> None:
    def die(_: WorkloadCall) -> None:
        raise RuntimeError("the worker is gone\nand more")

    with Workload(lambda n: None) as workload:
        finding = Profiles(settings).of_workload(call(Item()), workload, failed=True, sides=die)
    assert finding is not None
    assert finding.problem == "no profile: RuntimeError: the worker is gone"
