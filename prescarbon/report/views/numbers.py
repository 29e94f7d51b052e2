"""Numbers on pages: an interval, and how kilograms, pounds, counts and months are written everywhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

UNKNOWN = "not known"
PENNY = Decimal("0.01")
TONNES_FROM = 100_000.0


@dataclass(frozen=True)
class Interval:
    """Low, central and high of one quantity, in the unit its name says."""

    low: float
    central: float
    high: float

    def times(self, by: float) -> "Interval":
        """The interval in another unit: 1000 ÷ people, 1 ÷ inhalers."""
        return Interval(self.low * by, self.central * by, self.high * by)


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


def cost_change(value: Decimal | None) -> str:
    """What a change does to the cost, in words."""
    if value is None:
        return UNKNOWN
    size = pounds(abs(value))
    return "no change in price" if not value.quantize(PENNY) else f"{size} less" if value < 0 else f"{size} more"


def amount(value: float | None) -> str:
    """A mass of CO2e: tonnes from 100 t up, where single kilograms would claim too much."""
    if value is None:
        return UNKNOWN
    if value >= TONNES_FROM:
        return f"{number(value / 1000)} tonnes CO2e"
    return f"{number(value)} kg CO2e"


def mass(value: Interval | None) -> str:
    """A headline's central mass of CO2e."""
    return amount(None if value is None else value.central)


def mass_span(value: Interval | None) -> str:
    """Low to high of a headline, in the unit of `mass`."""
    if value is None:
        return UNKNOWN
    if value.central < TONNES_FROM:
        return f"{span(value)} kg"
    return f"{number(value.low / 1000)} to {number(value.high / 1000)} tonnes"


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
