"""Headers of every vintage, and months as they have been written."""

from datetime import date

import polars as pl
import pytest

from prescarbon.store.layouts import read_month_text, recognise, to_prescribing

LEAST = ["YEAR_MONTH", "PRACTICE_CODE", "BNF_CODE", "BNF_DESCRIPTION", "QUANTITY", "ITEMS"]


@pytest.mark.parametrize(
    ("more", "vintage"),
    [([], "EPD"), (["AREA_TEAM_CODE"], "EPD with area teams"), (["ICB_CODE", "SNOMED_CODE"], "EPD with SNOMED code")],
)
def test_a_header_tells_its_vintage(more, vintage):
    assert recognise([*LEAST, *more], "a.csv").name == vintage


def test_the_fewest_columns_give_a_row_whose_rest_is_unknown_not_zero():
    raw = pl.DataFrame([["201709", "K81001", "0301011R0BEAIAP", "Ventolin", "2", "3"]], LEAST, orient="row")
    (row,) = to_prescribing(raw, recognise(LEAST, "a.csv")).to_dicts()
    assert (row["month"], row["total_quantity"], row["reason"]) == (date(2017, 9, 1), 6, None)
    absent = ("practice_name", "snomed_code", "nic_gbp", "actual_cost_gbp", "sub_icb_code", "icb_code")
    assert [row[name] for name in absent] == [None] * 6


@pytest.mark.parametrize(
    ("text", "month"),
    [("2026-01", date(2026, 1, 1)), ("2017_09", date(2017, 9, 1)), ("202001", date(2020, 1, 1)), (" 2020-01-01 ", date(2020, 1, 1)),
     ("2020-13", None), ("1999-01", None), ("20200", None), ("\uff12020\u0661\u0661", None), ("soon", None), ("", None)],
)  # fmt: skip
def test_a_month_is_read_or_none(text, month):
    assert read_month_text(text) == month
