"""Savings drawn together, and how often a line keeps its place."""

from datetime import date

import polars as pl

from prescarbon.model.opportunities.draws import tabulate_draws
from prescarbon.tables.products import ERROR_PARTS, FACTORS
from tests.frames import rows_of
from tests.model.switch_builders import MONTH, SALAMOL, VENTOLIN, factors, footprint, kg, line, lines, rule


def test_draws_move_source_and_target_together():
    # the generic is a mix of both brands: apart the ends overlap, together the mix is never lighter than its light half
    apart = factors(f"key | kg_low | kg_co2e | kg_high\n{VENTOLIN} | 11 | 20 | 30\n{SALAMOL} | 11 | 12 | 13")
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100")
    together = pl.LazyFrame(
        {"bnf_code": [VENTOLIN, SALAMOL] * 3, "draw": [0, 0, 1, 1, 2, 2], "kg": [19.0, 11.0, 20.0, 12.0, 21.0, 13.0]}
    )
    assert line(lines([rule()], rows, kg=apart), "X1")["rank"] is None
    got = line(lines([rule()], rows, kg=apart, draws=together), "X1")
    assert [got[f"kg_theoretical{end}"] for end in ("_low", "", "_high")] == [kg(800)] * 3
    assert (got["rank"], got["rank_stability"]) == (1, 1.0)


def test_factors_become_draws_that_share_a_world():
    shared = rows_of(ERROR_PARTS, "factor_id | shared_key | below | above\nf | propellant | 1 | 1")  # each has the id f
    drawn = tabulate_draws(factors(), shared, month=MONTH, seed=7, draws=50).collect()
    assert drawn.group_by("bnf_code").len()["len"].unique().to_list() == [50]
    ventolin = drawn.filter(pl.col("bnf_code") == VENTOLIN)["kg"]
    assert ventolin.is_between(26, 30).all()
    # 26 to 30 and 11 to 13 at the same position: the second moves half as far, in every world
    salamol = drawn.filter(pl.col("bnf_code") == SALAMOL)["kg"]
    assert ((ventolin - 28) / 2 - (salamol - 12)).abs().max() < 1e-9
    again = tabulate_draws(factors(), shared, month=MONTH, seed=7, draws=50).collect()
    assert again.equals(drawn)


def test_only_factors_of_devices_in_force_that_month_are_drawn():
    dated = pl.concat(
        [
            factors(f"key | kg_low | kg_co2e | kg_high\n{VENTOLIN} | 26 | 28 | 30").with_columns(
                valid_to=pl.lit(MONTH)
            ),
            factors(f"key | kg_low | kg_co2e | kg_high\n{VENTOLIN} | 1 | 2 | 3").with_columns(
                valid_from=pl.lit(date(2025, 9, 2))
            ),
            factors("key | kg_low | kg_co2e | kg_high\n03 | 0.1 | 0.2 | 0.3").with_columns(
                key_kind=pl.lit("spend").cast(FACTORS.schema["key_kind"])
            ),
        ]
    )
    alone = pl.LazyFrame(schema=ERROR_PARTS.schema)
    drawn = tabulate_draws(dated, alone, month=MONTH, seed=7, draws=20).collect()
    assert drawn["bnf_code"].to_list() == [VENTOLIN] * 20
    assert drawn["kg"].is_between(26, 30).all()


def test_rank_stability_is_the_share_of_worlds_in_which_a_line_keeps_its_place():
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100\nP1 | 0302000N0BDAABJ | 50")
    dpi = rule(
        id="X2",
        family="227",
        from_={"words": "F", "codes": ["0302000N0BDAABJ"]},
        to={"words": "S", "codes": ["0302000K0BDABAM"]},
    )
    worlds = [
        (28, 12, 36, 1),
        (28, 12, 34, 1),
        (22, 12, 36, 1),
        (22, 12, 30, 1),
    ]  # X1 1600 1600 1000 1000, X2 1750 1650 1750 1450
    codes = [VENTOLIN, SALAMOL, "0302000N0BDAABJ", "0302000K0BDABAM"]
    draws = pl.LazyFrame(
        [(c, n, float(v)) for n, world in enumerate(worlds) for c, v in zip(codes, world, strict=True)],
        schema=["bnf_code", "draw", "kg"], orient="row",
    )  # fmt: skip
    found = lines([rule(), dpi], rows, draws=draws)
    assert [(r["rule_id"], r["rank"], r["rank_stability"]) for r in found.to_dicts()] == [
        ("X2", 1, 1.0),
        ("X1", 2, 1.0),
    ]
    worlds[0] = (28, 12, 30, 1)  # in this one world X2 saves 1,450 and X1 1,600
    draws = pl.LazyFrame(
        [(c, n, float(v)) for n, world in enumerate(worlds) for c, v in zip(codes, world, strict=True)],
        schema=["bnf_code", "draw", "kg"], orient="row",
    )  # fmt: skip
    found = lines([rule(), dpi], rows, draws=draws)
    assert [(r["rule_id"], r["rank"], r["rank_stability"]) for r in found.to_dicts()] == [
        ("X2", 1, 0.75),
        ("X1", 2, 0.75),
    ]
