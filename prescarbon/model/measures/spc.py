"""XmR limits of monthly series and the four Making Data Count signals, on what season and memory leave over.

Plain limits are mean ± 2.66 × mean moving range over all points, as the Making Data Count Excel tools draw them (NHS
England; NHSRplotthedots, vignette "Deviations from Excel defaults"). The rules have the numbers of NHSRplotthedots 0.2.2
(R/ptd_calculate_point_type.R): a point outside the limits; seven or more in a row on one side of the centre; seven or
more in a row each above, or each below, the one before; two of three in a row, all on one side, in the outer third.

Prescribing has seasons, slopes, and months that resemble the month before: plain limits then call the newest month news up
to every second time. So unless plain limits are asked for, a month is judged against what was to be expected of it:
the same month a year earlier, plus the usual change in a year, plus the share of the last month's surprise that months
carry on (lag-1 autocorrelation). The same rules then read what is left over. With less than two years there is no
year earlier: the level stands in its place. Method, false alarms and power: docs/explanation/method.md#limits.
"""

from collections.abc import Sequence

import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.measures.trend import BY
from prescarbon.tables.schema import MONTHS_IN_YEAR

LIMITS_IN_MOVING_RANGES = 2.66  # 3 ÷ d2 (Wheeler; NHSRplotthedots)
RANGES_IN_SIGMA = 1.128  # d2, ranges of two
POINTS_IN_RUN = 7  # NHSRplotthedots 0.2.2: shift and trend
NEAR_LIMIT_SHARE = 2 / 3
NOISE = 1e-9  # a difference below this share of the value is float rounding, not a rise

# docs/explanation/method.md#limits says why, benchmarks/signals.py shows what they give
POINTS_FOR_LIMITS = 12  # fewer draw no limits and give no signal
POINTS_IN_BASELINE = 24  # at most: the newest of those that may set limits
POINTS_HELD_BACK = 12  # the newest year never sets the limits that judge it, where twelve are left without it
MOST_CARRIED = 0.9
CARRIED_ERRORS = 0.75  # standard errors (1 ÷ √points) on top of the lag-1 found
SIDE_ERRORS = 2  # nearer to the centre than this many of its standard errors is on no side of it
CENTRE_VARIANCE = 3  # of the centre, in σ² ÷ points: a year that both its neighbours are compared with counts thrice
LEVEL_VARIANCE = 12  # the same without a year before: season and slope are still in it

SIGNALS = {
    "is_outside": "outside the limits",
    "is_shift": "shift",
    "is_trend": "trend",
    "is_near_limit": "near a limit",
}
MEANINGS = ("improvement", "concern", "change")


def find_signals(
    series: pl.LazyFrame,
    breaks: pl.LazyFrame | None = None,
    by: Sequence[str] = BY,
    value: str = "value",
    better: str = "none",
    *,
    is_plain: bool = False,
) -> pl.LazyFrame:
    """Limits and the four signals of monthly series.

    series    by…, month, and a monthly value; a null value (0/0) is no point
    breaks    month, words, is_rebase: known breaks such as a January code change, a factor revision, a merger. Each is
              marked on its month; limits start anew where is_rebase is true, and nothing is compared across it
    better    lower, higher or none: which way is good
    is_plain  mean ± 2.66 × mean moving range over all points of a segment: neither season nor memory is taken out
    returns   series sorted by by…, month, plus segment (0, 1, … between re-basing breaks), break_words?, points (in the
              segment), centre? (what was to be expected of the month), lower?, upper? (null with fewer points than
              needed, and where no year earlier or no month before is known), is_seasonal? (true: against the year
              earlier), lag_1? (found in the baseline), limits_from?, limits_to? (first and last month that set the
              limits), the four of SIGNALS, signal? (the first that holds), direction? (1 up, -1 down: side of the centre,
              or way of the trend) and meaning? (one of MEANINGS, where there is a signal)
    raises    InputError for rolling sums and periods longer than a month
    method    module docstring. A moving range joins neighbouring months only, never across a missing one
    """
    _refuse_long_periods(series, value)
    keys = [*by, "segment"]
    marked = _mark_breaks(series, breaks)
    given = pl.col(value).cast(pl.Float64)
    points = marked.select(*keys, "month", point=given).filter(pl.col("point").is_not_nan()).sort(*keys, "month")
    points = points.with_columns(points=pl.len().over(keys).cast(pl.Int64))
    left = _plain(points, keys) if is_plain else _left_over(points, keys)
    signalled = _add_signals(_add_limits(left, keys), keys, better)
    missed = {name: pl.col(name).fill_null(value=False) for name in SIGNALS}
    counted = points.select(*keys, "month", "points")
    return (
        marked.join(counted, on=[*keys, "month"], how="left", nulls_equal=True)
        .join(signalled, on=[*keys, "month"], how="left", nulls_equal=True)
        .with_columns(**missed)
        .sort(*by, "month")
    )


