"""Parts that several pages show: an action, a dot strip, what changed, a month with its limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from prescarbon.manifest import RunManifest
from prescarbon.model.period import Period, count_words
from prescarbon.report.views.numbers import UNKNOWN_POUNDS, Interval, pence

MONTHS_FOR_A_LINE = 6


@dataclass(frozen=True)
class Action:
    """One ranked line of what could be done next, for one organisation."""

    rank: int
    rule_id: str
    title: str
    from_words: str
    to_words: str | None
    items: int
    units: float
    unit_name: str
    basis: str
    kg: Interval
    kg_all: Interval | None
    kg_attended: Interval | None
    achievable_share: float | None
    cost_change_gbp: Decimal | None
    price_date: date | None
    rank_stability: float | None
    caveats: str
    commitment: str
    is_draft: bool
    from_codes: str
    to_codes: str | None
    holders: tuple[str, ...] = ()


@dataclass(frozen=True)
class Together:
    """All lines of an organisation, each unit counted once: what the lines above may not be added up to."""

    lines: int
    kg_to_peer: Interval | None


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


def action_from(row: Mapping[str, Any], holders: Sequence[str] = ()) -> Action:
    """A row of table OPPORTUNITIES with a rank as what a page shows."""
    basis = row["rank_basis"]
    return Action(
        rank=row["rank"],
        rule_id=row["rule_id"],
        title=row["title"],
        from_words=row["from_words"],
        to_words=row["to_words"],
        items=row["items"],
        units=row["units"],
        unit_name=row["unit_name"],
        basis="to reach the peers' lower quartile" if basis == "to_peer" else "if all of it changed",
        kg=_interval(row, f"kg_{basis}") or Interval(0, 0, 0),
        kg_all=_interval(row, "kg_theoretical"),
        kg_attended=_interval(row, "kg_attended"),
        achievable_share=row["achievable_share"],
        cost_change_gbp=row[f"cost_change_{basis}_gbp"],
        price_date=row["price_date"],
        rank_stability=row["rank_stability"],
        caveats=row["caveats"],
        commitment=row["commitment"],
        is_draft=row["is_draft"],
        from_codes=row["from_codes"],
        to_codes=row["to_codes"],
        holders=tuple(holders),
    )


def together_from(row: Mapping[str, Any]) -> Together:
    """A row of `total_savings` as what a page shows."""
    return Together(row["lines"], _interval(row, "kg_to_peer_counted"))


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


def _interval(row: Mapping[str, Any], name: str) -> Interval | None:
    low, central, high = row[f"{name}_low"], row[name], row[f"{name}_high"]
    if central is None:
        return None
    return Interval(
        float(low if low is not None else central), float(central), float(high if high is not None else central)
    )
