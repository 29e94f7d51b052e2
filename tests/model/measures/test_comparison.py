"""Gates, funnels against published figures, and peers."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from prescarbon.model.measures.comparison import (
    TRAITS,
    funnel_of_means,
    funnel_of_proportions,
    judge_gate,
    nearest_peers,
    peer_traits,
    spread_by,
)
from prescarbon.tables.organisations import LIST_SIZES, PRACTICE_TRAITS
from prescarbon.tables.schema import GATES, KG
from tests.frames import frame, rows_of

BY = ["measure_id"]

# Colditz 1994, 13 trials of BCG (R package metadat, dat.bcg): cases and others, vaccinated and not
BCG = [
    *((4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619), (33, 5036, 47, 5761)),
    *((180, 1361, 372, 1079), (8, 2537, 10, 619), (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600)),
    *((186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825)),
]


def test_gates():
    counts = pl.DataFrame({"count": [500, 100, 99, 25, 24, None]})
    gates = counts.select(judge_gate(pl.col("count")).cast(pl.String))["gate"].to_list()
    assert gates == ["ranked", "ranked", "shown", "shown", "listed", "listed"]


def proportions(pairs: list[tuple[int, int]], gate: str = "ranked") -> pl.LazyFrame:
    rows = pl.LazyFrame(pairs, schema={"numerator": pl.Int64, "denominator": pl.Int64}, orient="row")
    return rows.with_columns(measure_id=pl.lit("m"), gate=pl.lit(gate).cast(GATES))


def test_between_variance_of_the_published_bcg_example():
    """metafor, rma(yi, vi, method = "DL") on dat.bcg prints Q(12) = 152.2330 and tau^2 = 0.3088."""
    a, b, c, d = np.array(BCG, dtype=float).T
    effect = np.log((a / (a + b)) / (c / (c + d)))
    variance = 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
    trials = pl.LazyFrame({"mean": effect, "count": 1 / variance}).with_columns(
        variance=pl.lit(1.0), gate=pl.lit("ranked").cast(GATES), measure_id=pl.lit("bcg")
    )
    row = funnel_of_means(trials, BY, winsorised=0).collect().row(0, named=True)
    assert 13 * row["phi"] == pytest.approx(152.2330, abs=5e-5)
    assert row["tau_squared"] == pytest.approx(0.3088, abs=5e-5)
    assert row["pooled"] == pytest.approx(-0.4303, abs=5e-5)


def slow_funnel(pairs: list[tuple[int, int]]) -> tuple[float, float, list[float]]:
    """FunnelPlotR's steps for proportions (od_adjustment.R, data_type PR, 10%) in numpy."""
    r, n = np.array(pairs, dtype=float).T
    y, target, s = np.arcsin(np.sqrt(r / n)), np.arcsin(np.sqrt(r.sum() / n.sum())), 1 / (2 * np.sqrt(n))
    z = (y - target) / s
    clipped = np.clip(z, np.quantile(z, 0.1), np.quantile(z, 0.9))
    phi, size, w = float((clipped**2).mean()), len(z), 1 / s**2
    tau2 = 0.0 if size * phi < size - 1 else max(0.0, (size * phi - (size - 1)) / (w.sum() - (w**2).sum() / w.sum()))
    return phi, tau2, ((y - target) / np.sqrt(s**2 + tau2)).tolist()


