"""One meaning of a call, on every Python: one start of a function's body."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from cascade_budget.counting import count_calls
from cascade_budget.counting.call_sites import qualname_of
from cascade_budget.counting.targets import resolve_target
from tests.budget.counting import zoo

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture(autouse=True)
def _started_before(case: zoo.Case) -> Iterator[None]:
    zoo.suspend()
    if not case.beside_threads:
        yield
        return
    zoo.crews[:] = [zoo.Crew(3)]
    zoo.pools[:] = [ThreadPoolExecutor(2)]
    list(zoo.pools[0].map(len, ["", "", ""]))
    yield
    zoo.pools.pop().shutdown()
    zoo.crews.pop().end()


def expected(case: zoo.Case) -> tuple[dict[str, int], str | None]:
    """What this Python counts, and why that is not all where it isn't."""
    for where, (counted, reason) in case.uncounted.items():
        if where in (PYTHON, zoo.EVERY):
            return dict.fromkeys(case.calls, counted), reason
    return dict(case.calls), case.blind


@pytest.mark.parametrize("attribute", [False, True], ids=["counted", "attributed"])
@pytest.mark.parametrize("case", zoo.CASES, ids=lambda case: case.title)
def test_every_python_counts_the_starts_of_a_body(case: zoo.Case, attribute: bool) -> None:
    targets = [resolve_target(name) for name in case.calls]
    wanted, reason = expected(case)

    with count_calls(targets, attribute=attribute) as counts:
        case.run()

    assert dict(counts) == wanted
    assert counts.blind == ({} if reason is None else dict.fromkeys(wanted, reason))
    if attribute:
        by_site = {name: sum(site.calls for site in counts.sites.get(name, ())) for name in wanted}
        assert by_site == wanted


@pytest.mark.parametrize("case", zoo.CASES, ids=lambda case: case.title)
def test_a_second_block_counts_the_same(case: zoo.Case) -> None:
    targets = [resolve_target(name) for name in case.calls]
    seen = []
    for _attempt in range(2):
        zoo.suspend()
        with count_calls(targets) as counts:
            case.run()
        seen.append(dict(counts))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("case", zoo.CASES, ids=lambda case: case.title)
def test_a_pattern_counts_a_body_under_its_own_name(case: zoo.Case) -> None:
    rooms = (zoo.classes, zoo.functions, zoo.layers, zoo.suspending)
    modules = {room.__file__: room.__name__ for room in rooms}
    wanted: dict[str, dict[int, int]] = {}
    for name, number in expected(case)[0].items():
        codes = resolve_target(name).codes
        # Named tuples are made in a module of their own; a generic function has several names.
        for code in codes if len(codes) == 1 and "Pair" not in name else ():
            module = modules.get(code.co_filename, name.partition(":")[0])
            own_name = f"{module}:{qualname_of(code, module)}"
            if number:
                wanted.setdefault(own_name, {})[id(code)] = number

    with count_calls((), watch=[f"{zoo.__name__}.*"]) as counts:
        case.run()

    found = {name: counts.watched.get(name, 0) for name in wanted}
    assert found == {name: sum(bodies.values()) for name, bodies in wanted.items()}
