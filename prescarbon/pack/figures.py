"""The figures of every practice, summed for all practices at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl

from prescarbon.model.activity import IS_INHALER
from prescarbon.model.period import Period
from prescarbon.model.sums import DEVICE_DECIMALS, KILOGRAMS, exact_sum, known_sum
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.series import Per1000, per_1000
from prescarbon.reference.spend import PRODUCT_WIDTH
from prescarbon.report.views.numbers import Interval, pence
from prescarbon.report.views.practice import Correction, Hotspot, MonthPoint, PracticeFigures, Tier

HOTSPOTS_SHOWN = 10
MONTHS_IN_TREND = 24
DEVICES = exact_sum("devices", DEVICE_DECIMALS).alias("devices")
SUMS = [*(known_sum(n) for n in ("items", "nic_gbp", *KILOGRAMS)), DEVICES]
CODE = "practice_code"
NO_LIST = Per1000(None, None, "no list size is loaded for this practice")
Rows = Mapping[str, list[dict[str, Any]]]
Intervals = Mapping[tuple[str, str, str], Interval | None]


def practice_figures(evidence: Evidence) -> list[PracticeFigures]:
    """The figures of every practice in the evidence, in order of practice code."""
    return build_figures(
        evidence.footprint,
        evidence.names,
        {row[CODE]: row for row in evidence.practices.to_dicts()},
        per_1000(evidence, "practice"),
        page_intervals(evidence),
        evidence.period,
        _notes(evidence),
        product_width=evidence.reference.spend_widths[PRODUCT_WIDTH],
    )


def page_intervals(evidence: Evidence) -> pl.DataFrame:
    """The intervals a practice's page prints: practice_code, part, key, kg_low, kg_co2e, kg_high; see build_figures."""
    foot = evidence.footprint.lazy()
    now = foot.filter(pl.col("month").is_in(evidence.period.held))
    parts = (
        ("series", now.filter(IS_INHALER), pl.col("series_code")),
        ("method", now, pl.col("method").cast(pl.String)),
        ("month", foot.filter(IS_INHALER), pl.col("month").dt.to_string("iso")),
    )
    rows = pl.concat(
        frame.select(CODE, "factor_id", *KILOGRAMS, part=pl.lit(part), key=key) for part, frame, key in parts
    )
    own = evidence.kilograms.filter((pl.col("level") == "practice") & pl.col("part").is_in(["inhalers", "other"]))
    totals = own.select(
        pl.col("organisation_code").alias(CODE), pl.lit("total").alias("part"), pl.col("part").alias("key"), *KILOGRAMS
    )
    return pl.concat([totals, evidence.intervals(rows, [CODE, "part", "key"])])


