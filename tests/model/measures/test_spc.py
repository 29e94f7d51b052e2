"""XmR limits against published examples, the four rules against a slow twin, false alarms, and BLMK's real relievers."""

import itertools
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.signals import draw_areas, newest_called
from prescarbon.errors import InputError
from prescarbon.model.measures.spc import SIGNALS, find_signals
from prescarbon.model.measures.trend import rolling_year, share
from tests.frames import monthly

BY = ["organisation_code"]


def signals(values: list[float | None], **others) -> pl.DataFrame:
    """Plain limits."""
    return find_signals(monthly(values), by=BY, is_plain=True, **others).collect()


def flagged(values: list[float], name: str) -> list[int]:
    return [i for i, is_on in enumerate(signals(values)[name]) if is_on]


# R's set.seed(123); rnorm(20), as in the tests of NHSRplotthedots: printed mean 0.142, limits -3.01 and 3.29
NHSR = [
    *(-0.56047565, -0.23017749, 1.55870831, 0.07050839, 0.12928774, 1.71506499, 0.46091621, -1.26506123),
    *(-0.68685285, -0.44566197, 1.22408180, 0.35981383, 0.40077145, 0.11068272, -0.55584113, 1.78691314),
    *(0.49785048, -1.96661716, 0.70135590, -0.47279141),
]


def test_plain_limits_of_the_worked_example():
    # 18 points sum to 35; 17 moving ranges: 15 of 1 and, at the ten, 8 and 9, together 32
    row = signals([1, 2, 1, 2, 10, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]).row(0, named=True)
    assert row["centre"] == pytest.approx(35 / 18)  # 1.9444
    reach = 2.66 * 32 / 17  # the mean moving range is 1.8824
    assert (row["lower"], row["upper"]) == (pytest.approx(35 / 18 - reach), pytest.approx(35 / 18 + reach))
    assert (round(row["lower"], 4), round(row["upper"], 4)) == (-3.0626, 6.9515)
    assert (row["is_seasonal"], row["lag_1"], row["limits_to"]) == (False, None, date(2021, 6, 1))


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
    # seven falls of 0.1 after a jump: all above the mean, so the trend is told as a shift upwards
    shift = signals([*[9.0, 11.0] * 12, 12.6, 12.5, 12.4, 12.3, 12.2, 12.1, 12.0]).tail(7)
    assert shift.select(pl.col("is_trend").all(), pl.col("is_shift").all()).row(0) == (True, True)
    assert shift["direction"].to_list() == [1] * 7
    # through the mean: no side is held for seven, so its way is told
    through = signals([*[9.0, 11.0] * 12, 10.6, 10.4, 10.2, 10.0, 9.8, 9.6, 9.4]).tail(7)
    assert through.select(pl.col("is_trend").all(), pl.col("is_shift").any()).row(0) == (True, False)
    assert through["direction"].to_list() == [-1] * 7


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


@pytest.mark.parametrize(
    ("better", "words"),
    [("lower", ["concern", "improvement"]), ("higher", ["improvement", "concern"]), ("none", ["change", "change"])],
)
def test_a_signal_is_good_or_bad_by_the_measure_s_direction_and_a_change_without_one(better, words):
    table = signals([*STEADY, 40.0, *STEADY, -20.0], better=better)
    assert table.filter("is_outside")["meaning"].to_list() == words
    assert table.filter(pl.col("signal").is_null())["meaning"].null_count() == len(table) - 2


SEASON = [30.0, 28, 25, 22, 20, 18, 18, 19, 22, 25, 28, 31]


def judged(values: list[float | None], **others) -> pl.DataFrame:
    """Season and memory taken out."""
    return find_signals(monthly(values), by=BY, **others).collect()


