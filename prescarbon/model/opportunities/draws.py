"""Shared factor draws → what a unit saves in each possible world, and its interval."""

from datetime import date

import polars as pl

from prescarbon.model.uncertainty import draw_factors

LOW, HIGH = 0.05, 0.95
MILLIONTHS = 6  # decimals of a kg that sums over draws keep
CHANGES = ("product switch", "refill")


def tabulate_draws(
    factors: pl.LazyFrame, parts: pl.LazyFrame, *, month: date, seed: int, draws: int = 1000
) -> pl.LazyFrame:
    """bnf_code × draw → kg a device, of the factors in force in a month: what OpportunityOptions takes as draws.

    factors  table FACTORS, one factor set; spend factors are left out
    parts    table ERROR_PARTS; a factor that is not in it draws alone. A draw is of all practices together: what
             differs by practice is in no saving
    """
    in_force = (
        factors.filter(
            pl.lit(month).is_between("valid_from", "valid_to") & (pl.col("key_kind").cast(pl.String) != "spend")
        )
        .sort("key")
        .collect()
    )
    matrix = draw_factors(in_force.lazy(), parts, seed, draws)
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
