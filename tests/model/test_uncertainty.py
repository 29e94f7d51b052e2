"""Intervals from shared draws: bounds, exact centre, and no dependence on order or on who else is there."""

from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prescarbon.errors import InputError
from prescarbon.model.uncertainty import (
    SPAN,
    draw_factors,
    draw_positions,
    intervals_by,
    shares_by,
)
from prescarbon.tables.schema import KG
from tests.frames import frame

FACTORS = frame(
    """
    factor_id | shared_key | kg_low | kg_co2e | kg_high
    ventolin  | large can  | 24     | 28      | 30
    salamol   | small can  | 9      | 12      | 13
    airomir   | small can  | 8      | 10      | 12
    dpi       | dpi        | 0.6    | 0.6     | 0.6
    """,
    kg_low=pl.Float64,
    kg_co2e=pl.Float64,
    kg_high=pl.Float64,
)
DRAWS = 1000


def footprint(rows: list[tuple[str, str | None, float | None]]) -> pl.LazyFrame:
    """Practice, factor, devices → kilograms by FACTORS."""
    drawn = pl.LazyFrame(
        rows, schema={"practice_code": pl.String, "factor_id": pl.String, "n": pl.Float64}, orient="row"
    )
    return drawn.join(FACTORS, on="factor_id", how="left").with_columns(
        (pl.col(k) * pl.col("n")).cast(KG) for k in ("kg_low", "kg_co2e", "kg_high")
    )


ROWS = [("A", "ventolin", 10.0), ("A", "dpi", 5.0), ("B", "salamol", 20.0), ("B", "airomir", 1.0), ("C", None, 3.0)]


def intervals(rows=ROWS, seed=1, by=("practice_code",), draws=DRAWS):
    return intervals_by(footprint(rows), FACTORS, by, seed, draws).collect()


def test_one_factor_gives_the_percentiles_of_its_two_triangular_halves():
    table = intervals([("A", "ventolin", 10.0)], draws=100_000)
    # 5th percentile: 28 - (28 - 24) × (1 - √(2 × 0.05)) = 25.26; 95th: 28 + 2 × (1 - √0.1) = 29.37; ten inhalers
    low, central, high = table.row(0)[1:]
    assert central == Decimal(280)
    assert float(low) == pytest.approx(252.65, abs=0.5)
    assert float(high) == pytest.approx(293.68, abs=0.5)


def test_no_range_is_no_interval_and_no_factor_is_null():
    table = {r[0]: r[1:] for r in intervals([("A", "dpi", 5.0), ("C", None, 3.0)]).rows()}
    assert table["A"] == (Decimal("3"), Decimal("3"), Decimal("3"))
    assert table["C"] == (None, None, None)


def test_the_centre_is_the_exact_sum_and_the_whole_has_one_row():
    table = intervals(by=())
    assert table.height == 1
    assert table["kg_co2e"][0] == Decimal("280") + 3 + 240 + 10  # 10 × 28, 5 × 0.6, 20 × 12, 1 × 10


def test_factors_that_share_a_key_move_together_and_others_do_not():
    draws = draw_factors(FACTORS, seed=3, draws=5000)
    position = [(draws[i] < c).astype(float) for i, c in enumerate((28, 12, 10))]
    assert np.array_equal(position[1], position[2])
    assert abs(np.corrcoef(position[0], position[1])[0, 1]) < 0.05


def test_another_seed_draws_other_numbers():
    assert not np.array_equal(draw_positions(["k"], 1, 50), draw_positions(["k"], 2, 50))


def test_a_factor_out_of_order_is_refused():
    bad = pl.LazyFrame({"shared_key": ["k"], "kg_low": [2.0], "kg_co2e": [1.0], "kg_high": [3.0]})
    with pytest.raises(InputError, match="low ≤ central ≤ high"):
        draw_factors(bad, 1, 10)


def test_an_empty_footprint_gives_no_rows():
    assert intervals([]).height == 0


devices = st.floats(0, 5000, allow_nan=False).map(lambda x: round(x, 1))
rows = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["ventolin", "salamol", "airomir", "dpi"]), devices), min_size=1
)


@settings(max_examples=30, deadline=None)
@given(rows, st.randoms(use_true_random=False))
def test_low_central_high_in_order_and_row_order_does_not_matter(drawn, rnd):
    table = intervals(drawn, draws=50)
    assert table.filter(
        ~((pl.col("kg_low") <= pl.col("kg_co2e")) & (pl.col("kg_co2e") <= pl.col("kg_high")))
    ).is_empty()
    rnd.shuffle(drawn)
    assert intervals(drawn, draws=50).equals(table)


