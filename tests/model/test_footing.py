"""What inhalers' kilograms rest on: by evidence, and what moves with a brand that no data name."""

from datetime import date
from decimal import Decimal

import polars as pl

from prescarbon.model.footing import rest_on
from prescarbon.tables.prescribing import FOOTPRINT
from tests.frames import frame, rows_of

GENERIC = "0301011R0AAAPAP"
ENDS = frame(
    f"""
    key       | valid_from | valid_to   | kg_small | kg_large
    {GENERIC} | 2010-01-01 | 2024-12-31 | 12       | 28
    {GENERIC} | 2025-01-01 | 9999-12-31 | 10       | 30
    """,
    valid_from=pl.Date,
    valid_to=pl.Date,
    kg_small=pl.Float64,
    kg_large=pl.Float64,
)
FOOT = rows_of(
    FOOTPRINT,
    f"""
    month      | practice_code | bnf_code        | reads_as       | items | devices | kg_co2e | method
    2024-12-01 | A             | {GENERIC}       | devices        | 4     | 5       | 115     | brand_mix
    2025-01-01 | A             | {GENERIC}       | devices        | 2     | 2       | 38      | brand_mix
    2025-01-01 | A             | 0301011R0BEAIAP | devices        | 3     | 3       | 90      | product
    2025-01-01 | A             | 0302000C0AAAAAA | devices        | 1     | 1       | 20      | class
    2025-01-01 | A             | 0301011ZZZZZZZZ | not known      | 10    |         |         | unknown
    2025-01-01 | A             | 0601021M0AAABAB | not an inhaler | 50    |         | 7       | spend
    2025-01-01 | B             | 0301011ZZZZZZZZ | not known      | 1     |         |         | unknown
    2025-01-01 | C             | 0601021M0AAABAB | not an inhaler | 50    |         | 7       | spend
    """,
    rows=1,
)


def test_items_and_kilograms_by_evidence_and_the_mix_at_both_ends():
    found = {row["practice_code"]: row for row in rest_on(FOOT, ENDS).collect().to_dicts()}
    mine = found["A"]
    assert (mine["items"], mine["covered_items"]) == (20, 10)  # 4 + 2 + 3 + 1 of 20; the medicine is no inhaler
    assert mine["kg_co2e"] == Decimal(115 + 38 + 90 + 20)
    assert (mine["kg_product"], mine["kg_class"], mine["kg_brand_mix"]) == (90, 20, 115 + 38)
    # each month with the brands of its time
    assert (mine["kg_small"], mine["kg_large"]) == (5 * 12 + 2 * 10, 5 * 28 + 2 * 30)


def test_nothing_known_is_no_zero_and_no_inhaler_is_no_row():
    found = {row["practice_code"]: row for row in rest_on(FOOT, ENDS).collect().to_dicts()}
    assert set(found) == {"A", "B"}
    assert (found["B"]["kg_co2e"], found["B"]["covered_items"], found["B"]["items"]) == (None, 0, 1)


def test_the_order_of_the_rows_moves_nothing():
    turned = FOOT.collect().reverse().lazy()
    assert (
        rest_on(turned, ENDS)
        .collect()
        .equals(rest_on(FOOT.filter(pl.col("month") >= date(2000, 1, 1)), ENDS).collect())
    )
