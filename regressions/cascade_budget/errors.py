"""What this package raises: a message says fact, place and remedy, and each is an attribute."""

from __future__ import annotations


class BudgetError(Exception):
    """Base of every error that this package raises.

    Args:
        fact: what is wrong, as a clause without a full stop.
        place: where it was found; may be empty.
        remedy: what to do about it, as a sentence without a full stop; may be empty.
    """

    def __init__(self, fact: str, *, place: str = "", remedy: str = "") -> None:
        self.fact = fact
        self.place = place
        self.remedy = remedy
        message = f"{fact}; {place}" if place else fact
        super().__init__(f"{message}. {remedy}" if remedy else message)


class UsageError(BudgetError):
    """What the user wrote can't be carried out: a marker, a formula, a call, an option."""


class LawSyntaxError(UsageError, ValueError):
    """A formula is no polynomial in n.

    Args:
        formula: the text as it was written.
        detail: why it doesn't parse, as a clause.
    """

    def __init__(self, formula: str, detail: str) -> None:
        self.formula = formula
        self.detail = detail
        super().__init__(
            f"formula {formula!r} does not parse: {detail}",
            remedy='Write a polynomial in n, such as "0", "n + 1", "11*n" or "n*n"',
        )


class LedgerError(BudgetError):
    """The ledger can't be used.

    Args:
        fact: what is wrong.
        ledger: the ledger's path as it is shown, relative to the project's root.
        remedy: what to do about it.
    """

    def __init__(self, fact: str, *, ledger: str, remedy: str) -> None:
        self.ledger = ledger
        super().__init__(f"{ledger}: {fact}", remedy=remedy)


class LedgerFormatError(LedgerError):
    """The ledger is no TOML, has an unknown version, or holds a value that isn't one of its own."""


class LedgerWriteError(LedgerError, OSError):
    """The ledger could not be written. The file on disk is what it was before."""


class LedgerLockedError(LedgerError):
    """Another run held the ledger's lock for longer than this one waited."""


class WorkloadError(BudgetError):
    """A workload didn't behave so that its calls could be counted."""


class WorkloadTimeoutError(WorkloadError):
    """A workload ran longer than `cascade_budget_timeout` seconds."""


class WorkloadThreadsError(WorkloadError):
    """Every counted run of a workload left threads of its own behind."""


class ColdRunError(WorkloadError):
    """A fresh process ended without reporting its counts."""
