"""Shared factor draws → the interval of what a unit saves, and how often a line keeps its place."""

from datetime import date

import polars as pl

from prescarbon.model.sums import exact_sum
from prescarbon.model.uncertainty import draw_factors

LOW, HIGH = 0.05, 0.95
MILLIONTHS = 6  # decimals of a kg that sums over draws keep
CHANGES = ("product switch", "refill")


def tabulate_draws(
    factors: pl.LazyFrame, shared_keys: pl.LazyFrame, *, month: date, seed: int, draws: int = 1000
) -> pl.LazyFrame:
    """bnf_code × draw → kg a device, of the factors in force in a month: what OpportunityOptions takes as draws.

    factors      table FACTORS, one factor set; spend factors are left out
    shared_keys  factor_id → shared_key: factors that move together; one that is not named draws alone
    """
    in_force = (
        factors.filter(
            pl.lit(month).is_between("valid_from", "valid_to") & (pl.col("key_kind").cast(pl.String) != "spend")
        )
        .join(shared_keys.select("factor_id", "shared_key").unique(), on="factor_id", how="left", validate="m:1")
        .with_columns(shared_key=pl.coalesce("shared_key", "factor_id"))
        .sort("key")
        .collect()
    )
    matrix = draw_factors(in_force.lazy(), seed, draws)
    return (
        in_force.lazy()
        .select(bnf_code="key", kg=pl.Series(matrix, dtype=pl.List(pl.Float64)) if matrix.size else pl.lit([]))
        .with_columns(draw=pl.int_ranges(0, pl.col("kg").list.len()))
        .explode("kg", "draw")
    )


def draw_savings(pairs: pl.LazyFrame, draws: pl.LazyFrame) -> pl.LazyFrame:
    """rule_id × from_code × draw → saved_drawn (kg a unit) for what is reckoned from factors.

    pairs  rule_id, kind, from_code, to_code?, ratio?, rule_central? (a rule that states its own saving is not drawn)
    draws  bnf_code, draw, kg (a device): one draw is one possible world, the same for every practice and product, so
           that source and target move together
    """
    one_pair = (
        pairs.filter(pl.col("rule_central").is_null())
        .select("rule_id", kind=pl.col("kind").cast(pl.String), from_code="from_code", to_code="to_code", ratio="ratio")
        .unique()
    )
    source = draws.select("draw", from_code="bnf_code", from_kg="kg")
    target = draws.select("draw", to_code="bnf_code", to_kg="kg")
    changed = (
        one_pair.filter(pl.col("kind").is_in(CHANGES))
        .join(source, on="from_code")
        .join(target, on=["to_code", "draw"])
        .with_columns(saved_drawn=pl.col("from_kg") - pl.col("ratio") * pl.col("to_kg"))
    )
    avoided = (
        one_pair.filter(pl.col("kind") == "over-use").join(source, on="from_code").with_columns(saved_drawn="from_kg")
    )
    columns = ["rule_id", "from_code", "draw", "saved_drawn"]
    return pl.concat([changed.select(columns), avoided.select(columns)])


def interval_a_unit(drawn: pl.LazyFrame) -> pl.LazyFrame:
    """rule_id × from_code → drawn_low, drawn_high: 5th and 95th percentile of `draw_savings`."""
    return drawn.group_by("rule_id", "from_code").agg(
        drawn_low=pl.col("saved_drawn").quantile(LOW, "linear"),
        drawn_high=pl.col("saved_drawn").quantile(HIGH, "linear"),
    )


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
    drawn = draw_savings(weights, draws)
    worlds = draws.select("draw").unique()
    moving = weights.join(drawn, on=["rule_id", "from_code"]).with_columns(kg=pl.col("weight") * pl.col("saved_drawn"))
    still = (
        weights.join(drawn.select("rule_id", "from_code").unique(), on=["rule_id", "from_code"], how="anti")
        .join(worlds, how="cross")
        .with_columns(kg="fixed")
    )
    line = ["organisation_code", "rule_id", "draw"]
    placed = (
        pl.concat([moving.select(*line, "kg"), still.select(*line, "kg")])
        .group_by(line)
        .agg(exact_sum("kg", MILLIONTHS).alias("kg"))
        .join(ranked, on=["organisation_code", "rule_id"])
        .with_columns(
            minus_kg=-pl.col("kg"), gbp_per_kg=pl.col("gbp") / pl.col("kg"), effort_key=pl.col("effort").to_physical()
        )
        .sort("organisation_code", "draw", *by, "rule_id", nulls_last=True)
        .with_columns(place=pl.int_range(1, pl.len() + 1).over("organisation_code", "draw"))
    )
    return placed.group_by("organisation_code", "rule_id").agg(
        rank_stability=(pl.col("place") == pl.col("rank")).mean()
    )
