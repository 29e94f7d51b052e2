"""Calendar months, and which of them are held."""

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from prescarbon.model.period import Period, calendar_months, count_of, count_words, months_on, same_months
from prescarbon.report.views.numbers import months

JANUARY = date(2026, 1, 1)
YEAR = [months_on(JANUARY, -n) for n in range(12)]
any_month = st.dates(date(2000, 1, 1), date(2100, 1, 1)).map(lambda d: d.replace(day=1))


@given(any_month, st.integers(-600, 600))
def test_months_on_and_back_is_the_same_month(month, by):
    assert months_on(months_on(month, by), -by) == month
    assert Period.of(*sorted([month, months_on(month, by)]), []).length == abs(by) + 1


def test_a_year_is_twelve_calendar_months_however_many_are_held():
    whole = Period.ending(JANUARY, 12, YEAR)
    assert (whole.first, whole.last, whole.is_whole, whole.count) == (date(2025, 2, 1), JANUARY, True, "12 months")
    gap = Period.ending(JANUARY, 12, [m for m in [*YEAR, date(2025, 1, 1)] if m.month != 6])
    assert (gap.length, gap.is_whole, gap.count, gap.missing) == (12, False, "11 of 12 months", (date(2025, 6, 1),))
    assert whole.moved(-12, YEAR) == Period(date(2024, 2, 1), date(2025, 1, 1), ())
    assert whole.held_by([JANUARY, date(2024, 1, 1)]).held == (JANUARY,)


def test_a_period_as_people_read_it():
    def of(*held: int) -> str:
        return months(Period.ending(JANUARY, 12, [m for m in YEAR if m.month in held]))

    assert of(*range(1, 13)) == "February 2025 to January 2026 (12 months)"
    assert of(*range(1, 6), *range(7, 13)) == "February 2025 to January 2026 (11 of 12 months: not June 2025)"
    assert of(2, 3, 1) == "February 2025 to January 2026 (3 of 12 months)"
    assert of(1) == "January 2026 (1 of 12 months)"
    assert of() == "February 2025 to January 2026 (0 of 12 months)"
    assert months(Period.of(JANUARY, JANUARY, [JANUARY])) == "January 2026"


def test_counts_in_words_are_the_same_for_columns():
    rows = [(12, 12), (11, 12), (1, 1), (0, 1)]
    frame = pl.LazyFrame(rows, ["held", "months"], orient="row").select(words=count_of("held", "months")).collect()
    assert frame["words"].to_list() == [count_words(*row) for row in rows]
    assert frame["words"].to_list() == ["12 months", "11 of 12 months", "1 month", "0 of 1 month"]


@given(any_month, any_month)
def test_columns_count_calendar_months_as_periods_do(one, other):
    first, last = sorted([one, other])
    frame = pl.LazyFrame({"a": [first], "b": [last]}).select(n=calendar_months("a", "b")).collect()
    assert frame["n"].to_list() == [Period.of(first, last, []).length]


def test_only_months_held_in_both_periods_are_compared():
    after = Period.ending(JANUARY, 12, YEAR)
    before = after.moved(-12, [months_on(m, -12) for m in YEAR if m.month != 6])
    pairs = list(same_months(before, after))
    assert len(pairs) == 11
    assert all((other.year - one.year, other.month) == (1, one.month) for one, other in pairs)
