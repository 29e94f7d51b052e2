"""Measure values by month and over the period, with the pages' intervals, limits and signals."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.measures.definition import Measure
from prescarbon.model.measures.spc import find_signals
from prescarbon.model.measures.trend import dispensing_days, per_dispensing_day
from prescarbon.pipeline.evidence import REPORTED_LEVELS, TREND_MEASURE, Evidence
from prescarbon.reference.definitions import Reference
from prescarbon.report.views.numbers import Interval

PARTS = {"inhalers": ("kg_inhalers", "kg_inhalers_per_1000", "kg_per_inhaler"), "other": ("kg_medicines",)}
ENDS = ("low", "high")
PER_1000 = "kg_inhalers_per_1000"
BY = ["organisation_code", "level", "measure_id"]


def chosen_measures(evidence: Evidence | Reference, wanted: Iterable[str]) -> list[Measure]:
    """The measures of these ids, in their order, each once.

    Raises:
        InputError: there is none of an id.
    """
    reference = evidence.reference if isinstance(evidence, Evidence) else evidence
    known = {m.id: m for m in reference.measures}
    ids = dict.fromkeys(wanted)
    if odd := sorted(ids.keys() - known.keys()):
        raise InputError(f"there is no measure {', '.join(odd)}.", remedy="See `prescarbon measures list`.")
    return [known[i] for i in ids]


def monthly_values(evidence: Evidence, measures: Sequence[Measure], level: str) -> pl.LazyFrame:
    """Table MEASURE_VALUES plus `month`: measures of every organisation of a level, each loaded month by itself.

    A month that an organisation did not report whole has no value: its part of a sum is no fall.
    """
    values = _values(evidence, measures, level, [(m, m) for m in evidence.months])
    return whole_only(values.filter(pl.col("period_start") == pl.col("period_end"))).with_columns(month="period_end")


def whole_only(values: pl.LazyFrame) -> pl.LazyFrame:
    """Table MEASURE_VALUES with what it says of a period that is not whole as unknown."""
    said = ("numerator", "denominator", "value", "low", "high")
    return values.with_columns(pl.when(pl.col("months_held") == pl.col("months")).then(c).alias(c) for c in said)


def period_values(evidence: Evidence, measures: Sequence[Measure], level: str) -> pl.LazyFrame:
    """Table MEASURE_VALUES over the period, low and high as the pages print them.

    Where a value rests on kilograms its ends come from the shared factor draws: a measure's own ends add up the ends of
    every factor, as if all were wrong the same way at once.
    """
    first, last = evidence.period.first, evidence.period.last
    values = _values(evidence, measures, level, [(first, last)])
    now = values.filter((pl.col("period_start") == first) & (pl.col("period_end") == last))
    centre = pl.col("kg_co2e").cast(pl.Float64)
    drawn = evidence.kilograms.lazy().select(
        "part",
        "organisation_code",
        pl.col("level").cast(pl.String),
        *(
            pl.when(centre > 0).then(pl.col(f"kg_{end}").cast(pl.Float64) / centre).alias(f"{end}_share")
            for end in ENDS
        ),
    )
    of_part = [(part, measure) for part, ids in PARTS.items() for measure in ids]
    ends = drawn.join(pl.LazyFrame(of_part, ["part", "measure_id"], orient="row"), on="part").drop("part")
    return (
        now.with_columns(pl.col("level").cast(pl.String).alias("of_level"))
        .join(ends.rename({"level": "of_level"}), on=["organisation_code", "of_level", "measure_id"], how="left")
        .with_columns(pl.coalesce(pl.col("value") * pl.col(f"{end}_share"), end).alias(end) for end in ENDS)
        .drop("of_level", *(f"{end}_share" for end in ENDS))
        .sort("measure_id", "organisation_code")
    )


@dataclass(frozen=True)
class Per1000:
    """Inhalers' kg CO2e per 1,000 registered people over the period, the people (their mean list), and of which months."""

    kg: Interval | None
    people: float | None
    words: str


def per_1000(evidence: Evidence, level: str) -> Mapping[str, Per1000]:
    """Organisation of a level → what the measure PER_1000 says of it: one figure for every page and command."""
    carried = pl.col("is_carried") & pl.col("month").is_in(evidence.period.held)
    moved = set(evidence.list_sizes.filter(carried)["practice_code"]) if level == "practice" else set()
    found = {}
    for row in period_values(evidence, chosen_measures(evidence, [PER_1000]), level).collect().to_dicts():
        people = None if row["denominator"] is None else float(row["denominator"])
        kg = None if row["value"] is None else Interval(row["low"], row["value"], row["high"])
        if people is None:
            continue
        is_moved = row["organisation_code"] in moved
        words = f"mean list of the period{', some months carried forward' if is_moved else ''}"
        found[row["organisation_code"]] = Per1000(kg, people, words)
    return found


def inhalers_with_a_factor(evidence: Evidence, level: str) -> Mapping[str, float]:
    """Organisation of a level → the inhalers that kg an inhaler divides by, over the period."""
    values = period_values(evidence, chosen_measures(evidence, [TREND_MEASURE]), level).drop_nulls("denominator")
    named = values.select("organisation_code", pl.col("denominator").cast(pl.Float64)).collect()
    return dict(named.iter_rows())


def daily_values(evidence: Evidence, measures: Sequence[Measure], level: str) -> pl.DataFrame:
    """`monthly_values` plus value_per_day: per dispensing day, so that a short month is no fall."""
    monthly = monthly_values(evidence, measures, level).drop("period_start", "period_end")
    return per_dispensing_day(monthly, dispensing_days(evidence.months[0], evidence.months[-1])).collect()


def signals_of(
    series: pl.LazyFrame, measure: Measure, better: str | None = None, *, is_plain: bool = False
) -> pl.LazyFrame:
    """The monthly series of one measure with limits, signals and its known breaks, in the unit of `charted_value`.

    better    lower, higher or none, where it is not the measure's own direction
    is_plain  neither season nor memory is taken out
    """
    breaks = pl.LazyFrame(
        [(b.month, b.words, b.is_rebase) for b in measure.breaks],
        schema={"month": pl.Date, "words": pl.String, "is_rebase": pl.Boolean},
        orient="row",
    )
    return find_signals(series, breaks, BY, charted_value(measure), better or measure.direction, is_plain=is_plain)


def charted_value(measure: Measure) -> str:
    """Which column of `daily_values` a chart shows: a count, and a count per head, per dispensing day; else the value."""
    return "value_per_day" if measure.grows_with_days else "value"


def charted_unit(measure: Measure) -> str:
    """The unit of `charted_value`."""
    return f"{measure.unit} a dispensing day" if measure.grows_with_days else measure.unit


def _values(
    evidence: Evidence, measures: Sequence[Measure], level: str, periods: Sequence[tuple[date, date]]
) -> pl.LazyFrame:
    """From what the evidence holds where reports ask for the level, else measured now."""
    if level not in REPORTED_LEVELS:
        return evidence.measure(measures, [level], periods).lazy()
    ids = {m.id for m in measures}
    held = [evidence.charted_values] if ids <= evidence.charted else [evidence.charted_values, evidence.other_values]
    return pl.concat(held).lazy().filter(pl.col("measure_id").is_in(ids) & (pl.col("level") == level))
