"""Finding the first bad commit: which commit to ask about next, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cascade_budget.source.repository import Repository


class Answer(Enum):
    """What a commit is."""

    GOOD = "good"
    BAD = "bad"
    UNTESTABLE = "untestable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """How a search ended.

    Attributes:
        first: Full names of the commits of which one is the first bad one: a single one, or also
            those before it that could not be tested; none where the last commit is good.
        asked: How many commits were asked about.
    """

    first: tuple[str, ...]
    asked: int


def search(repository: Repository, good: str, bad: str, ask: Callable[[str, int], Answer]) -> Found:
    """Find the first bad commit after a good one.

    The last commit is taken to be bad and is asked about only when all before it turn out to be
    good, which saves a run where there is something to find.

    Args:
        repository: Where the commits are.
        good: Full name of a commit that is good.
        bad: Full name of a later one.
        ask: Given a commit's full name and how many commits are left, says what it is.
    """
    goods = [good]
    known = {good: Answer.GOOD}
    untestable: set[str] = set()
    asked = 0
    while True:
        left = repository.halves(bad, goods)
        candidates = [sha for sha in left if sha not in untestable and sha not in known]
        if not candidates:
            return Found(first=(bad, *(sha for sha in left if sha != bad)), asked=asked)
        chosen = candidates[0]
        answer = ask(chosen, len(left))
        asked += 1
        if answer is Answer.UNTESTABLE:
            untestable.add(chosen)
        elif answer is Answer.BAD:
            known[chosen] = answer
            bad = chosen
        else:
            known[chosen] = answer
            goods.append(chosen)
            if chosen == bad:
                return Found(first=(), asked=asked)
