"""Measure values by month and by period, with limits and intervals."""

from collections.abc import Iterable, Sequence
from datetime import date

import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.measures.definition import Measure
from prescarbon.model.measures.trend import find_signals
from prescarbon.model.measures.values import run_measures
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.memberships import memberships
from prescarbon.reference.measures import read_measures

BASELINE_POINTS = 24  # limits over a long slide lie in its middle: the first two years set them where there are more
INHALER_KG, OTHER_KG = ("kg_inhalers", "kg_inhalers_per_1000", "kg_per_inhaler"), ("kg_medicines",)
BY = ["organisation_code", "level", "measure_id"]


def monthly_values(evidence: Evidence, measures: Sequence[Measure], level: str) -> pl.LazyFrame:
    """Table MEASURE_VALUES plus `month`: every measure of every organisation of a level, each loaded month by itself."""
    return _values(evidence, measures, level, [(m, m) for m in evidence.months]).with_columns(month="period_end")


def period_values(evidence: Evidence, level: str, period: Sequence[date]) -> pl.DataFrame:
    """Table MEASURE_VALUES: every measure of every organisation of a level over one period, with the pages' intervals."""
    values = _values(evidence, read_measures(evidence.reference.root), level, [(period[0], period[-1])])
    drawn = _with_drawn_intervals(evidence, values, level, period)
    return drawn.sort("measure_id", "organisation_code").collect()


def _values(
    evidence: Evidence, measures: Sequence[Measure], level: str, periods: Sequence[tuple[date, date]]
) -> pl.LazyFrame:
    frame = pl.LazyFrame(periods, schema={"period_start": pl.Date, "period_end": pl.Date}, orient="row")
    values = run_measures(
        measures,
        evidence.footprint.lazy(),
        evidence.reference.products,
        memberships(evidence, level),
        evidence.list_sizes.lazy(),
        frame,
    )
    return values.collect().lazy()


def _measures(evidence: Evidence, wanted: Iterable[str]) -> list[Measure]:
    known = {m.id: m for m in read_measures(evidence.reference.root)}
    if odd := sorted(set(wanted) - known.keys()):
        raise InputError(f"there is no measure {', '.join(odd)}.", remedy="See `prescarbon measures list`.")
    return [known[w] for w in wanted]


def signals_of(series: pl.LazyFrame, measure: Measure, points: int) -> pl.LazyFrame:
    """The monthly series of one measure with limits, signals and its known breaks; sums are taken per dispensing day."""
    breaks = pl.LazyFrame(
        [(b.month, b.words, b.is_rebase) for b in measure.breaks],
        schema={"month": pl.Date, "words": pl.String, "is_rebase": pl.Boolean},
        orient="row",
    )
    value = "value" if measure.denominator else "value_per_day"
    baseline = BASELINE_POINTS if points > BASELINE_POINTS else None
    return find_signals(series, breaks, BY, value, baseline_points=baseline)


def _with_drawn_intervals(evidence: Evidence, values: pl.LazyFrame, level: str, period: Sequence[date]) -> pl.LazyFrame:
    """The values with low and high from the shared factor draws where they rest on kilograms: one interval everywhere.

    A measure's own ends add up the ends of every factor, as if all were wrong the same way at once.
    """
    members = (
        memberships(evidence, level).filter(pl.col("month") == period[-1]).select("practice_code", "organisation_code")
    )
    is_inhaler = pl.col("reads_as") != "not an inhaler"
    rows = evidence.footprint.lazy().filter(pl.col("month").is_in(period)).join(members, on="practice_code")
    drawn = []
    for ids, part in ((INHALER_KG, rows.filter(is_inhaler)), (OTHER_KG, rows.filter(~is_inhaler))):
        found = evidence.intervals(part, ["organisation_code"]).lazy()
        ends = found.select(
            "organisation_code", *(_share_of_centre(end).alias(f"{end}_share") for end in ("low", "high"))
        )
        drawn.append(ends.join(pl.LazyFrame({"measure_id": list(ids)}), how="cross"))
    return (
        values.join(pl.concat(drawn), on=["organisation_code", "measure_id"], how="left")
        .with_columns(pl.coalesce(pl.col("value") * pl.col(f"{end}_share"), end).alias(end) for end in ("low", "high"))
        .drop("low_share", "high_share")
    )


def _share_of_centre(end: str) -> pl.Expr:
    centre = pl.col("kg_co2e").cast(pl.Float64)
    return pl.when(centre > 0).then(pl.col(f"kg_{end}").cast(pl.Float64) / centre)
