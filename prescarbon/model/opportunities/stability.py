"""How often a line keeps its place among an organisation's lines, over the draws of factors and of true rates."""

import numpy as np
import polars as pl

from prescarbon.model.opportunities.draws import MILLIONTHS
from prescarbon.model.opportunities.worlds import BY_FACTORS, LINE, in_each_world
from prescarbon.model.uncertainty import Floats


def measure_stability(
    ranked: pl.LazyFrame,
    claims: pl.LazyFrame,
    groups: pl.LazyFrame,
    draws: pl.LazyFrame,
    seed: int,
    by: list[str],
) -> pl.LazyFrame:
    """organisation_code × rule_id → rank_stability: share of draws in which the line keeps its rank.

    ranked   organisation_code, rule_id, rank, rank_basis, kg, gbp, effort, first (0 for over-use, else 1)
    claims   what `claim_units` returns
    groups   practice_code, organisation_code
    draws    bnf_code, draw, kg; seed of the draws of true rates
    by       names of the sort keys, lowest first: of first, effort_key, minus_kg, gbp_per_kg
    """
    lines = ranked.collect()
    mine = claims.join(groups, on="practice_code").join(ranked.select(LINE), on=LINE, how="semi")
    found = [pl.DataFrame(schema={"organisation_code": pl.String, "rule_id": pl.String, "rank_stability": pl.Float64})]
    for frame, kg in in_each_world(
        mine.drop("organisation_code"),
        groups.join(ranked.select("organisation_code"), on="organisation_code", how="semi"),
        draws,
        seed,
        ("kg_theoretical", "kg_to_peer", BY_FACTORS),
    ):
        placed = frame.with_row_index("at").join(lines, on=LINE, maintain_order="left")
        found.append(_keeps(placed, {c: values[placed["at"].to_numpy()] for c, values in kg.items()}, by))
    return pl.concat(found).lazy()


def _keeps(lines: pl.DataFrame, kg: dict[str, Floats], by: list[str]) -> pl.DataFrame:
    """organisation_code, rule_id, rank_stability of lines sorted by organisation and rule."""
    is_to_peer = (lines["rank_basis"] == "to_peer").to_numpy()[:, None]
    kilograms = np.where(is_to_peer, kg["kg_to_peer"], kg["kg_theoretical"]).round(MILLIONTHS)
    a_pound = np.where(is_to_peer, kg[BY_FACTORS], kg["kg_theoretical"]).round(MILLIONTHS)
    keys = {
        "first": lines["first"].to_numpy()[:, None],
        "effort_key": lines["effort"].to_physical().to_numpy()[:, None],
        "minus_kg": -kilograms,
        "gbp_per_kg": lines["gbp"].cast(pl.Float64).fill_null(np.nan).to_numpy()[:, None]
        / np.where(a_pound == 0, np.nan, a_pound),
    }
    # sorted by organisation, then by the keys, then by rule: a line's place is how far it stands from the first of its own
    organisation = lines["organisation_code"].rle_id().to_numpy()[:, None]
    rule = np.arange(lines.height)[:, None]
    order = np.lexsort(
        [np.broadcast_to(k, kilograms.shape) for k in (rule, *(keys[n] for n in reversed(by)), organisation)], axis=0
    )
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(lines.height)[:, None], axis=0)
    start = lines.with_row_index("line").select(pl.col("line").min().over("organisation_code"))["line"].to_numpy()
    keeps = place - start[:, None].astype(np.int64) + 1 == lines["rank"].to_numpy()[:, None]
    return lines.select(LINE).with_columns(rank_stability=pl.Series(keeps.mean(axis=1)))
