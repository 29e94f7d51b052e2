"""How often a line keeps its place among an organisation's lines, over the shared factor draws."""

import numpy as np
import polars as pl

from prescarbon.model.opportunities.draws import MILLIONTHS, draw_savings
from prescarbon.model.sums import exact_sum
from prescarbon.model.uncertainty import Floats


def measure_stability(
    ranked: pl.LazyFrame, claims: pl.LazyFrame, draws: pl.LazyFrame, groups: pl.LazyFrame, by: list[str]
) -> pl.LazyFrame:
    """organisation_code × rule_id → rank_stability: share of draws in which the line keeps its rank.

    ranked  organisation_code, rule_id, rank, rank_basis, gbp, effort, first (0 for over-use, else 1)
    claims  what `claim_units` returns
    draws   bnf_code, draw, kg
    groups  practice_code, organisation_code
    by      names of the sort keys, lowest first: of first, effort_key, minus_kg, gbp_per_kg
    """
    share = pl.when(pl.col("rank_basis") == "to_peer").then("share_to_peer").otherwise("share_theoretical")
    weights = (
        claims.join(groups, on="practice_code")
        .join(ranked.select("organisation_code", "rule_id", "rank_basis"), on=["organisation_code", "rule_id"])
        .with_columns(weight=pl.col("units") * share, fixed=pl.col("units") * share * pl.col("saved"))
        .group_by("organisation_code", "rule_id", "from_code", "to_code", "kind", "ratio", "rule_central")
        .agg(exact_sum(c, MILLIONTHS).alias(c) for c in ("weight", "fixed"))
    )
    known = weights.collect()
    lines = ranked.sort("organisation_code", "rule_id").with_row_index("line").collect()
    kilograms = _kg_in_each_world(known, lines, draws)
    keys = {
        "first": lines["first"].to_numpy()[:, None],
        "effort_key": lines["effort"].to_physical().to_numpy()[:, None],
        "minus_kg": -kilograms,
        "gbp_per_kg": lines["gbp"].cast(pl.Float64).fill_null(np.nan).to_numpy()[:, None]
        / np.where(kilograms == 0, np.nan, kilograms),
    }
    # sorted by organisation, then by the keys, then by rule: a line's place is how far it stands from the first of its own
    organisation = lines["organisation_code"].rle_id().to_numpy()[:, None]
    rule = lines["line"].to_numpy()[:, None]
    order = np.lexsort(
        [np.broadcast_to(k, kilograms.shape) for k in (rule, *(keys[n] for n in reversed(by)), organisation)], axis=0
    )
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(len(lines))[:, None], axis=0)
    start = lines.select(pl.col("line").min().over("organisation_code"))["line"].to_numpy()[:, None]
    keeps = place - start + 1 == lines["rank"].to_numpy()[:, None]
    found = lines.select("organisation_code", "rule_id").with_columns(rank_stability=pl.Series(keeps.mean(axis=1)))
    return found.lazy()


def _kg_in_each_world(weights: pl.DataFrame, lines: pl.DataFrame, draws: pl.LazyFrame) -> Floats:
    """(line × draw) kg to the milligram: what is drawn a unit times its units, and what no factor moves."""
    drawn = draw_savings(weights.lazy(), draws).sort("rule_id", "from_code", "draw").collect()
    pairs = drawn.select("rule_id", "from_code").unique(maintain_order=True).with_row_index("pair")
    worlds = draws.select(pl.col("draw").n_unique()).collect().item()
    per_unit = drawn["saved_drawn"].to_numpy().reshape(pairs.height, worlds)
    placed = weights.join(
        lines.select("line", "organisation_code", "rule_id"), on=["organisation_code", "rule_id"]
    ).join(pairs, on=["rule_id", "from_code"], how="left")
    moving, still = placed.filter(pl.col("pair").is_not_null()), placed.filter(pl.col("pair").is_null())
    units = np.zeros((lines.height, pairs.height))
    np.add.at(units, (moving["line"].to_numpy(), moving["pair"].to_numpy()), moving["weight"].to_numpy())
    fixed = np.zeros(lines.height)
    np.add.at(fixed, still["line"].to_numpy(), still["fixed"].fill_null(0.0).to_numpy())
    return np.asarray((units @ per_unit + fixed[:, None]).round(MILLIONTHS), dtype=np.float64)
