"""Sums: exact in any order, null where nothing is known."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prescarbon.model.sums import exact_sum, known_sum


def test_nothing_known_is_null_and_something_known_is_its_sum():
    rows = pl.DataFrame(
        {"group": ["a", "a", "b", "b"], "items": [1, None, None, None], "units": [None, 0.1234, None, None]}
    )
    sums = rows.group_by("group").agg(known_sum("items"), units=exact_sum("units")).sort("group")
    assert sums.rows() == [("a", 1, 0.123), ("b", None, None)]
    assert rows.clear().select(known_sum("items"), units=exact_sum("units")).rows() == [(None, None)]


def test_nought_is_known():
    rows = pl.DataFrame({"items": [0, None], "units": [0.0, None]})
    assert rows.select(known_sum("items"), units=exact_sum("units")).rows() == [(0, 0.0)]


@pytest.mark.parametrize(("decimals", "sums"), [(0, 2.0), (1, 2.4), (3, 2.47), (6, 2.469134)])
def test_each_value_is_kept_to_so_many_decimals_before_it_is_added(decimals, sums):
    twice = pl.DataFrame({"units": [1.2345671, 1.2345671]})
    assert twice.select(exact_sum(pl.col("units"), decimals)).item() == sums


@given(st.lists(st.none() | st.decimals(-9999, 9999, places=3), max_size=30), st.randoms(use_true_random=False))
def test_the_sum_is_that_of_the_decimals_in_any_order(values, rnd):
    known = [v for v in values if v is not None]
    slow = float(sum(known, Decimal(0))) if known else None
    shuffled = rnd.sample(values, len(values))
    for order in (values, shuffled):
        floats = pl.DataFrame({"units": order}, schema={"units": pl.Decimal(18, 3)}).cast(pl.Float64)
        assert floats.select(exact_sum("units")).item() == slow
