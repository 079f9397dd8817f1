"""Numbers as words of the report."""

from __future__ import annotations


def number(value: float) -> str:
    """Three significant digits and a true minus sign."""
    return f"{value + 0.0:.3g}".replace("-", "\N{MINUS SIGN}")


def p_value(value: float) -> str:
    """Two significant digits, nothing below 0.001."""
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def count(n: int, noun: str) -> str:
    """A count with its noun."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
