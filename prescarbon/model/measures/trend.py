"""Monthly series: per dispensing day, rolling twelve months, and last year's month; limits and signals stand in spc."""

from collections.abc import Sequence
from datetime import date

import holidays
import numpy as np
import polars as pl

from prescarbon.model.period import count_of
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


def rolling_year(
    series: pl.LazyFrame, by: Sequence[str] = BY, *, scale: int = 1, is_per_patient: bool = False
) -> pl.LazyFrame:
    """Twelve calendar months of published sums: scale × Σ numerator ÷ Σ denominator, of people their mean.

    series   by…, month, numerator, denominator; a 0/0 month adds nothing
    returns  by…, month, rolling_value?, rolling_months ("11 of 12 months": then the value is null). Never put these on
             an XmR chart: each shares eleven months with the next, so `find_signals` refuses them
    """
    people = MONTHS_IN_YEAR if is_per_patient else 1
    summed = (
        series.sort(*by, "month")
        .rolling("month", period=f"{MONTHS_IN_YEAR}mo", group_by=list(by))
        .agg(
            pl.col("numerator").count().cast(pl.Int64).alias("months_held"),
            pl.col("numerator").sum(),
            pl.col("denominator").cast(pl.Float64).sum() / people,
        )
        .with_columns(months=pl.lit(MONTHS_IN_YEAR, pl.Int64))
    )
    is_whole = pl.col("months_held") == pl.col("months")
    return summed.select(
        *by,
        "month",
        rolling_value=pl.when(is_whole).then(share("numerator", "denominator") * scale),
        rolling_months=count_of("months_held", "months"),
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