def carried_on_share(lag_1: pl.Expr, points: pl.Expr) -> pl.Expr:
    """Which share of what a month was off by is expected of the next: 0 where no autocorrelation is known.

    lag_1   the autocorrelation found in so many points; corrected for its bias in short series and raised, because too
            little of it makes false news: docs/explanation/method.md#limits
    """
    likely = lag_1 + (1 + 3 * lag_1) / points + CARRIED_ERRORS / points.sqrt()
    return likely.fill_null(0.0).clip(0, MOST_CARRIED)


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


def _plain(points: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """Points as they are: left over is the distance from the mean of all, and all of them set the limits."""
    centre = _mean(pl.col("point")).over(keys)
    return points.with_columns(
        centre=centre,
        left=pl.col("point") - centre,
        in_baseline=pl.lit(value=True),
        widened=pl.lit(1.0),
        unsure=pl.lit(0.0),
        is_seasonal=pl.lit(value=False),
        lag_1=pl.lit(None, pl.Float64),
        is_enough=pl.col("points") >= POINTS_FOR_LIMITS,
    ).with_columns(_baseline_ends(keys))


def _left_over(points: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    """What a year earlier, the usual change in a year and the month before do not foretell; rows without such are gone.

    So are rows before a gap of a year: what stood then sets no limits for now.
    """
    before = points.select(*keys, pl.col("month").dt.offset_by(f"{MONTHS_IN_YEAR}mo"), year_before="point")
    place, known = pl.int_range(pl.len()).over(keys), pl.len().over(keys).cast(pl.Int64)
    most, held_back = POINTS_IN_BASELINE, POINTS_HELD_BACK
    first = (pl.col("known") - held_back - most).clip(lower_bound=0)
    size = (pl.col("known") - held_back).clip(POINTS_FOR_LIMITS, most)
    in_baseline = pl.col("in_baseline")
    off = pl.col("off")
    carried_on = _sum((off * pl.col("off_before")).filter(in_baseline & in_baseline.shift(1))).over(keys)
    lag_1 = carried_on / _sum((off * off).filter(in_baseline)).over(keys)
    carried = carried_on_share(pl.col("lag_1"), pl.col("size"))
    is_cut = (pl.col("month") > pl.col("month").shift(1).dt.offset_by(f"{MONTHS_IN_YEAR}mo")).fill_null(value=False)
    variance = pl.when("is_seasonal").then(CENTRE_VARIANCE).otherwise(LEVEL_VARIANCE)
    stretch = is_cut.cum_sum().over(keys)
    return (
        points.filter(stretch == stretch.max().over(keys))
        .join(before, on=[*keys, "month"], how="left", nulls_equal=True, maintain_order="left")
        .with_columns(change=pl.col("point") - pl.col("year_before"))
        .with_columns(is_seasonal=pl.col("change").count().over(keys) >= POINTS_FOR_LIMITS)
        .with_columns(pl.when("is_seasonal").then("change").otherwise("point").alias("change"))
        .filter(pl.col("change").is_not_null())
        .with_columns(known=known, place=place)
        .with_columns(size=size, in_baseline=(pl.col("place") >= first) & (pl.col("place") < first + size))
        .with_columns(off=pl.col("change") - _mean(pl.col("change").filter(in_baseline)).over(keys))
        .with_columns(_baseline_ends(keys))
        .with_columns(off_before=pl.when(_is_next_month(keys)).then(off.shift(1).over(keys)))
        .with_columns(lag_1=lag_1.fill_nan(None))
        .with_columns(left=off - carried * pl.col("off_before"))
        .filter(pl.col("left").is_not_null())
        .with_columns(
            centre=pl.col("point") - pl.col("left"),
            widened=(1 + variance / pl.col("size")).sqrt(),
            unsure=(variance / pl.col("size")).sqrt() * SIDE_ERRORS / RANGES_IN_SIGMA,
            is_enough=pl.col("known") >= POINTS_FOR_LIMITS,
        )
    )


def _sum(values: pl.Expr) -> pl.Expr:
    """In the order of the rows: a plain sum of floats takes them in an order of its own, so its last digit may change."""
    return values.drop_nulls().cum_sum().last()


def _mean(values: pl.Expr) -> pl.Expr:
    return _sum(values) / values.count()


def _baseline_ends(keys: list[str]) -> list[pl.Expr]:
    months = pl.col("month").filter("in_baseline")
    return [months.min().over(keys).alias("limits_from"), months.max().over(keys).alias("limits_to")]


def _is_next_month(keys: list[str]) -> pl.Expr:
    return pl.col("month") == pl.col("month").shift(1).over(keys).dt.offset_by("1mo")


def _add_limits(points: pl.LazyFrame, keys: list[str]) -> pl.LazyFrame:
    both = pl.col("in_baseline") & pl.col("in_baseline").shift(1).over(keys) & _is_next_month(keys)
    moving_range = pl.when(both).then((pl.col("left") - pl.col("left").shift(1).over(keys)).abs())
    mean = pl.when("is_enough").then(_mean(pl.col("moving_range")).over(keys))
    told = ("centre", "is_seasonal", "lag_1", "limits_from", "limits_to")
    return (
        points.with_columns(moving_range=moving_range)
        .with_columns(
            reach=LIMITS_IN_MOVING_RANGES * mean * pl.col("widened"),
            unsure=mean * pl.col("unsure"),
        )
        .with_columns(pl.when(pl.col("reach").is_not_null()).then(name).alias(name) for name in told)
        .with_columns(lower=pl.col("centre") - pl.col("reach"), upper=pl.col("centre") + pl.col("reach"))
    )


def _add_signals(points: pl.LazyFrame, keys: list[str], better: str) -> pl.LazyFrame:
    tolerance = pl.col("point").abs() * NOISE
    distance = pl.when(pl.col("reach").is_not_null()).then("left")
    step = pl.col("left") - pl.col("left").shift(1).over(keys)
    is_on_a_side = distance.abs() > pl.max_horizontal(tolerance, "unsure")
    side = pl.when(is_on_a_side).then(distance.sign()).otherwise(0).cast(pl.Int64)
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
    told = ("centre", "lower", "upper", "is_seasonal", "lag_1", "limits_from", "limits_to")
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
        .with_columns(meaning=meaning_of(pl.lit(better)))
        .select(*keys, "month", *told, *SIGNALS, "signal", "direction", "meaning")
    )


def meaning_of(better: pl.Expr) -> pl.Expr:
    """One of MEANINGS from `direction` and which way is better (lower, higher, else neither); null without a direction."""
    good = pl.when(better == "lower").then(-1).when(better == "higher").then(1)
    improvement, concern, change = (pl.lit(words) for words in MEANINGS)
    is_told = pl.col("direction").is_not_null()
    return (
        pl.when(is_told & (pl.col("direction") == good))
        .then(improvement)
        .when(is_told & good.is_not_null())
        .then(concern)
        .when(is_told)
        .then(change)
    )
