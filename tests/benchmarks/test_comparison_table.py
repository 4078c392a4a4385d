from __future__ import annotations

import re

import pytest

from benchmarks.comparison import __main__ as comparison
from benchmarks.comparison import peers
from benchmarks.comparison.endurance import Endurance
from benchmarks.comparison.lines import Line, Section
from benchmarks.comparison.peers_table import Row, as_markdown, as_text, behind
from benchmarks.comparison.rounds import Contender, Costs
from benchmarks.comparison.table import as_json, endurance_text, replace_block, section_text


def contender(name):
    return Contender(
        name=name, block=len, result=len, bodies={}, executions=lambda _: {}, fixed_n=1
    )


SECTION = Section(
    title="simple: one tail call a bounce",
    reference=contender("e0"),
    lines=[
        Line(contender=contender("sleep(0) each bounce")),
        Line(contender=contender("cascade"), target=0.6),
        Line(contender=contender("reference tier"), target=3.0),
    ],
)
COSTS = Costs(
    block_n={"e0": 10, "sleep(0) each bounce": 10, "cascade": 20, "reference tier": 5},
    cpu_seconds={
        "e0": [0.5e-6, 0.5e-6, 0.5e-6],
        "sleep(0) each bounce": [3.5e-6, 4e-6, 4.5e-6],
        "cascade": [0.25e-6, 0.25e-6, 0.3e-6],
        "reference tier": [60e-6, 64e-6, 68e-6],
    },
)


def run(**changes):
    values = {
        "workload": "simple",
        "n": 1_000_000,
        "grown_bytes": 4096,
        "longest_cpu_ms": 1.046,
        "longest_wall_ms": 1.2,
        "turns": 250,
    }
    return Endurance(**{**values, **changes})


def test_a_section_shows_cost_ratio_spread_and_target():
    assert list(section_text(SECTION, COSTS)) == [
        "simple: one tail call a bounce                µs   ratio  quartiles  target",
        "  e0                                        0.50    1.00",
        "  sleep(0) each bounce                      4.00    8.00  7.50-8.50",
        "  cascade                                   0.25    0.50  0.50-0.55  0.6 met",
        "  reference tier                            64.0     128  124-132    3.0 MISSED",
    ]


def test_long_runs_show_memory_and_the_wait_of_a_sibling():
    runs = [run(), run(workload="heavy", longest_cpu_ms=2.5, longest_wall_ms=104.48)]
    assert list(endurance_text(runs)) == [
        "                                      peak   longest wait of a sibling",
        "over 1,000,000 bounces              memory       CPU time  by the wall  target",
        "  simple                            +4 KiB        1.05 ms      1.20 ms  met",
        "  heavy                             +4 KiB        2.50 ms    104.48 ms  MISSED",
        "  targets: at most +1,024 KiB; under 2 ms of CPU time",
    ]


def test_every_line_fits_80_columns():
    lines = [
        *section_text(SECTION, COSTS),
        *endurance_text([run(grown_bytes=10**9, longest_cpu_ms=99.0, longest_wall_ms=9999.0)]),
        *as_text([ENGINE, BURR], PEER_COSTS),
    ]
    assert [line for line in lines if len(line) > 80] == []


def test_a_block_is_replaced_between_its_marks_and_nowhere_else(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- peers -->\nold\n<!-- /peers -->\nafter\n", encoding="utf-8")
    for _ in range(2):
        replace_block(page, "peers", ["| new |"])
        assert page.read_text(encoding="utf-8") == (
            "before\n<!-- peers -->\n\n| new |\n\n<!-- /peers -->\nafter\n"
        )


def test_a_page_without_marks_is_left_alone_and_named(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("<!-- peers -->\n", encoding="utf-8")
    message = (
        f"{page} has no lines `<!-- peers -->` and `<!-- /peers -->` to write between; "
        "add them where the table is to stand"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        replace_block(page, "peers", ["| new |"])
    assert page.read_text(encoding="utf-8") == "<!-- peers -->\n"


def test_a_page_to_write_to_is_looked_at_before_anything_is_measured(tmp_path, capsys):
    page = tmp_path / "README.md"
    for program in (comparison.main, peers.main):
        with pytest.raises(SystemExit) as caught:
            program(["--readme", str(page)])
        assert caught.value.code == 2
        assert f"argument --readme: [Errno 2] No such file or directory: '{page}'" in (
            capsys.readouterr().err
        )
    page.write_text("no marks\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        peers.main(["--readme", str(page)])
    assert f"{page} has no lines `<!-- peers -->` and" in capsys.readouterr().err


def test_memory_that_grows_a_byte_a_bounce_is_not_flat():
    assert run(grown_bytes=1_048_576).flat
    assert not run(grown_bytes=1_048_577).flat


def test_json_holds_every_ratio_and_whether_its_target_is_met():
    value = as_json([(SECTION, COSTS)], [run()], rounds=3)
    assert [(one["name"], one["met"]) for one in value["sections"][0]["lines"]] == [
        ("sleep(0) each bounce", None),
        ("cascade", True),
        ("reference tier", False),
    ]
    assert value["sections"][0]["lines"][1]["ratio"]["median"] == 0.5
    assert value["sections"][0]["lines"][1]["against"]["e0"]["median"] == 0.5
    assert value["endurance"][0]["grown_bytes"] == 4096
    assert (value["schema_version"], value["rounds"]) == (1, 3)


NAMES = ("cascade: simple", "cascade: heavy", "burr: simple", "burr: heavy")
ENGINE, BURR = (
    Row(
        name=name,
        simple=contender(f"{name}: simple"),
        stable=None,
        heavy=contender(f"{name}: heavy"),
        declared=name == "burr",
        peer=name == "burr",
    )
    for name in ("cascade", "burr")
)
PEER_COSTS = Costs(
    block_n=dict.fromkeys(NAMES, 1),
    cpu_seconds=dict(zip(NAMES, ([0.25e-6], [2.5e-6], [100e-6], [10e-6]), strict=True)),
)


def test_peers_are_shown_by_rate_and_ratio():
    assert list(as_text([ENGINE, BURR], PEER_COSTS)) == [
        "                                  simple   stable, captured              heavy",
        "cascade                   4,000k    1.0 x                         400k    1.0 x",
        "burr                         10k    400 x                         100k    4.0 x*",
        "",
        "Bounces a second of CPU time; x: how many times the engine's cost a bounce is.",
        "Medians of one interleaved run. *: declared once, nothing is built on a bounce.",
    ]


def test_peers_as_markdown_escape_the_mark():
    assert list(as_markdown([ENGINE, BURR], PEER_COSTS))[:4] == [
        "| | simple | x | stable, captured | x | heavy | x |",
        "|---|--:|--:|--:|--:|--:|--:|",
        "| cascade | 4,000k | 1.0 |  |  | 400k | 1.0 |",
        "| burr | 10k | 400 |  |  | 100k | 4.0\\* |",
    ]


def test_a_peer_within_five_times_is_named():
    assert behind([ENGINE, BURR], PEER_COSTS) == ["burr: heavy"]