def test_a_month_is_judged_against_the_same_month_a_year_earlier():
    # a year on, every month is 10 higher, give or take 1 by turns: mean change 10, moving ranges 2, nothing carried on
    second = [s + 10 + (-1) ** i for i, s in enumerate(SEASON)]
    reach = 2.66 * 2 * (1 + 3 / 12) ** 0.5  # 5.95
    for off, is_outside in ((5.9, False), (6.0, True), (-6.0, True)):
        table = judged([*SEASON, *second, second[0] + 10 + off])
        row = table.row(24, named=True)
        assert row["centre"] == pytest.approx(second[0] + 10)
        assert row["upper"] - row["centre"] == pytest.approx(reach)
        assert (row["is_outside"], row["is_seasonal"]) == (is_outside, True)
        assert (row["limits_from"], row["limits_to"]) == (date(2021, 1, 1), date(2021, 12, 1))
    assert (
        table["centre"].null_count() == 13
    )  # twelve months without a year before, and the first without a month before
    # plain limits make news of the same months: the first summer lies below, the second winter above
    assert signals([*SEASON, *second])["signal"].null_count() < 24


def test_what_last_month_left_over_is_carried_on():
    # changes 10 ± 2, four months above and four below by turns: lag-1 is (9 - 2) × 4 ÷ (12 × 4) = 7/12
    off = [2.0, 2, 2, 2, -2, -2, -2, -2, 2, 2, 2, 2]
    change = [10 + o for o in off]
    table = judged([*SEASON, *[s + c for s, c in zip(SEASON, change, strict=True)]])
    mean = sum(change) / 12  # 10.67
    signs = [c - mean for c in change]
    lag = sum(a * b for a, b in itertools.pairwise(signs)) / sum(a * a for a in signs)
    carried = min(0.9, lag + (1 + 3 * lag) / 12 + 0.75 / 12**0.5)
    row = table.row(23, named=True)
    assert row["lag_1"] == pytest.approx(lag)
    assert row["centre"] == pytest.approx(SEASON[11] + mean + carried * (change[10] - mean))


def expected(y: list[float]) -> list[tuple[float, float] | None]:
    """Centre and reach of each month, written again as loops."""
    change = [(t, y[t] - y[t - 12]) for t in range(12, len(y))] if len(y) >= 24 else list(enumerate(y))
    size = min(max(len(change) - 12, 12), 24)
    first = max(len(change) - 12 - 24, 0)
    base = [c for _, c in change[first : first + size]]
    mean = sum(base) / size
    squares = sum((c - mean) ** 2 for c in base)
    lag = sum((a - mean) * (b - mean) for a, b in itertools.pairwise(base)) / squares if squares else 0.0
    carried = min(max(lag + (1 + 3 * lag) / size + 0.75 / size**0.5, 0.0), 0.9)
    left = [None, *((b - mean) - carried * (a - mean) for (_, a), (_, b) in itertools.pairwise(change))]
    own = [v for v in left[first : first + size] if v is not None]
    reach = (
        2.66
        * sum(abs(b - a) for a, b in itertools.pairwise(own))
        / (len(own) - 1)
        * (1 + (3 if len(y) >= 24 else 12) / size) ** 0.5
    )
    told: list[tuple[float, float] | None] = [None] * len(y)
    for (t, _), v in zip(change, left, strict=True):
        told[t] = None if v is None else (y[t] - v, reach)
    return told


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=12, max_size=70))
def test_expected_months_agree_with_the_slow_twin(values):
    y = [100.0 + v for v in values]
    for row, told in zip(judged(y).to_dicts(), expected(y), strict=True):
        found = None if row["centre"] is None else (row["centre"], row["upper"] - row["centre"])
        assert found == (told if told is None else pytest.approx(told, abs=1e-7))


def test_the_newest_year_never_sets_the_limits_that_judge_it():
    quiet = [s + (-1) ** i for i, s in enumerate(SEASON * 4)]
    for raised in (0.0, 500.0):
        table = judged([*quiet, *[v + raised for v in quiet[:12]]])
        assert table["limits_to"].drop_nulls().unique().to_list() == [date(2023, 12, 1)]
        assert table["upper"][59] - table["centre"][59] == pytest.approx(0, abs=1e-6)


def test_a_month_after_a_missing_one_is_not_judged():
    second = [s + 10 + (-1) ** i for i, s in enumerate(SEASON)]
    third = [s + 10 + (-1) ** i for i, s in enumerate(second)]
    table = judged([*SEASON, *second, *third[:6], None, *third[7:]])
    assert [i for i in range(24, 36) if table["centre"][i] is None] == [30, 31]