def build_figures(
    footprint: pl.DataFrame,
    names: Mapping[str, str],
    practices: Mapping[str, Mapping[str, Any]],
    by_people: Mapping[str, Per1000],
    intervals: pl.DataFrame,
    period: Period,
    notes: tuple[str, ...] = (),
    *,
    product_width: float,
) -> list[PracticeFigures]:
    """The figures of each practice, in order of practice code.

    footprint   table FOOTPRINT plus series_code
    names       series_code → product name
    practices   practice_code → columns of table PRACTICES
    by_people   practice_code → its inhalers' kg per 1,000 people, where its list is known
    intervals   practice_code, part, key, kg_low, kg_co2e, kg_high, all from the same shared factor draws. Parts and keys:
                "total" of "inhalers" or "other"; "series" of an inhaler's series_code; "method" of a method (all three over
                the period); "month" of a month's first day (inhalers alone)
    period      the months summed; each practice's own is those of them in which it has rows
    notes       sentences about the data that hold for every practice
    product_width  how many times more or less one product may have than its spend figure says
    """
    trend_months = Period.ending(period.last, MONTHS_IN_TREND, footprint["month"].unique()).held
    now = footprint.filter(pl.col("month").is_in(period.held))
    drawn = {
        (row[CODE], row["part"], row["key"]): _interval(row) for row in intervals.to_dicts()
    }  # fmt: skip
    tiers, corrections = _by_practice(_tiers(now)), _by_practice(_flagged(now))
    spots, missing = _by_practice(_spots(now)), _by_practice(_without_factor(now))
    by_month = _by_practice(footprint.group_by(CODE, "month", is_inhaler=IS_INHALER).agg(SUMS).sort(CODE, "month"))
    found = []
    for totals in _totals(now, footprint).to_dicts():
        code = totals[CODE]
        about = practices.get(code, {})
        people = by_people.get(code, NO_LIST)
        inhaler_kg = drawn.get((code, "total", "inhalers"))
        devices = totals["covered_devices"]
        own_spots = spots.get(code, [])
        found.append(
            PracticeFigures(
                practice_code=code,
                practice_name=str(about.get("practice_name") or code),
                setting=str(about.get("setting") or "not known"),
                pcn_name=about.get("pcn_name"),
                pcn_code=about.get("pcn_code"),
                sub_icb_code=about.get("sub_icb_code"),
                period=period.held_by(row["month"] for row in by_month.get(code, [])),
                inhaler_kg=inhaler_kg,
                kg_per_inhaler=inhaler_kg.times(1 / devices) if inhaler_kg and devices else None,
                other_kg=drawn.get((code, "total", "other")),
                other_items_unknown=totals["other_items_unknown"] or 0,
                kg_per_1000=people.kg,
                list_size=people.people,
                list_size_words=people.words,
                inhalers=devices,
                items=totals["items"] or 0,
                nic_gbp=totals["nic_gbp"],
                rows_without_nic=totals["rows_without_nic"] or 0,
                covered_inhaler_items=_share(totals["covered_items"], totals["inhaler_items"]),
                covered_gbp=_share(totals["costed_gbp"], totals["nic_gbp"]),
                tiers=tuple(_tier(row, totals["items"], drawn) for row in tiers.get(code, [])),
                inhaler_hotspots=tuple(_hotspot(r, names, drawn) for r in own_spots if r["is_inhaler"]),
                other_hotspots=tuple(
                    _with_width(_hotspot(r, names, {}), r, product_width) for r in own_spots if not r["is_inhaler"]
                ),
                trend=tuple(_trend(code, by_month.get(code, []), trend_months, drawn)),
                corrections=tuple(_correction(row, names) for row in corrections.get(code, [])),
                without_factor=tuple(_hotspot(row, names, {}) for row in missing.get(code, [])),
                notes=notes + _missing_months(by_month.get(code, []), trend_months),
            )
        )
    return found


def _by_practice(frame: pl.DataFrame) -> Rows:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in frame.to_dicts():
        rows.setdefault(row[CODE], []).append(row)
    return rows


def _totals(now: pl.DataFrame, footprint: pl.DataFrame) -> pl.DataFrame:
    """One row a practice of the footprint: what its period sums to, null where it has no rows in it."""
    covered = IS_INHALER & pl.col("devices").is_not_null() & pl.col("kg_co2e").is_not_null()
    sums = now.group_by(CODE).agg(
        known_sum("items"),
        known_sum("nic_gbp"),
        covered_devices=exact_sum(pl.col("devices").filter(covered), DEVICE_DECIMALS),
        covered_items=pl.col("items").filter(covered).sum(),
        inhaler_items=pl.col("items").filter(IS_INHALER).sum(),
        costed_gbp=pl.col("nic_gbp").filter(pl.col("kg_co2e").is_not_null()).sum(),
        rows_without_nic=pl.col("rows_without_nic").sum(),
        other_items_unknown=pl.col("items").filter(~IS_INHALER & pl.col("kg_co2e").is_null()).sum(),
    )
    everyone = footprint.select(pl.col(CODE).unique()).join(sums, on=CODE, how="left")
    return everyone.with_columns(pl.col("covered_devices").fill_null(0.0)).sort(CODE)


def _tiers(now: pl.DataFrame) -> pl.DataFrame:
    return now.group_by(CODE, "method").agg(SUMS).sort(CODE, "method")


def _flagged(now: pl.DataFrame) -> pl.DataFrame:
    return now.filter(pl.col("reads_as").is_in(["doses", "packs", "many devices"])).sort(
        CODE, "month", "bnf_code", "reads_as"
    )


def _spots(now: pl.DataFrame) -> pl.DataFrame:
    """The largest products of each practice, inhalers and others apart, with the kilograms of all of theirs together."""
    part = [CODE, "is_inhaler"]
    ranked = _by_product(now, part).with_columns(whole_kg=pl.col("kg_co2e").sum().over(part))
    return ranked.group_by(part, maintain_order=True).head(HOTSPOTS_SHOWN)


