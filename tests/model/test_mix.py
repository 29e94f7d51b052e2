"""A fall by mix is told only beyond chance, and net of what replaces it: by hand, and on quiet practices."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from prescarbon.model.change import split_change_by_product
from prescarbon.model.mix import falls_beyond_chance, mix_worlds
from prescarbon.model.uncertainty import intervals_by
from prescarbon.tables.products import ERROR_PARTS
from prescarbon.tables.schema import KG
from tests.frames import frame, rows_of

BY = ["organisation_code"]


def pairs(effects: list[float], code: str = "A") -> pl.LazyFrame:
    months = pl.date_range(date(2025, 1, 1), pl.date(2025, 1, 1).dt.offset_by(f"{len(effects) - 1}mo"), "1mo")
    return pl.LazyFrame({"organisation_code": [code] * len(effects), "kg_mix": effects}).with_columns(
        pl.col("kg_mix").cast(KG), month=months
    )


@pytest.mark.parametrize(("mean", "is_told"), [(-0.83, True), (-0.81, False), (0.0, False), (0.83, False)])
def test_the_mean_of_twelve_pairs_against_how_they_swing(mean, is_told):
    # effects swing by 1 by turns: no pair resembles the one before, so 2.718 × √(12 ÷ 11 ÷ 12) = 0.8195 is the bar
    effects = [mean + (-1) ** i for i in range(12)]
    assert falls_beyond_chance(pairs(effects), BY).collect()["organisation_code"].to_list() == ["A"] * is_told


def test_pairs_that_resemble_each_other_say_less_and_eleven_say_nothing():
    slow = [-1.6, -1.6, -1.6, 0.4, 0.4, 0.4, -1.6, -1.6, -1.6, 0.4, 0.4, 0.4]  # mean -0.6 on slow swings of 1
    swift = [-1.6, 0.4] * 6
    lower = [-0.35, -0.35, -0.35]
    table = [
        pairs([v + sum(lower) for v in slow], "slow"),
        pairs([v + sum(lower) for v in swift], "swift"),
        pairs([-99.0 + (-1) ** i for i in range(11)], "eleven"),
    ]
    assert falls_beyond_chance(pl.concat(table), BY).collect()["organisation_code"].to_list() == ["swift"]


@pytest.mark.parametrize(("lag", "bound"), [(0.0, 0.015), (0.4, 0.03), (0.6, 0.05)])
def test_quiet_practices_are_seldom_praised(lag, bound):
    practices, months = 2000, 84
    random = np.random.Generator(np.random.PCG64([20260101, round(lag * 10)]))
    noise = random.standard_normal((practices, months))
    for at in range(1, months):
        noise[:, at] = lag * noise[:, at - 1] + noise[:, at] * (1 - lag**2) ** 0.5
    change = (noise[:, -12:] - noise[:, -24:-12]).ravel()
    codes = np.repeat(np.arange(practices), 12)
    rows = pl.LazyFrame({"organisation_code": codes, "month": np.tile(np.arange(12), practices), "kg_mix": change})
    assert falls_beyond_chance(rows, BY).collect().height / practices <= bound


FOOTPRINT = frame(
    """
    organisation_code | period | series_code | factor_id | devices | kg_low | kg_co2e | kg_high
    A                 | before | reliever    | can       | 20      | 360    | 400     | 480
    A                 | before | preventer   | can       | 20      | 360    | 400     | 480
    A                 | after  | reliever    | can       | 10      | 180    | 200     | 240
    A                 | after  | preventer   | can       | 30      | 540    | 600     | 720
    A                 | after  | none        |           | 5       |        |         |
    """,
    devices=pl.Float64,
    kg_low=KG,
    kg_co2e=KG,
    kg_high=KG,
)
FACTORS = rows_of(ERROR_PARTS, "factor_id | shared_key | below | above\ncan | gas | 1 | 1")


def test_what_replaces_a_reliever_takes_its_credit_away():
    parts = split_change_by_product(FOOTPRINT, BY, "before", "after")
    worlds = mix_worlds(parts, FOOTPRINT, BY)
    # 10 of 40 inhalers of 20 kg leave the reliever, -200, and come to the preventer, +200; each with its own sign
    assert worlds.sort("kg_co2e").collect().select("kg_low", "kg_co2e", "kg_high").cast(pl.Float64).rows() == [
        (-180, -200, -240),
        (180, 200, 240),
    ]
    net = intervals_by(worlds.with_columns(practice_code="organisation_code"), FACTORS, BY, seed=1).collect()
    assert net.select("kg_low", "kg_co2e", "kg_high").cast(pl.Float64).rows() == [(0, 0, 0)]


def test_the_interval_of_a_fall_is_that_of_what_went_less_what_came_in_the_same_world():
    lighter = FOOTPRINT.with_columns(
        pl.when(pl.col("series_code") == "preventer").then(pl.col(k) / 2).otherwise(k).cast(KG).alias(k)
        for k in ("kg_low", "kg_co2e", "kg_high")
    )
    parts = split_change_by_product(lighter, BY, "before", "after")
    (low, central, high), = (
        intervals_by(
            mix_worlds(parts, lighter, BY).with_columns(practice_code="organisation_code"), FACTORS, BY, seed=1
        )
        .select("kg_low", "kg_co2e", "kg_high").cast(pl.Float64).collect().rows()
    )  # fmt: skip
    assert central == -200 + 100
    assert -120 < low < central < high < -90  # never beyond all factors high, or all low: both move together
