from datetime import date
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prescarbon.model.footprint import estimate_footprint
from prescarbon.model.prices import base_prices, deflate, sum_sold
from prescarbon.reference.definitions import read_reference
from prescarbon.tables.prescribing import ACTIVITY, PRESCRIBING, PRICES
from prescarbon.tables.products import FACTORS, PRODUCTS
from tests.frames import frame, rows_of

TABLET, LATER, FREE = "0402010ABAAAAAA", "0402010XXAAAAAA", "0402010ZZAAAAAA"
BASE = (date(2024, 4, 1), date(2025, 3, 1))
FLAT = pl.LazyFrame({"year": [2023], "gdp_deflator": [100.0]})  # every other year takes it: £1 stays £1
RISING = frame("year | gdp_deflator\n2023 | 80\n2024 | 100", year=pl.Int64, gdp_deflator=pl.Float64)


def sold(text: str) -> pl.LazyFrame:
    rows = rows_of(PRESCRIBING, text, practice_code="K81001", items=1, presentation_name="p")
    return sum_sold(rows.cast(PRESCRIBING.schema))


def prices(text: str, deflators: pl.LazyFrame = FLAT) -> dict[str, tuple]:
    found = base_prices(sold(text), *BASE, deflators, 2023).collect()
    columns = ["price_gbp", "is_base", "cost", "price_from", "price_to"]
    return {row["bnf_code"]: tuple(row[c] for c in columns) for row in found.to_dicts()}


def test_the_price_is_of_the_base_period_and_a_later_product_takes_its_own_first_month():
    found = prices(f"""
        month      | bnf_code | total_quantity | nic_gbp
        2024-03-01 | {TABLET} | 10             | 90.00
        2024-04-01 | {TABLET} | 10             | 1.00
        2025-03-01 | {TABLET} | 10             | 3.00
        2025-04-01 | {TABLET} | 10             | 90.00
        2025-04-01 | {LATER}  | 10             | 5.00
        2025-05-01 | {LATER}  | 10             | 90.00
        2024-04-01 | {FREE}   | 0              | 9.00
    """)
    assert found == {
        TABLET: (pytest.approx(4 / 20), True, "NIC", date(2024, 4, 1), date(2025, 3, 1)),  # £4 for 20
        LATER: (pytest.approx(0.5), False, "NIC", date(2025, 4, 1), date(2025, 4, 1)),  # no quantity, no price for FREE
    }


def test_what_was_sold_before_the_base_period_alone_keeps_the_price_of_its_own_first_month():
    found = prices(f"""
        month      | bnf_code | total_quantity | nic_gbp
        2023-01-01 | {TABLET} | 10             | 2.00
        2023-02-01 | {TABLET} | 10             | 9.00
        2025-06-01 | {TABLET} | 10             | 90.00
    """)
    assert found[TABLET][:2] == (pytest.approx(0.2), False)


def test_nothing_paid_or_paid_back_prices_nothing():
    found = prices(f"""
        month      | bnf_code | total_quantity | nic_gbp | actual_cost_gbp
        2024-04-01 | {TABLET} | 10             | 2.00    |
        2024-04-01 | {TABLET} | 10             | -50.00  |
        2024-04-01 | {TABLET} | 90             | 0.00    |
        2024-04-01 | {TABLET} | 90             |         |
        2024-04-01 | {LATER}  | 10             | -5.00   |
        2024-04-01 | {FREE}   | 10             | 0.00    | 0.00
    """)
    assert {code: row[0] for code, row in found.items()} == {TABLET: pytest.approx(0.2)}  # £2 for 10


def test_actual_cost_prices_only_what_has_no_nic_anywhere():
    found = prices(f"""
        month      | bnf_code | total_quantity | nic_gbp | actual_cost_gbp
        2024-04-01 | {TABLET} | 10             |         | 1.86
        2025-06-01 | {TABLET} | 10             | 2.00    | 1.86
        2024-04-01 | {LATER}  | 10             |         | 0.93
    """)
    assert found[TABLET][:3] == (pytest.approx(0.2), False, "NIC")
    assert found[LATER][:3] == (pytest.approx(0.093), True, "actual cost")


def test_the_pounds_of_each_month_become_those_of_the_factors_year():
    """£10 of December 2024 are £8 of 2023 (80 ÷ 100); January 2025 is not known, and 2024 stands in: £8 more for 20 in all."""
    found = prices(
        f"""
        month      | bnf_code | total_quantity | nic_gbp
        2024-12-01 | {TABLET} | 10             | 10.00
        2025-01-01 | {TABLET} | 10             | 10.00
        """,
        RISING,
    )
    assert found[TABLET][0] == pytest.approx((8 + 8) / 20)