pairs = st.lists(
    st.integers(25, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=3, max_size=40
)


@settings(max_examples=80, deadline=None)
@given(pairs)
def test_funnel_agrees_with_the_steps_of_the_nhs_package(drawn):
    table = funnel_of_proportions(proportions(drawn), BY).collect()
    phi, tau2, z = slow_funnel(drawn)
    assert table["phi"][0] == pytest.approx(phi, rel=1e-6, abs=1e-9)
    assert table["tau_squared"][0] == pytest.approx(tau2, rel=1e-5, abs=1e-9)
    assert table["z"].to_list() == pytest.approx(z, rel=1e-5, abs=1e-6)
    assert table.filter(pl.col("low_998") > pl.col("low_95")).is_empty()
    beyond = (pl.col("value") > pl.col("high_95") + 1e-9) & (pl.col("high_95") < 1)
    words = {"higher than most"} if len(drawn) >= 10 else {None}  # nobody is judged in a group of fewer than ten
    assert set(table.filter(beyond)["verdict"].unique()) <= words


def test_the_order_of_the_rows_changes_no_bit():
    draw = np.random.default_rng(7)
    size = 200
    practices = pl.DataFrame({"place": range(size), "measure_id": ["a", "b"] * (size // 2)}).with_columns(
        numerator=pl.Series(draw.uniform(10, 400, size)),
        denominator=pl.Series(draw.uniform(400, 900, size)),
        mean=pl.Series(draw.uniform(3, 30, size)),
        variance=pl.Series(draw.uniform(0, 40, size)),
        count=pl.Series(draw.integers(30, 4000, size)),
        gate=pl.Series(["ranked"] * size, dtype=GATES),
    )
    traits = practices.select(
        pl.col("place").cast(pl.String).alias("practice_code"), patients="count", mean_age="mean", imd_score="variance"
    )

    footprint = practices.select("measure_id", devices="count", kg_co2e="mean")

    def told(seed: int) -> list[bytes]:
        frames = (practices, traits, footprint)
        rows = [frame.sample(fraction=1, shuffle=True, seed=seed).lazy() for frame in frames]
        answers = [
            funnel_of_proportions(rows[0], BY).sort("place"),
            funnel_of_means(rows[0], BY).sort("place"),
            nearest_peers(rows[1])[0].sort("practice_code", "rank"),
            spread_by(rows[2], BY).sort("measure_id"),
        ]
        return [answer.collect().write_json().encode() for answer in answers]

    first = told(0)
    assert all(told(seed) == first for seed in range(1, 21))


def test_words_follow_the_funnel():
    # fourteen practices near a half and one far above: chance alone explains the fourteen
    table = funnel_of_proportions(proportions([(50, 100), (52, 100), (48, 100)] * 5 + [(85, 100)]), BY).collect()
    assert table["verdict"].to_list() == ["about the same as others"] * 15 + ["higher than most"]
    low = funnel_of_proportions(proportions([(50, 100), (52, 100), (48, 100)] * 5 + [(15, 100)]), BY).collect()
    assert low["verdict"][-1] == "lower than most"


def test_the_listed_take_no_part_and_get_no_word():
    sixteen = proportions([(50, 100), (52, 100), (48, 100)] * 5 + [(85, 100)])
    extra = proportions([(9, 10), (0, 0)], gate="listed")
    table = funnel_of_proportions(pl.concat([sixteen, extra]), BY).collect()
    alone = funnel_of_proportions(sixteen, BY).collect()
    assert table[:16]["z"].equals(alone["z"])
    assert table[16:]["verdict"].to_list() == [None, None]
    assert table["value"][17] is None


def test_nothing_prescribed_and_nothing_known_take_no_part_whatever_their_gate():
    wide = proportions([(20, 100), (52, 100), (80, 100)] * 5)
    with_none = funnel_of_proportions(pl.concat([wide, proportions([(0, 0)])]), BY).collect()
    assert with_none["tau_squared"][0] > 0
    assert_frame_equal(with_none[:15], funnel_of_proportions(wide, BY).collect())
    assert with_none.select("value", "z", "verdict", "low_95", "high_998").row(15) == (None,) * 5
    three = pl.LazyFrame({"mean": [16.0, 10.0, 12.0], "variance": [64.0, 36.0, 49.0], "count": [400.0, 100.0, 225.0]})
    ranked = three.with_columns(measure_id=pl.lit("m"), gate=pl.lit("ranked").cast(GATES))
    others = pl.LazyFrame(
        {"mean": [0.0, None, 99.0], "variance": [None, 9.0, 9.0], "count": [0.0, 50.0, 50.0]},
        schema_overrides={"mean": pl.Float64, "variance": pl.Float64},
    ).with_columns(measure_id=pl.lit("m"), gate=pl.Series(["ranked", "ranked", "listed"], dtype=GATES))
    judged = funnel_of_means(pl.concat([ranked, others]), BY).collect()
    assert_frame_equal(judged[:3], funnel_of_means(ranked, BY).collect())
    assert judged[3:]["z"].to_list() == [None] * 3


def test_one_practice_alone_is_compared_with_nobody():
    assert funnel_of_proportions(proportions([(50, 100)]), BY).collect()["verdict"].to_list() == [None]


def test_kg_per_inhaler_by_hand():
    footprint = pl.LazyFrame(
        {
            "practice_code": ["A", "A", "A", "B", "C", "D"],
            "devices": [1.0, 3.0, 0.0, 4.0, 1.0, 1.0],
            "kg_co2e": [28, 36, 0, 40, None, 5],
        }
    ).with_columns(pl.col("kg_co2e").cast(KG))
    table = spread_by(footprint, ["practice_code"]).collect()
    # A: one of 28 kg and three of 12: mean 16, variance (144 + 3 × 16) ÷ 3 = 64; B: four of 10
    # D: one inhaler has no spread about its mean
    assert table.rows() == [("A", 4.0, 16.0, 64.0), ("B", 4.0, 10.0, 0.0), ("D", 1.0, 5.0, None)]


def test_means_take_the_pooled_variance_where_all_inhalers_are_alike():
    values = pl.LazyFrame({"mean": [16.0, 10.0], "variance": [64.0, 0.0], "count": [400.0, 100.0]}).with_columns(
        measure_id=pl.lit("m"), gate=pl.lit("ranked").cast(GATES)
    )
    table = funnel_of_means(values, BY, winsorised=0).collect()
    # pooled (6400 + 1000) ÷ 500 = 14.8; s² = 0.16 and 0.64; z = 3 and -6; φ = 22.5
    assert table["pooled"][0] == pytest.approx(14.8)
    assert table["phi"][0] == pytest.approx((1.2**2 / 0.16 + 4.8**2 / 0.64) / 2)


@pytest.mark.real
def test_plain_limits_would_flag_most_areas_and_these_flag_few(real: Path):
    rows = pl.scan_csv(real / "published-measures" / "saba_by_sub_icb_vintage_2026-03-30.csv")
    month = rows.filter((pl.col("month") == "2025-12-01") & (pl.col("denominator") > 0)).with_columns(
        measure_id=pl.lit("saba"), gate=judge_gate(pl.col("denominator"))
    )
    table = funnel_of_proportions(month, BY).collect()
    assert table.height == 106
    s = 1 / (4 * table["denominator"]).sqrt()
    plain = (table["value"].sqrt().arcsin() - table["pooled"].sqrt().arcsin()).abs() / s > 1.96
    assert plain.sum() == 98  # 92% of areas
    phi, tau2, z = slow_funnel(table.select("numerator", "denominator").rows())
    assert (table["phi"][0], table["tau_squared"][0]) == (pytest.approx(phi), pytest.approx(tau2))
    assert (table["verdict"] != "about the same as others").sum() == (np.abs(z) > 1.96).sum() == 17


PRACTICES = frame(
    """
    practice_code | patients | asthma_share | imd_score
    A             | 8000     | 0.06         | 20
    B             | 8100     | 0.06         | 21
    C             | 16000    | 0.06         | 20
    D             | 8000     | 0.09         | 40
    E             | 8000     |              | 20
    F             |          | 0.06         | 20
    """,
    patients=pl.Int64,
    asthma_share=pl.Float64,
    imd_score=pl.Float64,
)


def test_nearest_practices_are_alike_in_every_trait():
    peers, method = nearest_peers(PRACTICES, of=["A", "E", "F"], count=2)
    table = peers.collect()
    assert table.filter(practice_code="A")["peer_code"].to_list() == ["B", "C"]  # E lacks a trait that A has
    assert table.filter(practice_code="E")["peer_code"].to_list() == ["A", "B"]
    assert table.filter(practice_code="F").is_empty()
    assert table["distance"].min() >= 0
    assert method == (
        "The 2 nearest practices by list size (log), asthma register, deprivation (IMD): "
        "standardised differences, root mean square."
    )


def test_list_sizes_are_alike_by_ratio_and_a_trait_that_says_nothing_counts_for_nothing():
    traits = frame(
        """
        practice_code | patients | asthma_share | copd_share
        A             | 1000     | 0.06         | 0.02
        B             | 2000     | 0.06         |
        C             | 4000     | 0.06         |
        D             | 0        | 0.06         |
        """,
        patients=pl.Int64,
        asthma_share=pl.Float64,
        copd_share=pl.Float64,
    )
    peers, method = nearest_peers(traits, of=["B", "D"])
    table = peers.collect()
    # twice and half are as far; asthma shares are all one; copd is known of one practice only; D has no list
    assert table["peer_code"].to_list() == ["A", "C"]
    # ln 2 ÷ the standard deviation of ln 1000, ln 2000, ln 4000 (= ln 2) is 1; root of the mean of 1 and 0
    assert table["distance"].to_list() == pytest.approx([0.5**0.5] * 2)
    assert "list size (log), asthma register:" in method


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.floats(1.5, 100))
def test_peers_depend_on_neither_row_order_nor_units(rnd, scale):
    rows = PRACTICES.collect()
    other = rows[rnd.sample(range(6), 6)].with_columns(pl.col("imd_score") * scale)
    first, second = (nearest_peers(f.lazy())[0].collect() for f in (rows, other))
    assert first.drop("distance").equals(second.drop("distance"))
    assert first["distance"].to_list() == pytest.approx(second["distance"].to_list())


def test_traits_come_from_the_newest_file_that_has_them():
    traits = rows_of(
        PRACTICE_TRAITS,
        """
        as_of      | practice_code | imd_score | asthma_register | asthma_list
        2019-09-01 | A             | 25.5      |                 |
        2021-03-31 | A             |           | 60              | 1000
        2019-03-31 | A             |           | 40              | 1000
        """,
    )
    sizes = rows_of(LIST_SIZES, "practice_code | month | patients\nA | 2021-01-01 | 990\nA | 2022-01-01 | 1010")
    row = peer_traits(traits, sizes).collect().row(0, named=True)
    assert row["patients"] == 1010
    assert (row["imd_score"], row["asthma_share"], row["copd_share"]) == (25.5, 0.06, None)
    assert set(row) - {"practice_code"} <= set(TRAITS)
