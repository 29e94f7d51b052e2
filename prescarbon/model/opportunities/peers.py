"""How far a practice stands above its peers' lower quartile, for every rule: what "to-peer" means."""

import polars as pl

from prescarbon.model.sums import exact_sum

UNITS_TO_COMPARE = 100  # docs/explanation/opportunities.md#peers: the same gate as for ranking a practice
PRACTICES_TO_COMPARE = 4  # a quartile needs four values
LOWER_QUARTILE = 0.25


def measure_excess(
    claims: pl.LazyFrame, volumes: pl.LazyFrame, classes: pl.LazyFrame, peers: pl.LazyFrame
) -> pl.LazyFrame:
    """practice_code × rule_id → excess_share (0–1) of the units above the peer group's lower quartile; null without peers.

    claims   practice_code, rule_id, kind, from_code, to_code?, units, pool_classes, is_per_list
    volumes  practice_code, bnf_code, units
    classes  bnf_code, drug_class (text) in force
    peers    practice_code, peer_group, patients?
    method   A switch: the rule's sources as a share of all inhalers of its classes (of its own sources and targets
             where it names no class) falls to the quartile. Over-use: the share of reliever in reliever plus preventer
             falls to the quartile, preventers unchanged; and where the rule asks for it and list sizes are known, the
             volume a list falls to its quartile too: the smaller of the two excesses counts.
    """
    here = ["practice_code", "rule_id"]
    rules = claims.select("rule_id", "kind", "pool_classes", "is_per_list").unique("rule_id")
    mine = claims.group_by(here).agg(units=exact_sum("units"))
    by_class = volumes.join(classes, on="bnf_code").group_by("practice_code", "drug_class").agg(pool=exact_sum("units"))
    class_pool = (
        rules.explode("pool_classes")
        .join(by_class, left_on="pool_classes", right_on="drug_class")
        .group_by(here)
        .agg(class_pool=exact_sum("pool"))
    )
    target_pool = (
        claims.select("rule_id", bnf_code="to_code")
        .drop_nulls()
        .unique()
        .join(volumes.select("practice_code", "bnf_code", "units"), on="bnf_code")
        .group_by(here)
        .agg(target_pool=exact_sum("units"))
    )
    # a practice that prescribes none of the sources is a peer too, with a share of nought
    grid = (
        peers.join(rules, how="cross")
        .join(mine, on=here, how="left")
        .join(class_pool, on=here, how="left")
        .join(target_pool, on=here, how="left")
        .with_columns(pl.col("units", "class_pool", "target_pool").fill_null(0.0))
        .with_columns(
            pool=pl.when(pl.col("pool_classes").list.len() > 0)
            .then("class_pool")
            .otherwise(pl.col("units") + pl.col("target_pool"))
        )
    )
    is_peer = pl.col("pool") >= UNITS_TO_COMPARE
    share = pl.when(is_peer).then(pl.col("units") / pl.col("pool"))
    rate = pl.when(is_peer & (pl.col("patients") > 0)).then(pl.col("units") / pl.col("patients"))
    quartiles = grid.with_columns(share_quartile=_lower_quartile(share), rate_quartile=_lower_quartile(rate))
    q = pl.col("share_quartile")
    others = pl.col("pool") - pl.col("units")
    is_over_use = pl.col("kind").cast(pl.String) == "over-use"
    by_share = pl.col("units") - pl.when(is_over_use & (q < 1)).then(q * others / (1 - q)).otherwise(q * pl.col("pool"))
    by_rate = pl.when(pl.col("is_per_list")).then(pl.col("units") - pl.col("rate_quartile") * pl.col("patients"))
    return (
        quartiles.filter(pl.col("units") > 0)
        .with_columns(excess=pl.when(by_share.is_not_null()).then(pl.min_horizontal(by_share, by_rate)))
        .select(*here, excess_share=(pl.col("excess") / pl.col("units")).clip(0.0, 1.0))
    )


def _lower_quartile(value: pl.Expr) -> pl.Expr:
    group = ["rule_id", "peer_group"]
    quartile = value.quantile(LOWER_QUARTILE, "linear").over(group)
    return pl.when(value.count().over(group) >= PRACTICES_TO_COMPARE).then(quartile)
