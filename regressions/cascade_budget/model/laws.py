"""Laws: how often something is called, as an exact function of the number of transactions."""

from __future__ import annotations

import ast
import itertools
import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from cascade_budget.errors import LawSyntaxError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_DEGREE: Final = 4
MAX_DENOMINATOR: Final = 100
"""Coefficients finer than a hundredth are taken for coincidence: three points of any noise lie on
a parabola, and a fourth may."""

_MAX_TEXT: Final = 4_000
_MAX_NUMBER: Final = 10**30
"""Powers of powers are short to write, and the number that they make takes minutes to work out."""
_IRREGULAR: Final = "irregular"
_EACH: Final = " per transaction"
_IRREGULAR_TEXT: Final = re.compile(rf"{_IRREGULAR} \d+: \d+(, \d+: \d+)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Law:
    """Calls as a function of n transactions.

    Attributes:
        coefficients: of a polynomial in n, lowest power first, the highest not 0; empty is 0.
        per_size: of an irregular law, (n, calls) by rising n; empty for a polynomial.
    """

    coefficients: tuple[Fraction, ...] = ()
    per_size: tuple[tuple[int, int], ...] = ()

    @staticmethod
    def polynomial(*coefficients: Fraction | int) -> Law:
        """The law with these coefficients, lowest power first."""
        exact = [Fraction(coefficient) for coefficient in coefficients]
        while exact and exact[-1] == 0:
            exact.pop()
        return Law(coefficients=tuple(exact))

    @staticmethod
    def irregular(counts: Mapping[int, int]) -> Law:
        """The law that knows only its points. Raises ValueError when there are none."""
        if not counts:
            raise ValueError("an irregular law needs at least one point")
        return Law(per_size=tuple(sorted(counts.items())))

    @property
    def is_irregular(self) -> bool:
        """Whether only single points are known."""
        return bool(self.per_size)

    @property
    def degree(self) -> int:
        """The highest power of n: 0 for a constant. An irregular law has none and gives -1."""
        if self.is_irregular:
            return -1
        return max(len(self.coefficients) - 1, 0)

    def knows(self, n: int) -> bool:
        """Whether calls at n transactions can be told: an irregular law has single points only."""
        return not self.is_irregular or any(size == n for size, _ in self.per_size)

    def at(self, n: int) -> int:
        """Calls at n transactions, rounded down where the polynomial falls between integers.

        Raises:
            KeyError: the law is irregular and has no point at n.
        """
        if self.is_irregular:
            return dict(self.per_size)[n]
        total = Fraction(0)
        for coefficient in reversed(self.coefficients):
            total = total * n + coefficient
        return math.floor(total)

    def __str__(self) -> str:
        if self.is_irregular:
            points = ", ".join(f"{n}: {calls}" for n, calls in self.per_size)
            return f"{_IRREGULAR} {points}"
        return _polynomial_text(self.coefficients)


ZERO: Final = Law()
ONCE: Final = Law(coefficients=(Fraction(1),))


def fit_law(counts: Mapping[int, int]) -> Law:
    """The law that exact counts follow.

    Args:
        counts: calls by number of transactions. One size alone gives a constant: nothing varied.

    Returns:
        The polynomial through every point, provided that one point more than it needs agrees with
        it, and that its coefficients have denominators of at most `MAX_DENOMINATOR`; otherwise the
        irregular law of these points.

    Raises:
        ValueError: there are no counts.

    Source: Newton's divided differences, in exact rational arithmetic (Knuth, The Art of Computer
    Programming, volume 2, section 4.6.4).
    """
    if not counts:
        raise ValueError("a law needs at least one count")
    sizes = sorted(counts)
    if len(sizes) == 1:
        return Law.polynomial(counts[sizes[0]])
    differences = _divided_differences(sizes, [counts[n] for n in sizes])
    while differences and differences[-1] == 0:
        differences.pop()
    degree = len(differences) - 1
    if degree <= min(len(sizes) - 2, MAX_DEGREE):
        law = _expand(sizes, differences)
        if all(c.denominator <= MAX_DENOMINATOR for c in law.coefficients):
            return law
    return Law.irregular(counts)


def parse_law(text: str) -> Law:
    """The law that a formula states.

    Args:
        text: integers, `n`, `+ - *`, `/` by a number, `**` by a small integer and parentheses, or
            the text of an irregular law as `str` gives it.

    Raises:
        LawSyntaxError: it is neither.
    """
    if len(text) > _MAX_TEXT:
        raise LawSyntaxError(f"{text[:40]}...", f"it has more than {_MAX_TEXT:,} characters")
    stripped = text.strip()
    if stripped.startswith(_IRREGULAR):
        return _parse_irregular(text, stripped)
    try:
        tree = ast.parse(stripped, mode="eval")
        law = Law.polynomial(*_read(tree.body))
    except (RecursionError, MemoryError) as error:
        raise LawSyntaxError(text, "it is nested too deeply") from error
    except _NoPolynomialError as error:
        raise LawSyntaxError(text, str(error)) from None
    except (SyntaxError, ValueError) as error:
        raise LawSyntaxError(text, _why_no_expression(stripped)) from error
    if law != ZERO and all(coefficient <= 0 for coefficient in law.coefficients):
        raise LawSyntaxError(text, "it is below 0 for every n")
    return law


def describe_change(old: Law, new: Law) -> str:
    """One clause that says it: `was never called, is now called once per transaction`."""
    before, after = frequency(old), frequency(new)
    if before == after:
        return f"was {old}, is now {new}"
    if after.endswith(_EACH) and before.endswith(_EACH):
        before = before.removesuffix(_EACH)
    return f"was {_called(before)}, is now {_called(after)}"


def frequency(law: Law) -> str:
    """How often that is, in words: `never`, `once`, `11 times per transaction`."""
    if law.is_irregular:
        return "irregularly often"
    if law.degree == 0:
        return _times(law.at(0))
    leading = law.coefficients[-1]
    if leading < 0:
        return f"{law} times"
    if law.degree == 1:
        return _per_transaction(leading)
    if law.degree == 2:  # noqa: PLR2004 - the square
        return "with the square of the transactions"
    return f"with the transactions to the power of {law.degree}"


def calls_text(law: Law) -> str:
    """The law with its noun: `1 call`, `n + 1 calls`."""
    if law.is_irregular:
        sizes = ", ".join(f"{n}" for n, _ in law.per_size)
        return f"{', '.join(f'{calls}' for _, calls in law.per_size)} calls at n = {sizes}"
    return f"{law} call" if law == ONCE else f"{law} calls"


def _called(often: str) -> str:
    return f"{often} called" if often == "never" else f"called {often}"


def _times(count: int) -> str:
    words = {0: "never", 1: "once", 2: "twice"}
    return words.get(count, f"{count:,} times")


def _per_transaction(rate: Fraction) -> str:
    if rate.denominator == 1:
        return f"{_times(rate.numerator)}{_EACH}"
    if rate.numerator == 1:
        return f"once in {rate.denominator} transactions"
    return f"{_times(rate.numerator)} in {rate.denominator} transactions"


def _polynomial_text(coefficients: Sequence[Fraction]) -> str:
    text = ""
    for power, coefficient in reversed([*enumerate(coefficients)]):
        if coefficient:
            sign = "-" if coefficient < 0 else "+"
            text += f" {sign} {_term_text(abs(coefficient), power)}"
    if text.startswith(" - "):
        return f"-{text[3:]}"
    return text.removeprefix(" + ") or "0"


def _term_text(coefficient: Fraction, power: int) -> str:
    factors = ["n"] * power
    if coefficient.numerator != 1 or not factors:
        factors.insert(0, str(coefficient.numerator))
    product = "*".join(factors)
    return product if coefficient.denominator == 1 else f"{product}/{coefficient.denominator}"


def _divided_differences(sizes: Sequence[int], counts: Sequence[int]) -> list[Fraction]:
    column = [Fraction(count) for count in counts]
    differences = [column[0]]
    for order in range(1, len(sizes)):
        spans = [high - low for low, high in zip(sizes, sizes[order:], strict=False)]
        steps = [after - before for before, after in itertools.pairwise(column)]
        column = [step / span for step, span in zip(steps, spans, strict=True)]
        differences.append(column[0])
    return differences


def _expand(sizes: Sequence[int], differences: Sequence[Fraction]) -> Law:
    """The Newton form, multiplied out by Horner's rule."""
    total: list[Fraction] = []
    for index in range(len(differences) - 1, -1, -1):
        shifted = [Fraction(0), *total]
        for power, coefficient in enumerate(total):
            shifted[power] -= sizes[index] * coefficient
        shifted[0] += differences[index]
        total = shifted
    return Law.polynomial(*total)


def _parse_irregular(text: str, stripped: str) -> Law:
    if not _IRREGULAR_TEXT.fullmatch(stripped):
        raise LawSyntaxError(text, 'an irregular law is written "irregular 100: 3, 200: 5"')
    points = [(int(n), int(calls)) for n, calls in re.findall(r"(\d+): (\d+)", stripped, re.ASCII)]
    sizes = [n for n, _ in points]
    if sizes != sorted(set(sizes)):
        raise LawSyntaxError(text, "its sizes are not in rising order")
    return Law.irregular(dict(points))


def _why_no_expression(stripped: str) -> str:
    if not stripped:
        return "it is empty"
    if re.search(r"\d\s*n\b", stripped):
        product = re.sub(r"(\d)\s*n\b", r"\1*n", stripped)
        return f"a product is written with *, as in {product!r}"
    return "it is no arithmetic expression"


class _NoPolynomialError(Exception):
    """Why an expression is no polynomial in n."""


def _read(node: ast.expr) -> list[Fraction]:
    """The coefficients of an expression tree, lowest power first."""
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            return [Fraction(value)]
        case ast.Constant():
            raise _NoPolynomialError(f"{ast.unparse(node)} is no integer")
        case ast.Name(id="n"):
            return [Fraction(0), Fraction(1)]
        case ast.Name(id=name):
            raise _NoPolynomialError(f"{name!r} has no meaning here, only n has")
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _read(operand)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return [-coefficient for coefficient in _read(operand)]
        case ast.BinOp(left=left, op=op, right=right):
            return _operate(op, _read(left), _read(right))
        case _:
            raise _NoPolynomialError(f"{ast.unparse(node)!r} is no polynomial")


def _operate(op: ast.operator, left: list[Fraction], right: list[Fraction]) -> list[Fraction]:
    match op:
        case ast.Add():
            return _sum(left, right)
        case ast.Sub():
            return _sum(left, [-coefficient for coefficient in right])
        case ast.Mult():
            return _product(left, right)
        case ast.Div():
            divisor = _constant(right, "a divisor is a number, not a formula")
            if divisor == 0:
                raise _NoPolynomialError("it divides by 0")
            return [coefficient / divisor for coefficient in left]
        case ast.Pow():
            exponent = _constant(right, "an exponent is a number, not a formula")
            if exponent.denominator != 1 or not 0 <= exponent <= MAX_DEGREE:
                raise _NoPolynomialError(f"an exponent is an integer from 0 to {MAX_DEGREE}")
            power = [Fraction(1)]
            for _ in range(exponent.numerator):
                power = _product(power, left)
            return power
        case ast.BitXor():
            raise _NoPolynomialError("^ is no power here, write n*n")
        case _:
            raise _NoPolynomialError("it uses an operator other than + - * / **")


def _constant(coefficients: list[Fraction], detail: str) -> Fraction:
    if any(coefficients[1:]):
        raise _NoPolynomialError(detail)
    return coefficients[0]


def _product(left: list[Fraction], right: list[Fraction]) -> list[Fraction]:
    product = [Fraction(0)] * (len(left) + len(right) - 1)
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            product[i + j] += a * b
    if any(max(abs(each.numerator), each.denominator) > _MAX_NUMBER for each in product):
        raise _NoPolynomialError("it holds a number of more than 30 digits")
    if any(product[MAX_DEGREE + 1 :]):
        raise _NoPolynomialError(f"its degree is above {MAX_DEGREE}")
    return product


def _sum(left: Sequence[Fraction], right: Sequence[Fraction]) -> list[Fraction]:
    return [a + b for a, b in itertools.zip_longest(left, right, fillvalue=Fraction(0))]
