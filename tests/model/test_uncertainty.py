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
    draw_local_positions,
    draw_positions,
    intervals_by,
    shares_by,
)
from prescarbon.tables.products import ERROR_PARTS
from prescarbon.tables.schema import KG
from tests.frames import frame, rows_of

FACTORS = frame(
    """
    factor_id | kg_low | kg_co2e | kg_high
    ventolin  | 24     | 28      | 30
    salamol   | 9      | 12      | 13
    airomir   | 8      | 10      | 12
    dpi       | 0.6    | 0.6     | 0.6
    clenil    | 15     | 20      | 25
    generic   | 12     | 16      | 28
    """,
    kg_low=pl.Float64,
    kg_co2e=pl.Float64,
    kg_high=pl.Float64,
)
# what is not named draws alone; ventolin's and clenil's rest is one method's; generic is 12 or 28 kg, 16 at a quarter of 28
PARTS = rows_of(
    ERROR_PARTS,
    """
    factor_id | shared_key | below | above | centre | local_spread
    ventolin  | large can  | 0.75  | 1     |        |
    ventolin  | method     | 0.25  | 0     |        |
    salamol   | small can  | 1     | 1     |        |
    airomir   | small can  | 1     | 1     |        |
    clenil    | clenil     | 0.8   | 0.8   |        |
    clenil    | method     | 0.2   | 0.2   |        |
    generic   | mix        | 1     | 1     | 0.25   | 0.5
    """,
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
    return intervals_by(footprint(rows), PARTS, by, seed, draws).collect()


def test_one_factor_gives_the_percentiles_of_its_two_triangular_halves():
    table = intervals([("A", "salamol", 10.0)], draws=100_000)
    # 5th percentile: 12 - (12 - 9) × (1 - √(2 × 0.05)) = 9.95; 95th: 12 + 1 × (1 - √0.1) = 12.68; ten inhalers
    low, central, high = table.row(0)[1:]
    assert central == Decimal(120)
    assert float(low) == pytest.approx(99.49, abs=0.3)
    assert float(high) == pytest.approx(126.84, abs=0.2)


def test_no_range_is_no_interval_and_no_factor_is_null():
    table = {r[0]: r[1:] for r in intervals([("A", "dpi", 5.0), ("C", None, 3.0)]).rows()}
    assert table["A"] == (Decimal("3"), Decimal("3"), Decimal("3"))
    assert table["C"] == (None, None, None)


def test_the_centre_is_the_exact_sum_and_the_whole_has_one_row():
    table = intervals(by=())
    assert table.height == 1
    assert table["kg_co2e"][0] == Decimal("280") + 3 + 240 + 10  # 10 × 28, 5 × 0.6, 20 × 12, 1 × 10


def test_factors_that_share_a_key_move_together_and_others_do_not():
    draws = draw_factors(FACTORS, PARTS, seed=3, draws=5000)
    position = [(draws[i] < c).astype(float) for i, c in enumerate((28, 12, 10))]
    assert np.array_equal(position[1], position[2])
    assert abs(np.corrcoef(position[0], position[1])[0, 1]) < 0.05


def test_another_seed_draws_other_numbers():
    assert not np.array_equal(draw_positions(["k"], 1, 50), draw_positions(["k"], 2, 50))


def test_a_factor_out_of_order_is_refused():
    bad = pl.LazyFrame({"factor_id": ["k"], "kg_low": [2.0], "kg_co2e": [1.0], "kg_high": [3.0]})
    with pytest.raises(InputError, match="low ≤ central ≤ high"):
        draw_factors(bad, PARTS, 1, 10)


def test_an_empty_footprint_gives_no_rows():
    assert intervals([]).height == 0


devices = st.floats(0, 5000, allow_nan=False).map(lambda x: round(x, 1))
rows = st.lists(
    st.tuples(
        st.sampled_from("ABC"), st.sampled_from(["ventolin", "salamol", "airomir", "dpi", "clenil", "generic"]), devices
    ),
    min_size=1,
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
    own = [("Z", "ventolin", 7.0), ("Z", "salamol", 3.0), ("Z", "generic", 5.0)]
    alone, with_others = intervals(own, draws=50), intervals([*drawn, *own], draws=50)
    assert with_others.filter(practice_code="Z").equals(alone)


@settings(max_examples=30, deadline=None)
@given(rows)
def test_twice_the_inhalers_twice_the_kilograms(drawn):
    once, twice = intervals(drawn, draws=50), intervals([(p, f, 2 * n) for p, f, n in drawn], draws=50)
    for column in ("kg_low", "kg_co2e", "kg_high"):
        assert (twice[column].cast(pl.Float64) - 2 * once[column].cast(pl.Float64)).abs().max() <= 0.0021  # grams round


def test_intervals_agree_with_the_matrix_of_devices_and_draws():
    counts = np.array([[10.0, 0, 0, 5, 0, 0], [0, 20, 1, 0, 0, 0]])
    low, high = np.percentile(counts @ draw_factors(FACTORS, PARTS, 1, DRAWS), [5, 95], axis=1)
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
    parts = rows_of(ERROR_PARTS, "factor_id\nmedicines\nfeeds", shared_key=f"{SPAN} spend", below=1, above=1)
    found = intervals_by(rows, parts, ["practice_code"], seed=1, draws=10).collect()
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
    found = shares_by(rows, PARTS, ["practice_code"], seed=1).collect()
    assert found.rows() == [("A", 0.8, 0.8, 0.8)]  # whatever a can holds, there are four fifths of them


def test_what_does_not_cancel_is_the_other_factor_alone():
    rows = two_years(("A", "before", "ventolin", 100), ("A", "after", "dpi", 100))
    _, low, share, high = shares_by(rows, PARTS, ["practice_code"], seed=1, draws=4000).collect().row(0)
    assert share == pytest.approx(60 / 2800, abs=1e-6)
    assert 60 / 3000 < low < share < high < 60 / 2400  # a can of 30 kg, a can of 24 kg


def test_a_share_needs_both_periods_and_something_to_divide_by():
    rows = two_years(
        ("A", "after", "ventolin", 1),
        ("B", "before", "ventolin", 1),
        ("C", "before", "ventolin", 0),
        ("C", "after", "ventolin", 1),
    )
    assert shares_by(rows, PARTS, ["practice_code"], seed=1).collect().rows() == []
    nothing = shares_by(rows.filter(practice_code="Z"), PARTS, ["practice_code"], seed=1).collect()
    assert nothing.columns == ["practice_code", "share_low", "share", "share_high"]
    assert nothing.is_empty()


def test_parts_of_one_method_move_together_and_the_others_by_themselves():
    """Clenil's ±5 kg are 4 of its own and 1 of the method; of ventolin's 4 kg down the method has 1, of its 2 up none."""
    ventolin, _, _, _, clenil, _ = draw_factors(FACTORS, PARTS, seed=3, draws=5000)
    large, own, method = draw_positions(["large can", "clenil", "method"], 3, 5000)
    assert np.allclose(clenil, 20 + 4 * own + 1 * method)
    assert np.allclose(ventolin, 28 + 3 * np.minimum(large, 0) + 2 * np.maximum(large, 0) + 1 * np.minimum(method, 0))


def test_a_practice_is_at_one_end_or_where_all_are():
    """All at 0.4 between the ends, spread 0.5: 0.5 × 0.6 = 0.3 of worlds at the low end, 0.2 at the high, else 0.4."""
    everywhere = np.full((1, 5), 0.2)  # a quarter, and a fifth of the way up from it: 0.25 + 0.75 × 0.2 = 0.4
    uniform = np.array([[0.0, 0.29, 0.31, 0.79, 0.81]])
    quarter, half = np.array([[0.25]]), np.array([[0.5]])
    assert draw_local_positions(everywhere, quarter, half, uniform).round(9).tolist() == [[-1, -1, 0.2, 0.2, 1]]
    # no spread: where all are; a full one: one end or the other
    assert draw_local_positions(everywhere, quarter, 0 * half, uniform).round(9).tolist() == [[0.2] * 5]
    assert draw_local_positions(everywhere, quarter, 2 * half, uniform).round(9).tolist() == [[-1, -1, -1, 1, 1]]
    # a central value at an end has one side only
    zero = np.zeros((1, 1))
    assert draw_local_positions(np.full((1, 5), -0.2), zero, half, uniform).tolist() == [[0, 0, 0, 0, 0]]


def test_practices_differ_about_the_mix_of_all_and_a_total_averages_that_out():
    """Four hundred practices of ten generic inhalers, 12 or 28 kg each."""
    practices = [f"P{n:03}" for n in range(400)]
    rows = [(p, "generic", 10.0) for p in practices]
    each = intervals(rows)
    whole = intervals(rows, by=()).row(0)
    assert [float(whole[1]), float(each["kg_co2e"].sum())] == [400 * 160.0] * 2
    # a practice can be supplied with one brand alone: 10 × 12 to 10 × 28 kg
    assert (float(each["kg_low"].min()), float(each["kg_high"].max())) == (120, 280)
    # all together only the mix of all is left: 16 - 4 × (1 - √0.1) = 13.26 and 16 + 12 × (1 - √0.1) = 24.21 kg
    assert float(whole[0]) / 4000 == pytest.approx(13.26, abs=0.15)
    assert float(whole[2]) / 4000 == pytest.approx(24.21, abs=0.5)


def test_some_practices_stand_between_one_and_all():
    def width(n: int) -> float:
        low, central, high = map(float, intervals([(f"P{i:03}", "generic", 10.0) for i in range(n)], by=()).row(0))
        return (high - low) / central

    assert width(1) > width(6) > width(200)


def test_two_practices_are_no_longer_one():
    """Correlation: Var(n) ÷ (Var(n) + s × E[n (1 - n)]) where n is the mix of all; 1 without a spread."""
    one_world = 20_000
    everywhere = draw_positions(["mix"], 1, one_world).repeat(2, axis=0)
    uniform = np.random.default_rng(0).random((2, one_world))
    quarter, half = np.full((2, 1), 0.25), np.full((2, 1), 0.5)
    drawn = draw_local_positions(everywhere, quarter, half, uniform)
    mine, theirs = np.where(drawn < 0, 0.25, 0.75) * drawn + 0.25
    n = np.where(everywhere[0] < 0, 0.25, 0.75) * everywhere[0] + 0.25
    expected = n.var() / (n.var() + 0.5 * (n * (1 - n)).mean())
    assert np.corrcoef(mine, theirs)[0, 1] == pytest.approx(expected, abs=0.02)
    assert expected < 0.5
    assert mine.mean() == pytest.approx(n.mean(), abs=0.01)


def test_a_practice_has_one_draw_through_its_months_and_products():
    """The same brand stock in January and June: two halves are as uncertain as the whole, to the gram."""
    whole = intervals([("A", "generic", 10.0)])
    assert intervals([("A", "generic", 4.0), ("A", "generic", 6.0)]).equals(whole)
    assert intervals([("A", "generic", 4.0), ("B", "generic", 6.0)], by=()).row(0) != whole.row(0)[1:]
