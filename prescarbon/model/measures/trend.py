"""Monthly series: per dispensing day, rolling twelve months, and last year's month; limits and signals stand in spc."""

from collections.abc import Sequence
from datetime import date

import holidays
import numpy as np
import polars as pl

from prescarbon.tables.schema import MONTHS_IN_YEAR

BY = ("organisation_code", "measure_id")


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


def rolling_year(series: pl.LazyFrame, by: Sequence[str] = BY) -> pl.LazyFrame:
    """The level: sums and share over the twelve months that end in each month.

    series   by…, month, numerator, denominator; a 0/0 month adds nothing
    returns  by…, month, months (known, in the window), rolling_numerator, rolling_denominator, rolling_value: all null until
             there are twelve months, or where the denominator is 0. Never put these on an XmR chart: each shares eleven
             months with the next, so `find_signals` refuses them
    """
    terms = ("numerator", "denominator")
    is_whole = pl.col("months") == MONTHS_IN_YEAR
    return (
        series.sort(*by, "month")
        .rolling("month", period=f"{MONTHS_IN_YEAR}mo", group_by=list(by))
        .agg(
            pl.col("numerator").count().cast(pl.Int64).alias("months"),
            *(pl.col(t).sum().alias(f"rolling_{t}") for t in terms),
        )
        .with_columns(pl.when(is_whole).then(f"rolling_{t}").alias(f"rolling_{t}") for t in terms)
        .with_columns(rolling_value=share("rolling_numerator", "rolling_denominator"))
    )


def share(numerator: str, denominator: str) -> pl.Expr:
    """Numerator ÷ denominator as a float; null where the denominator is 0, because 0/0 says nothing."""
    return pl.when(pl.col(denominator) != 0).then(
        pl.col(numerator).cast(pl.Float64) / pl.col(denominator).cast(pl.Float64)
    )


def last_year(series: pl.LazyFrame, by: Sequence[str] = BY, value: str = "value") -> pl.LazyFrame:
    """Series plus `{value}_last_year`, the same month twelve months before, and `{value}_change`; null where not known."""
    before = series.select(
        *by, pl.col("month").dt.offset_by(f"{MONTHS_IN_YEAR}mo"), pl.col(value).alias(f"{value}_last_year")
    )
    return series.join(before, on=[*by, "month"], how="left", validate="m:1").with_columns(
        (pl.col(value) - pl.col(f"{value}_last_year")).alias(f"{value}_change")
    )
