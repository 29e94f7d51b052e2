"""Monthly series: per dispensing day, last year's month, and XmR limits with four signals.

Method. Process limits are mean ± 2.66 × mean moving range, all points included, as in the Making Data Count Excel
tools (NHS England; NHSRplotthedots, vignette "Deviations from Excel defaults"). The four rules are theirs, with the
numbers of NHSRplotthedots 0.2.2 (R/ptd_calculate_point_type.R): a point outside the limits; seven or more in a row on
one side of the mean; seven or more in a row each above, or each below, the one before; two of three in a row, all on
one side of the mean, in the outer third of the limits. Other parts of the NHS use six; seven warns less often.
"""

from collections.abc import Sequence
from datetime import date

import holidays
import numpy as np
import polars as pl

from prescarbon.errors import InputError
from prescarbon.tables.schema import MONTHS_IN_YEAR

LIMITS_IN_MOVING_RANGES = 2.66  # 3 ÷ d2, d2 = 1.128 for ranges of two (Wheeler; NHSRplotthedots)
POINTS_FOR_LIMITS = 12  # docs/explanation/method.md: fewer points draw no limits and give no signal
POINTS_IN_RUN = 7  # NHSRplotthedots 0.2.2: shift and trend
NEAR_LIMIT_SHARE = 2 / 3
NOISE = 1e-9  # a difference below this share of the mean is float rounding, not a rise

BY = ("organisation_code", "measure_id")
SIGNALS = {
    "is_outside": "outside the limits",
    "is_shift": "shift",
    "is_trend": "trend",
    "is_near_limit": "near a limit",
}


def dispensing_days(first: date, last: date) -> pl.LazyFrame:
    """Month → dispensing_days: weekdays that are no bank holiday in England (library `holidays`, GB-ENG).

    One-off days (jubilee, funeral, coronation) come with the library. Saturdays do not count although pharmacies open
    then: on the published reliever series of BLMK's 61 months the mean moving range is 5.9% of the mean so, 5.3% with
    Saturdays and 6.3% without any such division.
    """
    months = pl.date_range(first.replace(day=1), last.replace(day=1), "1mo", eager=True).alias("month")
    ends = months.dt.offset_by("1mo")
    free = holidays.country_holidays("GB", subdiv="ENG", years=range(first.year, last.year + 1))
    off = np.array(sorted(free), dtype="datetime64[D]")
    days = np.busday_count(months.to_numpy(), ends.to_numpy(), weekmask="1111100", holidays=off)
    return pl.DataFrame([months, pl.Series("dispensing_days", days, pl.Int64)]).lazy()


def per_dispensing_day(series: pl.LazyFrame, days: pl.LazyFrame, value: str = "value") -> pl.LazyFrame:
    """Series plus dispensing_days and `{value}_per_day`. For counts and kilograms; a share needs no such thing.

    series  month and the value; null stays null
    days    month, dispensing_days
    """
    return series.join(days, on="month", how="left", validate="m:1").with_columns(
        (pl.col(value).cast(pl.Float64) / pl.col("dispensing_days")).alias(f"{value}_per_day")
    )


def last_year(series: pl.LazyFrame, by: Sequence[str] = BY, value: str = "value") -> pl.LazyFrame:
    """Series plus `{value}_last_year`, the same month twelve months before, and `{value}_change`; null where not known."""
    before = series.select(
        *by, pl.col("month").dt.offset_by(f"{MONTHS_IN_YEAR}mo"), pl.col(value).alias(f"{value}_last_year")
    )
    return series.join(before, on=[*by, "month"], how="left", validate="m:1").with_columns(
        (pl.col(value) - pl.col(f"{value}_last_year")).alias(f"{value}_change")
    )


def find_signals(
    series: pl.LazyFrame,
    breaks: pl.LazyFrame | None = None,
    by: Sequence[str] = BY,
    value: str = "value",
    points_needed: int = POINTS_FOR_LIMITS,
    baseline_points: int | None = None,
) -> pl.LazyFrame:
    """XmR limits and the four signals of monthly series.

    series           by…, month, and a monthly value; a null value (0/0) is no point
    breaks           month, words, is_rebase: known breaks such as a January code change, a factor revision, a merger.
                     Each is marked on its month; limits start anew where is_rebase is true
    baseline_points  how many first points of a segment set its limits; none: all. A series on a long slide needs it:
                     limits over all of it lie in the middle, and then every point is a signal
    returns  series sorted by by…, month, plus segment (0, 1, … between re-basing breaks), break_words?, points (in the
             segment), centre?, lower?, upper? (null with fewer points than needed), the four of SIGNALS, signal? (the
             first that holds) and direction? (1 up, -1 down: side of the mean, or way of the trend)
    raises   InputError for rolling sums, periods longer than a month, or a baseline shorter than points_needed
    method   module docstring. A moving range joins neighbouring months only, never across a missing one
    """
    _refuse_long_periods(series, value)
    if baseline_points is not None and baseline_points < points_needed:
        raise InputError(
            f"{baseline_points} points are too few for limits.", where="XmR", remedy=f"{points_needed} or more."
        )
    keys = [*by, "segment"]
    marked = _mark_breaks(series, breaks)
    given = pl.col(value).cast(pl.Float64)
    points = marked.select(*keys, "month", point=given).filter(pl.col("point").is_not_nan()).sort(*keys, "month")
    limited = _add_limits(points, keys, points_needed, baseline_points)
    signalled = _add_signals(limited, keys).drop("point")
    missed = {name: pl.col(name).fill_null(value=False) for name in SIGNALS}
    return (
        marked.join(signalled, on=[*keys, "month"], how="left", nulls_equal=True)
        .with_columns(**missed)
        .sort(*by, "month")
    )


