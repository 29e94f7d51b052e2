"""XmR limits against published examples, the four rules against a slow twin, and the real reliever series of BLMK."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prescarbon.errors import InputError
from prescarbon.model.measures.trend import (
    SIGNALS,
    dispensing_days,
    find_signals,
    last_year,
    per_dispensing_day,
)

BY = ["organisation_code"]


def monthly(values: list[float | None], code: str = "A", start: date = date(2020, 1, 1)) -> pl.LazyFrame:
    month = pl.date_range(start, pl.lit(start).dt.offset_by(f"{len(values) - 1}mo"), "1mo")
    return pl.LazyFrame(
        {"organisation_code": [code] * len(values), "value": pl.Series(values, dtype=pl.Float64)}
    ).with_columns(month=month)


def signals(values: list[float | None], **others) -> pl.DataFrame:
    return find_signals(monthly(values), by=BY, **others).collect()


def flagged(values: list[float], name: str) -> list[int]:
    return [i for i, is_on in enumerate(signals(values)[name]) if is_on]


# NIST/SEMATECH e-Handbook 6.3.2.2, flow rates: mean 50.81, limits 45.8159 and 55.8041 with 3 ÷ 1.128 for 2.66
NIST = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
# R's set.seed(123); rnorm(20), as in the tests of NHSRplotthedots: printed mean 0.142, limits -3.01 and 3.29
NHSR = [
    *(-0.56047565, -0.23017749, 1.55870831, 0.07050839, 0.12928774, 1.71506499, 0.46091621, -1.26506123),
    *(-0.68685285, -0.44566197, 1.22408180, 0.35981383, 0.40077145, 0.11068272, -0.55584113, 1.78691314),
    *(0.49785048, -1.96661716, 0.70135590, -0.47279141),
]


def test_limits_of_the_nist_handbook():
    row = signals(NIST, points_needed=10).row(0, named=True)
    assert row["centre"] == pytest.approx(50.81)
    assert row["lower"] == pytest.approx(45.8159, abs=0.001)
    assert row["upper"] == pytest.approx(55.8041, abs=0.001)


def test_limits_of_the_nhs_package():
    row = signals(NHSR).row(0, named=True)
    assert (round(row["centre"], 3), round(row["lower"], 2), round(row["upper"], 2)) == (0.142, -3.01, 3.29)


def test_fewer_than_twelve_points_draw_no_limits_and_give_no_signal():
    table = signals([1.0] * 10 + [99.0])
    assert table["points"].to_list() == [11] * 11
    assert table["upper"].null_count() == 11
    assert not any(table[name].any() for name in SIGNALS)


STEADY = [10.0, 11, 9, 10, 11, 9, 10, 11, 9, 10, 11, 9, 10, 11, 9, 10]


def test_a_point_outside_the_limits():
    assert flagged([*STEADY, 40.0], "is_outside") == [16]


def test_seven_on_one_side_are_a_shift_and_six_are_not():
    assert flagged([13, 10] * 4 + [13, 14, 13, 14, 13, 14, 13] + [10, 13] * 3, "is_shift") == list(range(8, 15))
    assert flagged([13, 10] * 4 + [13, 14, 13, 14, 13, 14] + [10, 13] * 4, "is_shift") == []


def test_seven_rising_are_a_trend_with_its_first_point_and_six_are_not():
    assert flagged([5, 6, 5, 6, 5, 4, 5, 6, 7, 8, 9, 10, 5, 6, 5], "is_trend") == list(range(5, 12))
    assert flagged([5, 6, 5, 6, 5, 6, 5, 6, 7, 8, 9, 10, 5, 6, 5], "is_trend") == []
    falling = signals([5, 6, 5, 6, 5, 11, 10, 9, 8, 7, 6, 5, 6, 7, 5])
    assert falling.filter("is_trend")["direction"].to_list()[-1] == -1


def test_two_of_three_near_a_limit_on_one_side_only():
    # 25 points: mean 10.19, mean moving range 1.16, limits 7.1 and 13.3, the outer third above 12.24
    near = [9.5, 10.5] * 10 + [12.5, 10.5, 12.5, 9.5, 10.5]
    assert flagged(near, "is_near_limit") == [20, 22]
    both_sides = [1.0, -1.0] * 7 + [5.5, -5.5]  # the case of NHSRplotthedots issue 143
    assert flagged(both_sides, "is_near_limit") == []


@pytest.mark.parametrize("value", [0.1 + 0.2, 0.0])
def test_a_series_that_never_moves_gives_no_signal(value):
    assert not any(signals([value] * 30)[name].any() for name in SIGNALS)


def test_what_is_more_than_a_trend_points_to_its_side_of_the_mean():
    # twelve steady points: mean 10, limits 6.4 and 13.6, the outer third above 12.4; then seven fall
    def after_twelve(*fall: float) -> pl.DataFrame:
        return signals([*STEADY[:12], *fall], baseline_points=12).tail(7)

    outside = after_twelve(14.0, 9.9, 9.8, 9.7, 9.6, 9.5, 9.4)
    assert outside.select("is_outside", "is_trend", "direction").row(0) == (True, True, 1)
    assert outside["direction"].to_list()[1:] == [-1] * 6
    shift = after_twelve(12.2, 12.1, 12.0, 11.9, 11.8, 11.7, 11.6)
    assert shift.filter("is_shift", "is_trend", ~pl.col("is_near_limit"))["direction"].to_list() == [1] * 7
    near = after_twelve(13.0, 12.9, 12.8, 9.9, 9.8, 9.7, 9.6)
    assert near["is_near_limit"].to_list() == [True] * 3 + [False] * 4
    assert near["is_trend"].all()
    assert near["direction"].to_list() == [1] * 3 + [-1] * 4


def test_nought_of_nought_is_no_point_and_a_gap_makes_no_moving_range():
    series = [10.0, 12.0] * 7
    gap = [*series, None, *[v + 1 for v in series]]
    table = signals(gap)
    assert table["points"].drop_nulls().unique().to_list() == [28]
    row = table.row(14, named=True)
    assert (row["centre"], row["signal"], row["is_outside"]) == (None, None, False)
    # 13 + 13 moving ranges of 2; the step across the gap does not count
    first = table.row(0, named=True)
    assert first["upper"] - first["centre"] == pytest.approx(2.66 * 2)


def test_breaks_are_marked_and_only_some_begin_new_limits():
    breaks = pl.LazyFrame(
        {
            "month": [date(2021, 1, 1), date(2021, 3, 1)],
            "words": ["January codes", "factor revision"],
            "is_rebase": [False, True],
        }
    )
    table = signals([10.0, 12.0] * 7 + [20.0, 22.0] * 7, breaks=breaks)
    assert table["segment"].to_list() == [0] * 14 + [1] * 14
    assert table["centre"].unique().sort().to_list() == [11, 21]
    assert table["break_words"].drop_nulls().to_list() == ["January codes", "factor revision"]
    assert table["signal"].null_count() == 28


def test_a_baseline_sets_the_limits_and_later_points_are_judged_by_it():
    table = signals([10.0, 12.0] * 7 + [16.0, 18.0] * 4, baseline_points=14)
    assert table["centre"].unique().to_list() == [11]
    assert table["upper"][0] == pytest.approx(11 + 2.66 * 2)  # 16.32
    assert [i for i, on in enumerate(table["is_outside"]) if on] == [15, 17, 19, 21]
    assert [i for i, on in enumerate(table["is_shift"]) if on] == [13, *range(14, 22)]
    with pytest.raises(InputError, match="too few"):
        signals(STEADY, baseline_points=6)


def test_rolling_sums_are_refused():
    with pytest.raises(InputError, match="rolling sum"):
        find_signals(monthly(STEADY).rename({"value": "rolling_value"}), by=BY, value="rolling_value")
    long = monthly(STEADY).with_columns(period_start=pl.col("month").dt.offset_by("-11mo"), period_end="month")
    with pytest.raises(InputError, match="longer than a month"):
        find_signals(long, by=BY)
    months = long.with_columns(period_start="month")
    assert find_signals(months, by=BY).collect()["centre"].null_count() == 0


def slow_twin(y: list[float]) -> list[list[bool]]:
    """NHSRplotthedots' rules (ptd_spc_standard.R, ptd_calculate_point_type.R) written again as loops."""
    n, mean = len(y), float(np.mean(y))
    reach = 2.66 * float(np.mean(np.abs(np.diff(y))))
    outside = [abs(v - mean) > reach for v in y]
    side = [float(np.sign(v - mean)) for v in y]
    close = [not outside[i] and abs(v - mean) > reach * 2 / 3 for i, v in enumerate(y)]
    shift, trend, two = [False] * n, [False] * n, [False] * n
    for i in range(n - 6):
        if abs(sum(side[i : i + 7])) == 7:
            shift[i : i + 7] = [True] * 7
        if abs(sum(np.sign(np.diff(y[i : i + 7])))) == 6:
            trend[i : i + 7] = [True] * 7
    for i in range(n):
        for s in (i - 2, i - 1, i):
            if s >= 0 and s + 3 <= n and sum(close[s : s + 3]) >= 2 and abs(sum(side[s : s + 3])) == 3 and close[i]:
                two[i] = True
    return [outside, shift, trend, two]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(-30, 30), min_size=12, max_size=60).filter(lambda y: len(set(y)) > 1), st.integers(0, 4))
