"""Repositories that tests make up."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

AUTHOR = "Ada Lovelace <ada@example.org>"
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ada Lovelace",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada Lovelace",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "2024-05-06T07:08:09+00:00",
    "GIT_COMMITTER_DATE": "2024-05-06T07:08:09+00:00",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


@dataclass(frozen=True)
class History:
    """A repository with one branch, `main`."""

    root: Path

    @classmethod
    def start(cls, root: Path) -> History:
        root.mkdir(parents=True, exist_ok=True)
        history = cls(root)
        history.git("init", "--quiet", "--initial-branch=main")
        return history

    def write(self, files: dict[str, str]) -> None:
        for path, text in files.items():
            file = self.root / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")

    def commit(self, subject: str, files: dict[str, str] | None = None) -> str:
        """Commit everything, with some files written before; gives the commit's name."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", f"--message={subject}")
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env={**os.environ, **_IDENTITY},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def state(self) -> dict[str, object]:
        """All that a command must leave alone: files, index, refs, registered worktrees."""
        files = {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and ".git" not in path.relative_to(self.root).parts
        }
        return {
            "files": files,
            "status": self.git("status", "--porcelain=v1", "--ignored"),
            "refs": self.git("for-each-ref"),
            "head": self.git("rev-parse", "HEAD"),
            "worktrees": self.git("worktree", "list"),
        }
