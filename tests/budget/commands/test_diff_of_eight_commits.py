"""Eight commits on one small project, judged by `diff` with no marker and no ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cascade_budget.cli import main

if TYPE_CHECKING:
    from tests.budget.commands.history import History

GREEN = {
    "N": [],
    # counts see no time: B2 is the throughput gate's
    "B2": [],
    "V2": ["new       dispatch.sending:choose   500 calls in 1 test", ""],
    "V3": ["moved     dispatch.pricing:weigh to dispatch.pricing:weight_of", ""],
    "V4": [],
}

RED = {
    "B1": [
        "inspect:signature    2 to 500 calls",
        "  in tests/test_sending.py::test_every_order_is_sent",
        "    src/dispatch/registry.py:14 in signature_of   2 to 500",
        "  changed since main and run here:",
        "    src/dispatch/registry.py:7 in cache_key",
    ],
    "B3": [
        "dispatch.pricing:rate    500 to 1,000 calls",
        "  in tests/test_sending.py::test_every_order_is_sent",
        "    src/dispatch/pricing.py:16 in price   500 to 1,000   changed since main",
    ],
    "V1": [
        "inspect:signature    2 to 500 calls",
        "  in tests/test_sending.py::test_every_order_is_sent",
        "    src/dispatch/sending.py:20 in send   0 to 500   changed since main",
    ],
}


def label(history: History, name: str) -> str:
    return f"{name} ({history.git('rev-parse', '--short', name).strip()})"


@pytest.mark.parametrize("name", GREEN)
def test_a_commit_that_makes_no_more_calls_is_green(
    name: str,
    dispatch: History,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(dispatch.root)
    code = main(["diff", "main", name])
    assert capsys.readouterr().out.splitlines() == [
        *GREEN[name],
        f"Nothing grew: 2 tests compared, {label(dispatch, 'main')} to {label(dispatch, name)}.",
    ]
    assert code == 0


@pytest.mark.parametrize("name", RED)
def test_a_commit_that_makes_more_calls_is_red_with_function_count_and_line(
    name: str,
    dispatch: History,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(dispatch.root)
    code = main(["diff", "main", name])
    assert capsys.readouterr().out.splitlines() == [
        *RED[name],
        "",
        (
            "1 function grew in 1 test: 2 tests compared, "
            f"{label(dispatch, 'main')} to {label(dispatch, name)}."
        ),
    ]
    assert code == 1
