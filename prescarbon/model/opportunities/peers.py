"""How far a practice's true rate stands above its peers' lower quartile, for every rule: what "to-peer" means.

Counted in items: what is decided is a prescription, and a quantity of three inhalers is not three decisions. What stands
above is then a share of the items, and the same share of the units and kilograms.
"""

from dataclasses import replace

import numpy as np
import polars as pl

from prescarbon.model.opportunities.excess import compare, either, find_sets
from prescarbon.model.sums import exact_sum

UNITS_TO_COMPARE = 100  # docs/explanation/opportunities.md#peers: the same gate as for ranking a practice
DECIMALS = 6  # of a share: the last bits of an exponential differ between machines
TOO_FEW = "too few peers to compare"
RARE = "too few peers prescribe it to say what the best quarter do"
CHANCE = "practices differ no more than chance allows"
AT_OR_BELOW = "at or below the peers' lower quartile"
EXCESS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "practice_code": pl.String,
    "rule_id": pl.String,
    "excess_share": pl.Float64,
    "why_no_claim": pl.String,
    "is_rate": pl.Boolean,
    "true_a": pl.Float64,
    "true_b": pl.Float64,
    "quartile": pl.Float64,
    "quartile_error": pl.Float64,
    "exposure_an_item": pl.Float64,
}


