"""The practice page's view: what a practice is told, as frozen data without markup."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from prescarbon.model.activity import IS_INHALER
from prescarbon.model.sums import KILOGRAMS, known_sum
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.parts import Action, Change, SignalPoint, Strip, Together

HOTSPOTS_SHOWN = 10
MONTHS_IN_PERIOD = 12
MONTHS_IN_TREND = 24


@dataclass(frozen=True)
class Hotspot:
    """One product over the period."""

    name: str
    bnf_code: str
    kg: Interval | None
    nic_gbp: Decimal | None
    items: int
    devices: float | None
    methods: str
    share_of_kg: float | None


@dataclass(frozen=True)
class Tier:
    """Everything of one method over the period."""

    method: str
    items: int
    nic_gbp: Decimal | None
    kg: Interval | None
    share_of_items: float


@dataclass(frozen=True)
class MonthPoint:
    """One month of the trend."""

    month: date
    inhaler_kg: Interval | None
    other_kg: float | None
    devices: float | None
    items: int


@dataclass(frozen=True)
class Correction:
    """A quantity that was flagged: what was claimed and what we count."""

    month: date
    name: str
    bnf_code: str
    reads_as: str
    claimed: Decimal
    counted: float | None
    items: int


@dataclass(frozen=True)
class PracticePage:
    """Everything the practice page shows."""

    practice_code: str
    practice_name: str
    setting: str
    pcn_name: str | None
    sub_icb_code: str | None
    period: tuple[date, ...]
    inhaler_kg: Interval | None
    kg_per_inhaler: Interval | None
    total_kg: Interval | None
    kg_per_1000: Interval | None
    list_size: float | None
    list_size_words: str
    inhalers: float
    items: int
    nic_gbp: Decimal | None
    covered_inhaler_items: float | None
    covered_gbp: float | None
    tiers: tuple[Tier, ...]
    inhaler_hotspots: tuple[Hotspot, ...]
    other_hotspots: tuple[Hotspot, ...]
    trend: tuple[MonthPoint, ...]
    corrections: tuple[Correction, ...]
    without_factor: tuple[Hotspot, ...]
    notes: tuple[str, ...]
    pcn_code: str | None = None
    strips: tuple[Strip, ...] = ()
    actions: tuple[Action, ...] = ()
    drafts_held_back: int = 0
    together: Together | None = None
    change: Change | None = None
    signals: tuple[SignalPoint, ...] = ()
    went_well: tuple[str, ...] = ()


Intervals = dict[tuple[str, str], Interval | None]
SUMS = [known_sum(n) for n in ("items", "nic_gbp", "devices", *KILOGRAMS)]


def build_practice_pages(
    footprint: pl.DataFrame,
    names: Mapping[str, str],
    practices: Mapping[str, Mapping[str, Any]],
    list_sizes: Mapping[str, tuple[float, str]],
    intervals: pl.DataFrame,
    notes: tuple[str, ...] = (),
) -> Iterator[PracticePage]:
    """One view a practice, in order of practice code.

    footprint   table FOOTPRINT plus series_code, of at most MONTHS_IN_TREND months
    names       series_code → product name
    practices   practice_code → columns of table PRACTICES
    list_sizes  practice_code → (people registered, which month's figure that is)
    intervals   practice_code, part, key, kg_low, kg_co2e, kg_high, all from the same shared factor draws. Parts and keys:
                "total" of "inhalers" or "all"; "series" of a series_code; "method" of a method (all three over the
                period); "month" of a month's first day (inhalers alone)
    notes       sentences about the data that hold for every practice
    """
    all_months = sorted(footprint["month"].unique())
    trend_months, period = all_months[-MONTHS_IN_TREND:], all_months[-MONTHS_IN_PERIOD:]
    by_practice: dict[str, Intervals] = {}
    for row in intervals.to_dicts():
        by_practice.setdefault(row["practice_code"], {})[row["part"], row["key"]] = _interval(row)
    for (code,), rows in footprint.sort("practice_code").group_by("practice_code", maintain_order=True):
        yield _page(
            str(code), rows, names, practices, list_sizes, by_practice.get(str(code), {}), trend_months, period, notes
        )


def _page(
    code: str,
    rows: pl.DataFrame,
    names: Mapping[str, str],
    practices: Mapping[str, Mapping[str, Any]],
    list_sizes: Mapping[str, tuple[float, str]],
    intervals: Intervals,
    trend_months: list[date],
    period: list[date],
    notes: tuple[str, ...],
) -> PracticePage:
    now = rows.filter(pl.col("month").is_in(period))
    inhalers = now.filter(IS_INHALER)
    about = practices.get(code, {})
    people, people_words = list_sizes.get(code, (None, "no list size is loaded for this practice"))
    totals = now.select(SUMS).row(0, named=True)
    covered = inhalers.filter(pl.col("devices").is_not_null() & pl.col("kg_co2e").is_not_null())
    devices = float(covered["devices"].sum())
    inhaler_kg = intervals.get(("total", "inhalers"))
    inhaler_items = int(inhalers["items"].sum())
    costed = now.filter(pl.col("kg_co2e").is_not_null())["nic_gbp"].sum()
    return PracticePage(
        practice_code=code,
        practice_name=str(about.get("practice_name") or code),
        setting=str(about.get("setting") or "not known"),
        pcn_name=about.get("pcn_name"),
        pcn_code=about.get("pcn_code"),
        sub_icb_code=about.get("sub_icb_code"),
        period=tuple(period),
        inhaler_kg=inhaler_kg,
        kg_per_inhaler=inhaler_kg.times(1 / devices) if inhaler_kg and devices else None,
        total_kg=intervals.get(("total", "all")),
        kg_per_1000=inhaler_kg.times(1000 / people) if inhaler_kg and people else None,
        list_size=people,
        list_size_words=people_words,
        inhalers=devices,
        items=totals["items"] or 0,
        nic_gbp=totals["nic_gbp"],
        covered_inhaler_items=float(covered["items"].sum()) / inhaler_items if inhaler_items else None,
        covered_gbp=float(costed) / float(totals["nic_gbp"]) if totals["nic_gbp"] else None,
        tiers=tuple(_tiers(now, intervals)),
        inhaler_hotspots=tuple(_hotspots(inhalers, names, intervals)[:HOTSPOTS_SHOWN]),
        other_hotspots=tuple(_hotspots(now.filter(~IS_INHALER), names, intervals)[:HOTSPOTS_SHOWN]),
        trend=tuple(_trend(rows, trend_months, intervals)),
        corrections=tuple(_corrections(now, names)),
        without_factor=tuple(_hotspots(now.filter(pl.col("method") == "unknown"), names, {})),
        notes=notes + _missing_months(rows, trend_months),
    )


def _interval(row: Mapping[str, Any]) -> Interval | None:
    low, central, high = (row[k] for k in KILOGRAMS)
    return None if central is None else Interval(float(low), float(central), float(high))


def _tiers(rows: pl.DataFrame, intervals: Intervals) -> Iterator[Tier]:
    items = rows["items"].sum()
    for row in rows.group_by("method").agg(SUMS).sort("method").to_dicts():
        yield Tier(
            method=row["method"],
            items=row["items"],
            nic_gbp=row["nic_gbp"],
            kg=intervals.get(("method", row["method"])),
            share_of_items=row["items"] / items,
        )


def _hotspots(rows: pl.DataFrame, names: Mapping[str, str], intervals: Intervals) -> list[Hotspot]:
    total = float(rows["kg_co2e"].sum() or 0)
    by_product = (
        rows.group_by("series_code")
        .agg(*SUMS, pl.col("method").cast(pl.String).unique().sort().str.join(", ").alias("methods"))
        .sort(["kg_co2e", "items", "series_code"], descending=[True, True, False], nulls_last=True)
    )
    return [
        Hotspot(
            name=names.get(row["series_code"], row["series_code"]),
            bnf_code=row["series_code"],
            kg=intervals.get(("series", row["series_code"])),
            nic_gbp=row["nic_gbp"],
            items=row["items"],
            devices=row["devices"],
            methods=row["methods"].replace("_", " "),
            share_of_kg=float(row["kg_co2e"]) / total if row["kg_co2e"] is not None and total else None,
        )
        for row in by_product.to_dicts()
    ]


def _trend(rows: pl.DataFrame, months: list[date], intervals: Intervals) -> Iterator[MonthPoint]:
    def by_month(part: pl.DataFrame) -> dict[date, dict[str, Any]]:
        return {row["month"]: row for row in part.group_by("month").agg(SUMS).to_dicts()}

    inhalers, others = by_month(rows.filter(IS_INHALER)), by_month(rows.filter(~IS_INHALER))
    for month in months:
        inhaled, other = inhalers.get(month), others.get(month)
        if inhaled or other:
            yield MonthPoint(
                month=month,
                inhaler_kg=intervals.get(("month", month.isoformat())),
                other_kg=float(other["kg_co2e"]) if other and other["kg_co2e"] is not None else None,
                devices=inhaled["devices"] if inhaled else None,
                items=sum(part["items"] for part in (inhaled, other) if part),
            )


def _corrections(rows: pl.DataFrame, names: Mapping[str, str]) -> Iterator[Correction]:
    flagged = rows.filter(pl.col("reads_as").is_in(["doses", "packs", "many devices"]))
    for row in flagged.sort("month", "bnf_code", "reads_as").to_dicts():
        yield Correction(
            month=row["month"],
            name=names.get(row["series_code"], row["bnf_code"]),
            bnf_code=row["bnf_code"],
            reads_as=row["reads_as"],
            claimed=row["total_quantity"],
            counted=row["devices"],
            items=row["items"],
        )


def _missing_months(rows: pl.DataFrame, months: list[date]) -> tuple[str, ...]:
    have = set(rows["month"].unique())
    missing = [f"{m:%B %Y}" for m in months if m not in have]
    return (f"This practice has no rows in {', '.join(missing)}.",) if missing else ()
