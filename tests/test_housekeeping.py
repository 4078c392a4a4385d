"""What is written for contributors and for CI is there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMED = re.compile(
    r"(?<![\w./-])(?:\.ci|\.github|benchmarks|changes|docs|engine|regressions|tests)/[\w./-]*\w"
)
PAGES = ("CONTRIBUTING.md", ".github/workflows/ci.yml", ".github/workflows/release.yml")


@pytest.mark.parametrize("page", PAGES)
def test_a_path_that_a_page_names_is_there(page: str) -> None:
    named = set(NAMED.findall((ROOT / page).read_text(encoding="utf-8")))
    assert named
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_both_distributions_have_one_version_and_one_address() -> None:
    engine, gate = (
        tomllib.loads((ROOT / folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        for folder in ("engine", "regressions")
    )
    assert engine["version"] == gate["version"]
    assert engine["urls"]["Repository"] == gate["urls"]["Repository"]
