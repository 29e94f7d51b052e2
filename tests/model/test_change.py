"""Volume × mix × factor: worked by hand, and additive to the last digit whatever comes and goes."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prescarbon.errors import InputError
from prescarbon.model.change import EFFECTS, split_change, split_change_by_product
from prescarbon.tables.schema import KG

SCHEMA = {
    "practice_code": pl.String,
    "period": pl.String,
    "series_code": pl.String,
    "devices": pl.Float64,
    "kg_co2e": KG,
}
Row = tuple[str, str, str, float | None, Decimal | None]


def footprint(rows: list[Row]) -> pl.LazyFrame:
    return pl.LazyFrame(rows, schema=SCHEMA, orient="row")


def split(rows: list[Row], by=("practice_code",)):
    return split_change(footprint(rows), by, "2024", "2025").collect().row(0, named=True)


def D(number: float) -> Decimal:  # noqa: N802
    return Decimal(str(number))


def test_more_inhalers_of_the_same_kind_is_volume():
    effects = split([("A", "2024", "x", 10.0, D(280)), ("A", "2025", "x", 15.0, D(420))])
    assert [effects[e] for e in EFFECTS] == [140, 0, 0]


def test_another_factor_alone_is_factor():
    effects = split([("A", "2024", "x", 10.0, D(280)), ("A", "2025", "x", 10.0, D(120))])
    assert [effects[e] for e in EFFECTS] == [0, 0, -160]


def test_a_switch_is_mix_although_one_product_appears_and_one_vanishes():
    rows = [("A", "2024", "ventolin", 10.0, D(280)), ("A", "2025", "dpi", 10.0, D(6))]
    effects = split(rows)
    assert [effects[e] for e in EFFECTS] == [0, -274, 0]


def test_three_effects_at_once_by_hand():
    # 2024: 10 of x at 2 kg. 2025: 10 of x at 1 kg and 10 of y at 4 kg. V 10 → 20; x: m 1 → ½, f 2 → 1; y: m 0 → ½, f 4
    rows = [("A", "2024", "x", 10.0, D(20)), ("A", "2025", "x", 10.0, D(10)), ("A", "2025", "y", 10.0, D(40))]
    effects = split(rows)
    # volume: x 10 × ((1×2 + ½×1) ÷ 3 + (1×1 + ½×2) ÷ 6) = 11.667; y 10 × ((0 + 2) ÷ 3 + (0 + 2) ÷ 6) = 10
    # factor: x -1 × ((10×1 + 20×½) ÷ 3 + (10×½ + 20×1) ÷ 6) = -10.833; mix: 30 - 21.667 + 10.833
    assert effects["kg_volume"] == D(21.666667)
    assert effects["kg_factor"] == D(-10.833333)
    assert effects["kg_mix"] == D(19.166666)
    assert effects["kg_change"] == 30


def test_a_new_practice_is_volume():
    effects = split([("A", "2025", "x", 4.0, D(8)), ("A", "2025", "y", 6.0, D(60))])
    assert [effects[e] for e in EFFECTS] == [68, 0, 0]


def test_a_product_without_a_factor_is_left_out_of_both_periods_and_counted():
    rows: list[Row] = [
        ("A", "2024", "x", 10.0, D(280)),
        ("A", "2025", "x", 10.0, D(280)),
        ("A", "2024", "new", 5.0, None),
        ("A", "2025", "new", 5.0, D(50)),
    ]
    effects = split(rows)
    assert [effects[e] for e in EFFECTS] == [0, 0, 0]
    assert (effects["kg_left_out"], effects["kg_change"]) == (50, 50)
    assert (effects["products"], effects["products_left_out"]) == (2, 1)


def test_a_period_with_itself_is_refused():
    with pytest.raises(InputError, match="compared with itself"):
        split_change(footprint([]), ["practice_code"], "2025", "2025")


rows = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.sampled_from(["2024", "2025", "2023"]),
        st.sampled_from(["x", "y", "z", "w"]),
        st.one_of(st.none(), st.floats(0, 1e5, allow_nan=False)),
        st.one_of(st.none(), st.decimals(0, 10**6, places=6)),
    ),
    max_size=30,
)


@settings(max_examples=120, deadline=None)
@given(rows, st.booleans(), st.randoms(use_true_random=False))
def test_the_parts_add_up_to_the_last_digit(drawn, by_practice, rnd):
    by = ["practice_code"] if by_practice else []
    table = split_change(footprint(drawn), by, "2024", "2025").collect()
    parts = split_change_by_product(footprint(drawn), by, "2024", "2025").collect()
    for rows_ in (table, parts):
        added = rows_["kg_volume"] + rows_["kg_mix"] + rows_["kg_factor"] + rows_["kg_left_out"]
        assert added.to_list() == rows_["kg_change"].to_list()
        assert (rows_["kg_after"] - rows_["kg_before"]).to_list() == rows_["kg_change"].to_list()
    known = [(r[1], r[4]) for r in drawn if r[4] is not None]
    total = sum((k for p, k in known if p == "2025"), D(0)) - sum((k for p, k in known if p == "2024"), D(0))
    assert sum(table["kg_change"].to_list(), D(0)) == total
    rnd.shuffle(drawn)
    assert split_change(footprint(drawn), by, "2024", "2025").collect().equals(table)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("xyz"), st.integers(1, 500), st.integers(1, 500)),
        min_size=1,
        max_size=3,
        unique_by=lambda r: r[0],
    )
)
def test_there_and_back_is_nought(drawn):
    there: list[Row] = [("A", "2024", p, float(n), D(n * 12)) for p, n, _ in drawn]
    there += [("A", "2025", p, float(n), D(n * 11)) for p, _, n in drawn]
    forth = split_change(footprint(there), ["practice_code"], "2024", "2025").collect()
    back = split_change(footprint(there), ["practice_code"], "2025", "2024").collect()
    for effect in EFFECTS:
        assert abs(forth[effect][0] + back[effect][0]) <= D(0.00001)
    mix_free = split_change(footprint(there), ["practice_code"], "2024", "2025").collect()
    assert abs(mix_free["kg_mix"][0]) <= D(0.00001)  # every inhaler has the same kilograms: shares cannot matter