@pytest.mark.parametrize(
    ("year", "to", "pounds", "whose"),
    [
        (2019, 2023, "118.67", 2019),  # 96.2507 ÷ 81.1085
        (2024, 2023, "96.25", 2024),  # 96.2507 ÷ 100
        (2023, 2023, "100.00", 2023),
        (2025, 2023, "96.25", 2024),  # not known yet: 2024 stands in
        (2026, 2023, "96.25", 2024),
        (2013, 2023, "128.93", 2014),  # 96.2507 ÷ 74.6524
    ],
)
def test_a_hundred_pounds_of_one_year_in_those_of_another(year, to, pounds, whose):
    years = pl.LazyFrame({"year": [year]})
    row = deflate(years, read_reference().deflators, to).collect().row(0, named=True)
    assert f"{100 * row['ratio']:.2f}" == pounds
    assert row["deflator_year"] == whose


def footprint(acts: pl.LazyFrame, found: pl.LazyFrame) -> pl.DataFrame:
    spend = rows_of(
        FACTORS,
        "factor_id | key_kind | key | kg_low | kg_co2e | kg_high\na | spend | 0 | 0.1 | 0.2 | 0.3",
        valid_from=date(2010, 1, 1),
        valid_to=date(9999, 12, 31),
    )
    return estimate_footprint(acts, PRODUCTS.empty(), FACTORS.empty(), spend, found).collect()


QUETIAPINE = """
    month      | practice_code | bnf_code        | reads_as       | items | total_quantity | nic_gbp
    2024-04-01 | K81001        | 0402010ABAAAAAA | not an inhaler | 1     | 60             | 1.59
    2025-04-01 | K81001        | 0402010ABAAAAAA | not an inhaler | 1     | 60             | 113.10
    2025-05-01 | K81001        | 0402010ABAAAAAA | not an inhaler | 1     | 60             | -20.00
    """


def test_a_price_spike_and_money_paid_back_are_no_carbon():
    """Quetiapine at £1.59, then £113.10, then £20 paid back: the same 60 tablets, the same £1.59 × 0.2."""
    acts = rows_of(ACTIVITY, QUETIAPINE, rows=1)
    found = base_prices(sold(QUETIAPINE.replace("practice_code", "practice_name")), *BASE, FLAT, 2023)
    kg = footprint(acts, found)
    assert kg["kg_co2e"].cast(pl.Float64).to_list() == pytest.approx([1.59 * 0.2] * 3)
    assert kg["nic_gbp"].sum() == Decimal("94.69")  # as money all three count


rows = st.lists(
    st.tuples(
        st.sampled_from([date(2023, 12, 1), date(2024, 4, 1), date(2024, 12, 1), date(2025, 4, 1), date(2025, 6, 1)]),
        st.sampled_from([TABLET, LATER, FREE]),
        st.integers(0, 90),
        st.none() | st.decimals("-99.99", "99.99", places=2),
    ),
    min_size=1,
    max_size=20,
)


def drawn(found: list[tuple]) -> str:
    cells = (" | ".join("" if cell is None else str(cell) for cell in row) for row in found)
    return "month | bnf_code | total_quantity | nic_gbp\n" + "\n".join(cells)


@given(rows)
def test_no_kilogram_is_below_nought_and_low_is_never_above_high(found):
    text = drawn(found)
    acts = rows_of(ACTIVITY, text, practice_code="K81001", reads_as="not an inhaler", items=1, rows=1)
    grouped = acts.group_by("month", "practice_code", "bnf_code", "reads_as").agg(
        pl.col("items", "total_quantity", "nic_gbp", "actual_cost_gbp", "rows", "rows_without_nic").sum()
    )
    kg = footprint(
        ACTIVITY.admit(grouped.cast(ACTIVITY.schema).select(ACTIVITY.names)),
        base_prices(sold(text), *BASE, RISING, 2023),
    )
    known = kg.drop_nulls("kg_co2e")
    assert (known["kg_low"] >= 0).all()
    assert (known["kg_low"] <= known["kg_co2e"]).all()
    assert (known["kg_co2e"] <= known["kg_high"]).all()


@given(rows, st.randoms(use_true_random=False))
def test_the_order_of_rows_moves_no_price(found, rnd):
    one = base_prices(sold(drawn(found)), *BASE, RISING, 2023).collect()
    rnd.shuffle(found)
    assert base_prices(sold(drawn(found)), *BASE, RISING, 2023).collect().equals(one)


@given(rows, rows)
def test_a_month_that_comes_later_moves_no_older_month(before, more):
    """With a pinned base period whose months are held, what a month says is never changed by one loaded after it."""
    newest = max(max(month for month, *_ in before), BASE[1])
    later = [(date(newest.year + 1, 1, 1), *row[1:]) for row in more]
    one, two = (base_prices(sold(drawn(found)), *BASE, RISING, 2023).collect() for found in (before, before + later))
    assert one.equals(two.join(one, on="bnf_code", how="semi"))


def test_no_row_gives_no_price():
    assert (
        base_prices(sum_sold(PRESCRIBING.empty()), *BASE, FLAT, 2023).collect().schema
        == PRICES.empty().collect_schema()
    )
