from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.budget.commands.history import History
from tests.budget.interop.stored import Project

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """{
    // asv allows comments, and a comma that closes nothing
    "version": 1,
    "branches": ["main"],
    "environment_type": "virtualenv",
    "repo": ".", /* a comment
       of two lines */
    "project_url": "https://example.org//not-a-comment",
    "results_dir": ".asv/results",
}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A checkout whose main~1 is base and main is head, as the current folder."""
    history = History.start(tmp_path / "project")
    base = history.commit("Parse", {"asv.conf.json": CONFIG, ".gitignore": ".asv/\n"})
    head = history.commit("Parse anew")
    monkeypatch.chdir(history.root)
    return Project(root=history.root, base=base, head=head)
