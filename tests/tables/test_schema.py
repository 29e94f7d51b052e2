"""What a table admits, and which rule a row breaks first."""

import polars as pl
import pytest

from prescarbon.errors import InputError
from prescarbon.tables.organisations import LEVELS, MEASURE_LEVELS, PRACTICES
from prescarbon.tables.schema import Column, Table, judge

PEOPLE = Table(
    "people",
    ("code",),
    (
        Column("code", pl.String, "Code."),
        Column("count", pl.Int64, "People.", "people", holds=pl.col("count") >= 0),
        Column("note", pl.String, "Note.", may_be_null=True),
    ),
)


def test_every_wrong_column_is_named_at_once_and_others_are_left_out():
    with pytest.raises(
        InputError, match="table people: count should be Int64, is Float64; note should be String, is missing"
    ):
        PEOPLE.admit(pl.LazyFrame({"code": ["a"], "count": [1.0]}))
    good = pl.LazyFrame({"more": [0], "note": ["n"], "count": [1], "code": ["a"]})
    assert PEOPLE.admit(good).collect().rows() == [("a", 1, "n")]
    assert PEOPLE.admit(PEOPLE.empty()).collect().height == 0


def test_a_row_is_good_or_has_the_first_rule_it_breaks():
    rows = pl.LazyFrame(
        [("a", 0, None), (None, -1, None), ("b", -1, "n"), ("c", None, "n")], PEOPLE.schema, orient="row"
    )
    assert judge(rows, PEOPLE).collect()["reason"].to_list() == [
        None,
        "code is empty or unreadable",
        "count out of range",
        "count is empty or unreadable",
    ]


def test_every_level_names_a_column_of_practices():
    assert set(LEVELS.values()) <= set(PRACTICES.names)
    assert MEASURE_LEVELS.categories.to_list() == ["practice", "pcn", "sub-icb", "icb", "place", "group"]
