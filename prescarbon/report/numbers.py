"""Numbers on pages: an interval, and how kilograms, pounds, counts and months are written everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

UNKNOWN = "not known"


@dataclass(frozen=True)
class Interval:
    """Low, central and high of one quantity, in the unit its name says."""

    low: float
    central: float
    high: float


def number(value: float | int | Decimal | None) -> str:
    """A count or a kilogram as people read it: no decimals from 100 up, one below, two below 1."""
    if value is None:
        return UNKNOWN
    size = abs(float(value))
    digits = 0 if size >= 100 or float(value) == round(float(value)) else 1 if size >= 10 else 2
    return f"{value:,.{digits}f}"


def kg(value: float | Interval | None) -> str:
    """Kilograms: central value, or central (low to high)."""
    if isinstance(value, Interval):
        return f"{number(value.central)} ({number(value.low)} to {number(value.high)})"
    return number(value)


def span(value: Interval | None) -> str:
    """Low to high alone."""
    return UNKNOWN if value is None else f"{number(value.low)} to {number(value.high)}"


def pounds(value: Decimal | None) -> str:
    """Pounds; pence below £100."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    return f"{'-' if value < 0 else ''}£{size:,.{2 if size < 100 else 0}f}"


def percent(share: float | None) -> str:
    """A share (0–1) as a percentage; never 100 % or 0 % by rounding alone."""
    if share is None:
        return UNKNOWN
    if 0.9995 <= share < 1:
        return "over 99.9%"
    if 0 < share < 0.0005:
        return "under 0.1%"
    return f"{share:.1%}".replace(".0%", "%")


def month(value: date) -> str:
    """January 2026."""
    return f"{value:%B %Y}"


def months(values: Sequence[date]) -> str:
    """January 2025 to January 2026 (12 months), or the one month."""
    if not values:
        return "no month"
    first, last = min(values), max(values)
    if first == last:
        return month(first)
    return f"{month(first)} to {month(last)} ({len(values)} months)"


def signed(value: float | None) -> str:
    """A difference with its sign: +120, -35."""
    if value is None:
        return UNKNOWN
    return f"{'+' if value > 0 else ''}{number(value)}"
