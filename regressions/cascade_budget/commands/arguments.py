"""Kinds of values on the command line."""

from __future__ import annotations

import argparse


def whole_number(text: str) -> int:
    """A number of things: 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def percentage(text: str) -> float:
    """A share given in percent, with or without the sign: 0.02 for `2` and `2%`."""
    try:
        share = float(text.removesuffix("%")) / 100
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a percentage between 0 and 100")
    return share