@settings(max_examples=30, deadline=None)
@given(rows)
def test_other_practices_and_products_change_nothing_here(drawn):
    alone = intervals([("Z", "ventolin", 7.0), ("Z", "salamol", 3.0)], draws=50)
    with_others = intervals([*drawn, ("Z", "ventolin", 7.0), ("Z", "salamol", 3.0)], draws=50)
    assert with_others.filter(practice_code="Z").equals(alone)


@settings(max_examples=30, deadline=None)
@given(rows)
def test_twice_the_inhalers_twice_the_kilograms(drawn):
    once, twice = intervals(drawn, draws=50), intervals([(p, f, 2 * n) for p, f, n in drawn], draws=50)
    for column in ("kg_low", "kg_co2e", "kg_high"):
        assert (twice[column].cast(pl.Float64) - 2 * once[column].cast(pl.Float64)).abs().max() <= 0.0021  # grams round


def test_intervals_agree_with_the_matrix_of_devices_and_draws():
    counts = np.array([[10.0, 0, 0, 5], [0, 20, 1, 0]])
    low, high = np.percentile(counts @ draw_factors(FACTORS, 1, DRAWS), [5, 95], axis=1)
    table = intervals(ROWS[:4])
    assert table["kg_low"].cast(pl.Float64).to_list() == pytest.approx(low.tolist(), abs=0.001)
    assert table["kg_high"].cast(pl.Float64).to_list() == pytest.approx(high.tolist(), abs=0.001)


def test_where_only_the_ends_are_known_the_interval_is_the_whole_span_and_adding_up_does_not_shrink_it():
    """Two tiers by one method, 10 (5 to 20) and 1 (0.5 to 2): 11 (5.5 to 22), because they are wrong together."""
    rows = frame(
        """
        practice_code | factor_id | kg_low | kg_co2e | kg_high
        K81001        | medicines | 5      | 10      | 20
        K81001        | feeds     | 0.5    | 1       | 2
        """,
        kg_low=KG,
        kg_co2e=KG,
        kg_high=KG,
    )
    keys = pl.LazyFrame({"factor_id": ["medicines", "feeds"], "shared_key": [f"{SPAN} spend"] * 2})
    found = intervals_by(rows, keys, ["practice_code"], seed=1, draws=10).collect()
    assert found.select("kg_low", "kg_co2e", "kg_high").cast(pl.Float64).rows() == [(5.5, 11.0, 22.0)]


def two_years(*rows: tuple[str, str, str, float | None]) -> pl.LazyFrame:
    """Practice, period, factor, devices → kilograms by FACTORS."""
    years = [(f"{practice} {period}", factor, devices) for practice, period, factor, devices in rows]
    return footprint(years).with_columns(
        practice_code=pl.col("practice_code").str.split(" ").list.first(),
        period=pl.col("practice_code").str.split(" ").list.last(),
    )


def test_a_factor_s_error_cancels_out_of_now_over_then():
    rows = two_years(("A", "before", "ventolin", 100), ("A", "after", "ventolin", 80))
    found = shares_by(rows, FACTORS, ["practice_code"], seed=1).collect()
    assert found.rows() == [("A", 0.8, 0.8, 0.8)]  # whatever a can holds, there are four fifths of them


def test_what_does_not_cancel_is_the_other_factor_alone():
    rows = two_years(("A", "before", "ventolin", 100), ("A", "after", "dpi", 100))
    _, low, share, high = shares_by(rows, FACTORS, ["practice_code"], seed=1, draws=4000).collect().row(0)
    assert share == pytest.approx(60 / 2800, abs=1e-6)
    assert 60 / 3000 < low < share < high < 60 / 2400  # a can of 30 kg, a can of 24 kg


def test_a_share_needs_both_periods_and_something_to_divide_by():
    rows = two_years(
        ("A", "after", "ventolin", 1),
        ("B", "before", "ventolin", 1),
        ("C", "before", "ventolin", 0),
        ("C", "after", "ventolin", 1),
    )
    assert shares_by(rows, FACTORS, ["practice_code"], seed=1).collect().rows() == []
    nothing = shares_by(rows.filter(practice_code="Z"), FACTORS, ["practice_code"], seed=1).collect()
    assert nothing.columns == ["practice_code", "share_low", "share", "share_high"]
    assert nothing.is_empty()
