"""Dispensing days, rolling years and the same month last year, by hand."""

from datetime import date

import polars as pl

from prescarbon.model.measures.trend import (
    dispensing_days,
    last_year,
    per_dispensing_day,
    rolling_year,
    share,
)
from tests.frames import frame, monthly

BY = ["organisation_code"]


def test_dispensing_days_are_weekdays_without_bank_holidays():
    days = dict(dispensing_days(date(2022, 5, 10), date(2023, 5, 1)).collect().rows())
    assert days[date(2022, 5, 1)] == 21  # 22 weekdays, May Day
    assert days[date(2022, 6, 1)] == 20  # 22, the moved spring holiday and the jubilee
    assert days[date(2022, 9, 1)] == 21  # 22, the state funeral
    assert days[date(2022, 12, 1)] == 20  # 22, 26 and 27 December (Christmas Day was a Sunday)
    assert days[date(2023, 4, 1)] == 18  # 20, Good Friday and Easter Monday
    assert days[date(2023, 5, 1)] == 20  # 23, May Day, coronation, spring holiday
    assert len(days) == 13


def test_value_per_dispensing_day():
    days = pl.LazyFrame({"month": [date(2020, 1, 1)], "dispensing_days": [20]})
    assert per_dispensing_day(monthly([50.0]), days).collect()["value_per_day"].to_list() == [2.5]


def test_same_month_last_year():
    table = last_year(monthly([1.0] * 12 + [4.0]), BY).collect()
    assert table["value_change"].to_list() == [None] * 12 + [3.0]


def test_a_rolling_year_needs_twelve_months_and_sums_before_it_divides():
    series = monthly([0.0] * 14).with_columns(numerator=pl.int_range(14), denominator=pl.lit(2)).drop("value")
    table = rolling_year(series, BY, scale=100).collect()
    assert table["rolling_value"].null_count() == 11
    assert table["rolling_months"].to_list()[9:] == ["10 of 12 months", "11 of 12 months", *["12 months"] * 3]
    assert table["rolling_value"].to_list()[-1] == 100 * 90 / 24  # 2+…+13 over twelve times 2
    people = rolling_year(series, BY, scale=1000, is_per_patient=True).collect()
    assert people["rolling_value"].to_list()[-1] == 1000 * 90 / 2  # over the mean of twelve lists


def test_nought_of_nought_is_null():
    pairs = frame("n | d\n0 | 0\n1 | 4", n=pl.Int64, d=pl.Int64)
    assert pairs.select(share("n", "d")).collect().to_series().to_list() == [None, 0.25]