def test_the_four_rules_agree_with_the_slow_twin(values, drift):
    y = [float(v + drift * i) for i, v in enumerate(values)]
    table = signals(y)
    if any(abs(v - np.mean(y)) < 1e-6 and v != np.mean(y) for v in y):
        return  # rounding of the mean itself decides the side
    assert [table[name].to_list() for name in SIGNALS] == slow_twin(y)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 100), min_size=12, max_size=30), st.randoms(use_true_random=False))
def test_row_order_and_other_areas_change_nothing(values, rnd):
    alone = signals([float(v) for v in values])
    other = monthly([float(v) + 7 for v in reversed(values)], "B")
    rows = pl.concat([monthly([float(v) for v in values]), other]).collect()
    mixed = rows[rnd.sample(range(rows.height), rows.height)]
    assert find_signals(mixed.lazy(), by=BY).collect().filter(organisation_code="A").equals(alone)


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


def share() -> pl.Expr:
    return pl.when(pl.col("denominator") != 0).then(pl.col("numerator") / pl.col("denominator"))


@pytest.fixture(scope="session")
def saba(real: Path) -> pl.LazyFrame:
    rows = pl.read_csv(real / "published-measures" / "saba_by_sub_icb_vintage_2026-03-30.csv", try_parse_dates=True)
    return rows.lazy().select("month", "numerator", "denominator", organisation_code="code", value=share())