def measure_excess(
    claims: pl.LazyFrame,
    volumes: pl.LazyFrame,
    classes: pl.LazyFrame,
    peers: pl.LazyFrame,
    nearest: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """practice_code × rule_id → excess_share (0–1) of the items above the peers' lower quartile of true rates.

    claims   practice_code, rule_id, kind, from_code, to_code?, items, units, pool_classes, is_per_list
    volumes  practice_code, bnf_code, items, units
    classes  bnf_code, drug_class (text) in force
    peers    practice_code, peer_group, patients?, asthma_people?, not_judged? (why it is neither peer nor judged)
    nearest  practice_code, peer_code, rank: whose quartile holds for a practice, beside itself; for a practice that is
             not here, that of its whole peer group
    returns  EXCESS_SCHEMA: excess_share null where nothing can be said, and why_no_claim; where there is a claim, what
             `draw_excess` draws it from again: the practice's true rate is beta(true_a, true_b), or gamma for a rate,
             the quartile has an error, and the exposure is told per item claimed
    method   A switch: the rule's sources as a share of all inhalers of its classes (of its own sources and targets
             where it names no class) falls to the quartile. Over-use: the share of reliever in reliever plus preventer
             falls to the quartile, preventers unchanged; and where the rule asks for it and they are known, the items
             for each person on the asthma register (else on the list) too: the smaller of the two excesses counts.
             True rates and their quartile: `shrinkage`. The spread is that of the whole peer group
    """
    grid = items_and_pools(claims, volumes, classes, peers).sort("rule_id", "peer_group", "practice_code").collect()
    near = None if nearest is None else nearest.select("practice_code", "peer_code", "rank").collect()
    blocks = grid.partition_by("rule_id", "peer_group", maintain_order=True)
    found = [judge(block, near) for block in blocks if block["items"].sum() > 0]
    return pl.concat([pl.DataFrame(schema=EXCESS_SCHEMA), *found]).lazy()


def items_and_pools(
    claims: pl.LazyFrame, volumes: pl.LazyFrame, classes: pl.LazyFrame, peers: pl.LazyFrame
) -> pl.LazyFrame:
    """Practice × rule: items of the rule's sources, pool (items) and pool_units compared with; nought where none.

    claims, volumes, classes, peers  as of `measure_excess`, whose columns of peers stay
    """
    here = ["practice_code", "rule_id"]
    rules = claims.select("rule_id", "kind", "pool_classes", "is_per_list").unique("rule_id")
    mine = claims.group_by(here).agg(pl.col("items").sum(), units=exact_sum("units"))
    counted = [pl.col("items").sum(), exact_sum("units").alias("units")]
    by_class = volumes.join(classes, on="bnf_code").group_by("practice_code", "drug_class").agg(counted)
    class_pool = (
        rules.explode("pool_classes")
        .join(by_class, left_on="pool_classes", right_on="drug_class")
        .group_by(here)
        .agg(class_items=pl.col("items").sum(), class_units=exact_sum("units"))
    )
    target_pool = (
        claims.select("rule_id", bnf_code="to_code")
        .drop_nulls()
        .unique()
        .join(volumes.select("practice_code", "bnf_code", "items", "units"), on="bnf_code")
        .group_by(here)
        .agg(target_items=pl.col("items").sum(), target_units=exact_sum("units"))
    )
    has_classes = pl.col("pool_classes").list.len() > 0
    # a practice that prescribes none of the sources is a peer too, with a share of nought
    return (
        peers.join(rules, how="cross")
        .join(mine, on=here, how="left")
        .join(class_pool, on=here, how="left")
        .join(target_pool, on=here, how="left")
        .with_columns(
            pl.col("items", "units", "class_items", "class_units", "target_items", "target_units").fill_null(0)
        )
        .with_columns(
            pool=pl.when(has_classes).then("class_items").otherwise(pl.col("items") + pl.col("target_items")),
            pool_units=pl.when(has_classes).then("class_units").otherwise(pl.col("units") + pl.col("target_units")),
        )
    )


def judge(block: pl.DataFrame, nearest: pl.DataFrame | None) -> pl.DataFrame:
    """The excess of every practice of one rule and peer group that prescribes a source of it: EXCESS_SCHEMA.

    block    of one rule_id and peer_group, what `items_and_pools` returns
    nearest  practice_code, peer_code, rank
    """
    items, people, asthma = (
        block[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("items", "patients", "asthma_people")
    )
    pool = np.maximum(block["pool"].cast(pl.Float64).to_numpy(), items)
    judged = block["not_judged"].is_null().to_numpy()
    is_peer = judged & (block["pool_units"].to_numpy() >= UNITS_TO_COMPARE)
    sets = find_sets(block["practice_code"], nearest)
    by_share = compare(items, pool, judged, is_peer, sets, is_rate=False)
    if block["kind"].cast(pl.String)[0] == "over-use":  # preventers stay: what is left of both is less too
        rest = 1 - np.nan_to_num(by_share.quartile)
        nothing = np.zeros_like(rest)  # where the peers have nothing else, no less of it reaches their quartile
        by_share = replace(by_share, excess=np.divide(by_share.excess, rest, out=nothing, where=rest > 0))
    chosen, exposure = by_share, pool
    is_rate = np.zeros_like(judged)
    if block["is_per_list"][0]:
        of_list = compare(items, people, judged, is_peer, sets, is_rate=True)
        of_register = compare(items, asthma, judged, is_peer, sets, is_rate=True)
        has_register = ~np.isnan(of_register.excess)
        by_rate = either(has_register, of_register, of_list)
        is_rate = by_rate.excess < by_share.excess
        chosen = either(is_rate, by_rate, by_share)
        exposure = np.where(is_rate, np.where(has_register, asthma, people), pool)
    some = np.where(items > 0, items, 1)
    share = np.clip(chosen.excess / some, 0, 1).round(DECIMALS)
    reasons = {RARE: by_share.is_rare, TOO_FEW: np.isnan(share), CHANCE: ~chosen.is_told, AT_OR_BELOW: share == 0}
    why = np.select([~judged, *reasons.values()], ["", *reasons], default="")
    share[by_share.is_rare] = np.nan
    return (
        block.select("practice_code", "rule_id")
        .with_columns(
            excess_share=pl.Series(share, nan_to_null=True),
            why_no_claim=pl.Series(why.tolist(), dtype=pl.String).replace("", None),
            is_rate=pl.Series(is_rate),
            true_a=pl.Series(chosen.a, nan_to_null=True),
            true_b=pl.Series(chosen.b, nan_to_null=True),
            quartile=pl.Series(chosen.quartile, nan_to_null=True),
            quartile_error=pl.Series(chosen.error, nan_to_null=True),
            exposure_an_item=pl.Series(exposure / some, nan_to_null=True),
        )
        .filter(pl.Series(items > 0))
    )
