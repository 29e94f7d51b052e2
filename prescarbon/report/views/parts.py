"""Parts that several pages show: a dot strip, what changed, a month with its limits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from prescarbon.manifest import RunManifest
from prescarbon.model.period import Period, count_words
from prescarbon.report.views.numbers import UNKNOWN_POUNDS, Interval, pence

MONTHS_FOR_A_LINE = 6


@dataclass(frozen=True)
class Strip:
    """One figure of this practice among all: `others` and `pcn` hold the other practices' values."""

    title: str
    unit: str
    own: float | None
    pcn: tuple[float, ...]
    others: tuple[float, ...]
    pcn_median: float | None
    all_median: float | None
    verdict: str | None
    interval: Interval | None = None
    england: float | None = None

    @property
    def ends(self) -> tuple[float, float]:
        """Least and greatest value on the strip."""
        values = [*self.pcn, *self.others, *(v for v in (self.own, self.england) if v is not None)]
        return min(values, default=0.0), max(values, default=1.0)

    def place(self, value: float) -> float:
        """Where a value lies between the ends, 0 to 1."""
        low, high = self.ends
        return (value - low) / (high - low) if high > low else 0.5


@dataclass(frozen=True)
class Change:
    """Two periods and their difference, split into parts that add up exactly.

    compared  how many months were held whole in both: only those are summed
    joined    practices that closed and whose past is counted here
    """

    before: Period
    after: Period
    compared: int
    kg_before: float
    kg_after: float
    kg_change: float
    kg_volume: float
    kg_mix: float
    kg_factor: float
    kg_left_out: float
    joined: tuple[str, ...] = ()

    @property
    def same_months(self) -> str:
        """That a month is missing and how many are compared, in words; empty where none is."""
        whole = self.compared == self.after.length
        return "" if whole else f"over the same {count_words(self.compared, self.after.length)} of both"


@dataclass(frozen=True)
class SignalPoint:
    """One month of a series with limits; null limits where there are too few points."""

    month: date
    value: float | None
    centre: float | None
    lower: float | None
    upper: float | None
    signal: str | None
    break_words: str | None
    meaning: str | None = None

    @property
    def signal_words(self) -> str | None:
        """The signal and whether it is an improvement, a concern or a change without good and bad."""
        return f"{self.meaning}: {self.signal}" if self.signal and self.meaning else self.signal


@dataclass(frozen=True)
class Series:
    """One measure month by month with its limits."""

    measure_id: str
    title: str
    unit: str
    points: tuple[SignalPoint, ...]

    @property
    def is_drawn(self) -> bool:
        """Whether it has the months for a line: two or three points look like a trend and are none."""
        return has_line(self.points)


def has_line(points: Sequence[SignalPoint]) -> bool:
    """Whether enough months are known to draw a line through."""
    return sum(p.value is not None for p in points) >= MONTHS_FOR_A_LINE


def nic_words(manifest: RunManifest) -> str:
    """NIC in = used + rejected, and of the scope, to the penny; what is not in the data is said, never £0.00."""
    if manifest.nic_gbp_in is None:
        return UNKNOWN_POUNDS
    used, rejected = pence(manifest.nic_gbp_used), pence(manifest.nic_gbp_rejected)
    whole = f"{pence(manifest.nic_gbp_in)} in = {used} used + {rejected} rejected"
    scope = f"{pence(manifest.nic_gbp_in_scope)} in this scope"
    left_out = f" without {manifest.rows_without_nic:,} rows whose £ are not in the data"
    is_part = manifest.rows_without_nic and manifest.nic_gbp_in_scope is not None
    return f"{whole}; {scope}{left_out if is_part else ''}"