@pytest.mark.real
def test_the_reliever_share_of_blmk(saba):
    table = find_signals(saba, by=BY).collect().filter(organisation_code="M1J4Y")
    assert table.height == 61
    assert table["points"].to_list() == [61] * 61
    # by numpy from the file: mean of the 61 shares, and 2.66 × the mean of the 60 moving ranges
    values = table.sort("month")["value"].to_numpy()
    reach = 2.66 * np.abs(np.diff(values)).mean()
    assert table["centre"][0] == pytest.approx(values.mean())
    assert table["upper"][0] == pytest.approx(values.mean() + reach)
    assert [table[name].to_list() for name in SIGNALS] == slow_twin(values.tolist())
    # the reliever share fell from about half to under two fifths: high at the start, low at the end
    assert table.sort("month").select(pl.col("direction").first(), last=pl.col("direction").last()).row(0) == (1, -1)
    assert table["value"][0] == pytest.approx(32753 / 66310)
    assert table["value"][60] == pytest.approx(21749 / 57676)


@pytest.mark.real
def test_dead_codes_with_nought_of_nought_have_no_point_limit_or_signal(saba):
    table = find_signals(saba, by=BY).collect()
    assert table.height == saba.collect().height
    dead = table.filter(pl.col("denominator") == 0)
    assert dead.height > 0
    assert dead["value"].null_count() == dead.height
    assert dead["centre"].null_count() == dead.height
    assert not any(dead[name].any() for name in SIGNALS)
