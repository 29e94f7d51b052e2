"""What only the ICS page says: KPIs with their targets and series, places, gases, rows in and out, published values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.trend import dispensing_days, per_dispensing_day
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.measuring import GROUP, reconcile
from prescarbon.pipeline.trending import kpis, monthly_values, signals_of
from prescarbon.reference import read_toml
from prescarbon.reference_measures import read_measures
from prescarbon.reference_switches import read_typed
from prescarbon.reference_wording import Wording
from prescarbon.report.ics import GroupRow
from prescarbon.report.numbers import Interval
from prescarbon.report.parts import Series, SignalPoint
from prescarbon.report.practice import IS_INHALER, PracticePage
from prescarbon.tables import KPIS, TARGETS

GAS_PREFIXES = ("1501020", "191500000BD")
SIGNAL_KEYS = ("month", "value", "centre", "lower", "upper", "signal", "break_words")


def kpi_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Table KPI_VALUES of the whole scope plus target_words and unit, with the returns that were sent in."""
    rows = kpis(evidence.config, level=GROUP, evidence=evidence, returns=evidence.config.kpi_returns)
    folder = evidence.reference.root / "targets"
    words = dict(read_typed(folder / "targets.csv", TARGETS.schema).select("target_id", "words").collect().iter_rows())
    units = {m.id: m.unit for m in read_measures(evidence.reference.root)}
    listed = read_typed(folder / "kpis.csv", KPIS.schema).select("kpi_id", "target_id", "measure_id").collect()
    about = {
        kpi: {"target_words": words.get(target), "unit": units.get(measure, "")}
        for kpi, target, measure in listed.iter_rows()
    }
    return [row | about[row["kpi_id"]] for row in rows]


def kpi_series(evidence: Evidence) -> Iterator[Series]:
    """The monthly series with limits behind every measured KPI, sums per dispensing day."""
    listed = read_typed(evidence.reference.root / "targets" / "kpis.csv", KPIS.schema).drop_nulls("measure_id")
    known = {m.id: m for m in read_measures(evidence.reference.root)}
    titles = dict(listed.select("measure_id", "title").collect().iter_rows())
    measures = [known[m] for m in titles]
    monthly = monthly_values(evidence, measures, GROUP).drop("period_start", "period_end")
    series = per_dispensing_day(monthly, dispensing_days(evidence.months[0], evidence.months[-1])).collect().lazy()
    for measure in measures:
        rows = signals_of(series.filter(pl.col("measure_id") == measure.id), measure, len(evidence.months)).collect()
        value = "value" if measure.denominator else "value_per_day"
        unit = measure.unit if measure.denominator else f"{measure.unit} a dispensing day"
        known_months = {row["month"]: row for row in rows.to_dicts()}
        if any(row[value] is not None for row in known_months.values()):
            points = (_point(month, known_months.get(month), value) for month in evidence.months)
            yield Series(measure.id, titles[measure.id], unit, tuple(points))


def _point(month: date, row: Mapping[str, Any] | None, value: str) -> SignalPoint:
    if row is None:
        return SignalPoint(month, None, None, None, None, None, None)
    return SignalPoint(month, row[value], *(row[key] for key in SIGNAL_KEYS[2:]))


def group_row(
    evidence: Evidence, members: Sequence[PracticePage], code: str, name: str, address: str | None
) -> GroupRow:
    """Practices together over the period of their pages."""
    rows = evidence.footprint.lazy().filter(
        pl.col("practice_code").is_in([p.practice_code for p in members])
        & pl.col("month").is_in(members[0].period)
        & IS_INHALER
    )
    kg = interval_of(evidence, rows)
    inhalers = sum(p.inhalers for p in members)
    people = sum(p.list_size or 0 for p in members)
    has_all_lists = all(p.list_size for p in members)
    return GroupRow(
        code=code,
        name=name,
        address=address,
        practices=len(members),
        inhaler_kg=kg,
        inhalers=inhalers,
        kg_per_inhaler=kg.central / inhalers if kg and inhalers else None,
        kg_per_1000=kg.central / people * 1000 if kg and people and has_all_lists else None,
    )


def place_rows(evidence: Evidence, pages: Sequence[PracticePage]) -> Iterator[GroupRow]:
    """Each place of reference/organisations/places.toml that has a practice in this run, then those in no place."""
    left = {p.practice_code: p for p in pages}
    found = []
    for key, place in read_toml(evidence.reference.root / "organisations" / "places.toml").items():
        members = [left.pop(code) for code in place.get("practice_codes", ()) if code in left]
        if members:
            found.append(group_row(evidence, members, key, place["name"], None))
    if found and left:
        found.append(group_row(evidence, list(left.values()), "none", "In no listed place", None))
    yield from found


def interval_of(evidence: Evidence, rows: pl.LazyFrame) -> Interval | None:
    """kg CO2e of all the rows together, from the shared draws."""
    found = evidence.intervals(rows, []).drop_nulls()
    return next((Interval(*map(float, row)) for row in found.iter_rows()), None)


def gases(evidence: Evidence, words: Wording) -> str:
    """What prescribing data say of anaesthetic gases."""
    codes = pl.any_horizontal(pl.col("bnf_code").str.starts_with(p) for p in GAS_PREFIXES)
    items = int(evidence.footprint.filter(codes)["items"].sum())
    sentences = words["ics"]
    return str(sentences["gases_some"].format(items=f"{items:,}") if items else sentences["gases_none"])


def month_rows(evidence: Evidence) -> list[Mapping[str, Any]]:
    """What each month's file was made of."""
    keys = ("rows_in", "rows_used", "rows_rejected", "nic_gbp_in", "nic_gbp_used", "nic_gbp_rejected")
    return [{"month": m.month, **{key: getattr(m, key) for key in keys}} for m in evidence.manifests]


def published_rows(evidence: Evidence, last_month: date) -> list[dict[str, Any]]:
    """Ours beside imported published values of the newest month; none where none are imported."""
    try:
        rows = reconcile(replace(evidence.config, scope=("all",), is_scope_given=True), last_month=last_month)
    except InputError:
        return []
    own = set(evidence.practices["sub_icb_code"].drop_nulls())
    return [row for row in rows if row["organisation_code"] in own]