def _without_factor(now: pl.DataFrame) -> pl.DataFrame:
    return _by_product(now.filter(pl.col("method") == "unknown"), [CODE]).with_columns(whole_kg=None)


def _by_product(rows: pl.DataFrame, within: Sequence[str]) -> pl.DataFrame:
    methods = pl.col("method").cast(pl.String).unique().sort().str.join(", ").alias("methods")
    summed = rows.with_columns(is_inhaler=IS_INHALER).group_by(*within, "series_code").agg(*SUMS, methods)
    order = [*within, "kg_co2e", "items", "series_code"]
    return summed.sort(order, descending=[c in ("kg_co2e", "items") for c in order], nulls_last=True)


def _hotspot(row: Mapping[str, Any], names: Mapping[str, str], drawn: Intervals) -> Hotspot:
    return Hotspot(
        name=names.get(row["series_code"], row["series_code"]),
        bnf_code=row["series_code"],
        kg=drawn.get((row[CODE], "series", row["series_code"])),
        nic_gbp=row["nic_gbp"],
        items=row["items"],
        devices=row["devices"],
        methods=row["methods"].replace("_", " "),
        share_of_kg=_share(row["kg_co2e"], row["whole_kg"]),
    )


def _with_width(spot: Hotspot, row: Mapping[str, Any], times: float) -> Hotspot:
    """One product by spend: an order of magnitude, since the factor is one for all products."""
    if row["kg_co2e"] is None:
        return spot
    kg = float(row["kg_co2e"])
    return replace(spot, kg=Interval(kg / times, kg, kg * times))


def _tier(row: Mapping[str, Any], items: int, drawn: Intervals) -> Tier:
    return Tier(
        method=row["method"],
        items=row["items"],
        nic_gbp=row["nic_gbp"],
        kg=drawn.get((row[CODE], "method", row["method"])),
        share_of_items=row["items"] / items,
    )


def _trend(
    code: str, rows: Sequence[Mapping[str, Any]], months: Sequence[date], drawn: Intervals
) -> Iterator[MonthPoint]:
    known = {(row["month"], row["is_inhaler"]): row for row in rows}
    for month in months:
        inhaled, other = known.get((month, True)), known.get((month, False))
        if inhaled or other:
            yield MonthPoint(
                month=month,
                inhaler_kg=drawn.get((code, "month", month.isoformat())),
                other_kg=float(other["kg_co2e"]) if other and other["kg_co2e"] is not None else None,
                devices=inhaled["devices"] if inhaled else None,
                items=sum(part["items"] for part in (inhaled, other) if part),
            )


def _correction(row: Mapping[str, Any], names: Mapping[str, str]) -> Correction:
    return Correction(
        month=row["month"],
        name=names.get(row["series_code"], row["bnf_code"]),
        bnf_code=row["bnf_code"],
        reads_as=row["reads_as"],
        claimed=row["total_quantity"],
        counted=row["devices"],
        items=row["items"],
    )


def _missing_months(rows: Sequence[Mapping[str, Any]], months: Sequence[date]) -> tuple[str, ...]:
    have = {row["month"] for row in rows}
    missing = [f"{m:%B %Y}" for m in months if m not in have]
    return (f"This practice has no rows in {', '.join(missing)}.",) if missing else ()


def _share(part: Any, whole: Any) -> float | None:
    return float(part) / float(whole) if part is not None and whole else None


def _interval(row: Mapping[str, Any]) -> Interval | None:
    low, central, high = (row[k] for k in KILOGRAMS)
    return None if central is None else Interval(float(low), float(central), float(high))


def _notes(evidence: Evidence) -> tuple[str, ...]:
    notes = []
    for m in evidence.manifests:
        if m.rows_rejected:
            notes.append(
                f"{m.month}: {m.rows_rejected:,} of {m.rows_in:,} rows in the file could not be used "
                f"({pence(m.nic_gbp_rejected)}); they are listed with their reason in the store."
            )
        notes.extend(f"{m.month}: {warning}" for warning in m.warnings)
    return tuple(notes)