def test_nothing_is_compared_across_a_break_that_begins_new_limits():
    breaks = pl.LazyFrame({"month": [date(2022, 1, 1)], "words": ["factor revision"], "is_rebase": [True]})
    second = [s + 10 + (-1) ** i for i, s in enumerate(SEASON)]
    table = judged([*SEASON, *second, *[v + 50 for v in second], *[v + 60 for v in second]], breaks=breaks)
    assert table["signal"].null_count() == 48
    assert table["centre"].to_list()[24:37] == [None] * 13


@pytest.mark.parametrize("months", [12, 24, 36, 60])
@pytest.mark.parametrize("lag", [0.0, 0.4, 0.6])
def test_the_newest_month_of_a_quiet_series_is_news_at_most_one_time_in_twenty(months, lag):
    assert newest_called(draw_areas(800, months, lag)).mean() <= 0.05


@pytest.mark.parametrize("months", [12, 24, 36])
def test_pure_noise_without_season_or_slope_gives_no_more_alarms_either(months):
    assert newest_called(draw_areas(800, months, 0.0, season=0, fall=0)).mean() <= 0.05


@pytest.mark.parametrize(("lag", "by_half_a_year"), [(0.0, 0.7), (0.4, 0.55), (0.6, 0.6)])
def test_a_step_of_a_fifth_after_two_years_is_still_found(lag, by_half_a_year):
    whole = draw_areas(200, 30, lag, step_at=24)
    place = pl.int_range(pl.len()).over("organisation_code")
    called = np.array([newest_called(whole.filter(place < n)) for n in range(25, 31)])
    assert called.any(axis=0).mean() >= by_half_a_year


def test_rolling_sums_are_refused():
    series = monthly(STEADY).with_columns(numerator=pl.col("value"), denominator=pl.lit(1.0))
    with pytest.raises(InputError, match="rolling sum"):
        find_signals(rolling_year(series, BY), by=BY, value="rolling_value")
    long = monthly(STEADY).with_columns(period_start=pl.col("month").dt.offset_by("-11mo"), period_end="month")
    with pytest.raises(InputError, match="longer than a month"):
        find_signals(long, by=BY)
    months = long.with_columns(period_start="month")
    assert find_signals(months, by=BY, is_plain=True).collect()["centre"].null_count() == 0


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


@pytest.mark.parametrize("is_plain", [False, True])
@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.integers(0, 100), min_size=12, max_size=30), rnd=st.randoms(use_true_random=False))
def test_row_order_and_other_areas_change_nothing(is_plain, values, rnd):
    alone = find_signals(monthly([float(v) for v in values]), by=BY, is_plain=is_plain).collect()
    other = monthly([float(v) + 7 for v in reversed(values)], "B")
    rows = pl.concat([monthly([float(v) for v in values]), other]).collect()
    mixed = rows[rnd.sample(range(rows.height), rows.height)]
    together = find_signals(mixed.lazy(), by=BY, is_plain=is_plain).collect()
    assert together.filter(organisation_code="A").equals(alone)


@pytest.fixture(scope="session")
def saba(real: Path) -> pl.LazyFrame:
    rows = pl.read_csv(real / "published-measures" / "saba_by_sub_icb_vintage_2026-03-30.csv", try_parse_dates=True)
    return rows.lazy().select(
        "month", "numerator", "denominator", organisation_code="code", value=share("numerator", "denominator")
    )


@pytest.mark.real
def test_the_reliever_share_of_blmk(saba):
    table = find_signals(saba, by=BY, is_plain=True).collect().filter(organisation_code="M1J4Y")
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
    table = find_signals(saba, by=BY, is_plain=True).collect()
    assert table.height == saba.collect().height
    dead = table.filter(pl.col("denominator") == 0)
    assert dead.height > 0
    assert dead["value"].null_count() == dead.height
    assert dead["centre"].null_count() == dead.height
    assert not any(dead[name].any() for name in SIGNALS)
