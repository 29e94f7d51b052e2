"""Numbers on pages: an interval, and how kilograms, pounds, counts and months are written everywhere."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from prescarbon.model.period import Period

UNKNOWN = "not known"
UNKNOWN_POUNDS = "£ not in the data"
FIGURES_OF_A_SPEND_ESTIMATE = 2  # what is known to an order of magnitude is printed to two figures
PENNY = Decimal("0.01")
TONNES_FROM = 100_000.0
NAMED_MONTHS = 2  # so many missing months are named, more are counted


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
    """Pounds; pence below £100. What the data do not hold is never £0.00."""
    if value is None:
        return UNKNOWN_POUNDS
    size = abs(value)
    return f"{'-' if value < 0 else ''}£{size:,.{2 if size < 100 else 0}f}"


def pence(value: Decimal | None) -> str:
    """Pounds to the penny: what must add up."""
    return UNKNOWN_POUNDS if value is None else f"£{value:,.2f}"


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


def rough(value: Interval | None) -> Interval | None:
    """An interval to two figures: an order of magnitude should not look like a measurement."""
    return value and Interval(*(_two_figures(end) for end in (value.low, value.central, value.high)))


def _two_figures(value: float) -> float:
    return float(f"{value:.{FIGURES_OF_A_SPEND_ESTIMATE}g}")


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


def day(value: date) -> str:
    """24 November 2026."""
    return f"{value.day} {value:%B %Y}"


def months(period: Period) -> str:
    """February 2025 to January 2026 (12 months); what is held of it: (11 of 12 months: not June 2025), (1 of 12 months)."""
    if period.first == period.last:
        return month(period.first)
    if not period.held:
        return f"{month(period.first)} to {month(period.last)} ({period.count})"
    first, last = period.held[0], period.held[-1]
    span = month(first) if first == last else f"{month(first)} to {month(last)}"
    gaps = [month(m) for m in period.missing if first < m < last]
    few = f": not {', '.join(gaps)}" if 0 < len(gaps) <= NAMED_MONTHS else ""
    return f"{span} ({period.count}{few})"


def signed(value: float | None) -> str:
    """A difference with its sign: +120, -35."""
    if value is None:
        return UNKNOWN
    return f"{'+' if value > 0 else ''}{number(value)}"