def _refuse_long_periods(series: pl.LazyFrame, value: str) -> None:
    columns = series.collect_schema().names()
    if value.startswith("rolling"):
        raise InputError(f"{value} is a rolling sum.", where="XmR", remedy="Give it the monthly values.")
    if {"period_start", "period_end"} <= set(columns):
        is_long = pl.col("period_start").dt.truncate("1mo") != pl.col("period_end").dt.truncate("1mo")
        if series.select(is_long.any()).collect().item():
            raise InputError("a period is longer than a month.", where="XmR", remedy="Give it the monthly values.")


def _mark_breaks(series: pl.LazyFrame, breaks: pl.LazyFrame | None) -> pl.LazyFrame:
    if breaks is None:
        return series.with_columns(segment=pl.lit(0, pl.Int64), break_words=pl.lit(None, pl.String))
    months = (
        breaks.sort("month", "words").group_by("month").agg(pl.col("words").str.join("; "), pl.col("is_rebase").any())
    )
    new_starts = (
        months.filter("is_rebase").sort("month").select("month", segment=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    )
    return (
        series.sort("month")
        .join_asof(new_starts, on="month")
        .join(months.select("month", break_words="words"), on="month", how="left", validate="m:1")
        .with_columns(pl.col("segment").fill_null(0))
    )


def _add_limits(points: pl.LazyFrame, keys: list[str], points_needed: int, baseline_points: int | None) -> pl.LazyFrame:
    is_next_month = pl.col("month") == pl.col("month").shift(1).over(keys).dt.offset_by("1mo")
    moving_range = pl.when(is_next_month).then((pl.col("point") - pl.col("point").shift(1).over(keys)).abs())
    in_baseline = pl.lit(value=True) if baseline_points is None else pl.col("place") < baseline_points
    reach = LIMITS_IN_MOVING_RANGES * pl.col("moving_range").filter(in_baseline).mean().over(keys)
    centre = pl.col("point").filter(in_baseline).mean().over(keys)
    is_enough = pl.col("points") >= points_needed
    return (
        points.with_columns(
            moving_range=moving_range,
            points=pl.len().over(keys).cast(pl.Int64),
            place=pl.int_range(pl.len()).over(keys),
        )
        .with_columns(centre=pl.when(is_enough).then(centre), reach=pl.when(is_enough).then(reach))
        .with_columns(lower=pl.col("centre") - pl.col("reach"), upper=pl.col("centre") + pl.col("reach"))
    )


def _add_signals(points: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    tolerance = pl.col("centre").abs() * NOISE
    distance = pl.col("point") - pl.col("centre")
    step = pl.col("point") - pl.col("point").shift(1).over(keys)
    side = pl.when(distance.abs() <= tolerance).then(0).otherwise(distance.sign()).cast(pl.Int64)
    way = pl.when(step.abs() <= tolerance).then(0).otherwise(step.sign()).fill_null(0).cast(pl.Int64)
    near = (distance.abs() > NEAR_LIMIT_SHARE * pl.col("reach") + tolerance) & ~pl.col("is_outside")
    near_of_three = [pl.col("is_near").shift(-o, fill_value=False).over(keys).cast(pl.Int64) for o in (-2, -1, 0, 1, 2)]
    sides = [pl.col("side").shift(-o, fill_value=0).over(keys) for o in (-2, -1, 0, 1, 2)]
    windows = [
        (pl.sum_horizontal(near_of_three[s : s + 3]) >= 2) & (pl.sum_horizontal(sides[s : s + 3]).abs() == 3)
        for s in range(3)
    ]
    long_run = pl.col("way_run") >= POINTS_IN_RUN - 1  # seven points make six steps
    starts_run = pl.col("is_long_way").shift(-1, fill_value=False).over(keys)
    next_way = pl.col("way").shift(-1).over(keys)
    is_first_true = [pl.when(name).then(pl.lit(words)) for name, words in SIGNALS.items()]
    only_trend = pl.col("is_trend") & ~pl.col("is_outside") & ~pl.col("is_shift") & ~pl.col("is_near_limit")
    return (
        points.with_columns(
            is_outside=(distance.abs() > pl.col("reach") + tolerance).fill_null(value=False), side=side, way=way
        )
        .with_columns(
            is_near=near.fill_null(value=False),
            side_run=pl.len().over([*keys, pl.col("side").rle_id().over(keys)]),
            way_run=pl.len().over([*keys, pl.col("way").rle_id().over(keys)]),
        )
        .with_columns(
            is_shift=((pl.col("side_run") >= POINTS_IN_RUN) & (pl.col("side") != 0)).fill_null(value=False),
            is_long_way=long_run & (pl.col("way") != 0) & pl.col("centre").is_not_null(),
            is_near_limit=pl.col("is_near") & pl.any_horizontal(windows).fill_null(value=False),
        )
        .with_columns(is_trend=pl.col("is_long_way") | starts_run)
        .with_columns(
            signal=pl.coalesce(is_first_true),
            direction=pl.when(only_trend)
            .then(pl.when("is_long_way").then("way").otherwise(next_way))
            .when(pl.any_horizontal(list(SIGNALS)))
            .then("side"),
        )
        .select(*keys, "month", "point", "points", "centre", "lower", "upper", *SIGNALS, "signal", "direction")
    )
