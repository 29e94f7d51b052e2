"""Whether a change of mix is more than chance: over the factor draws, and against how it swings from month to month.

The mix effect of model/change.py is linear in a product's factor: the draws of the factors give its interval, in which
what a product loses and what replaces it stand in the same world. Beside that stand twelve pairs of months, each
with the same month a year earlier: their mean effect must lie so far below 0 as chance reaches one time in a hundred,
given how the pairs swing and how much a pair resembles the one before. docs/explanation/method.md#went-well.
"""

from collections.abc import Sequence

import polars as pl

from prescarbon.model.measures.spc import carried_on_share
from prescarbon.model.sums import KILOGRAMS
from prescarbon.tables.schema import MONTHS_IN_YEAR

T_OF_PAIRS = 2.718  # Student, 11 degrees of freedom, one side, 1 in 100


def mix_worlds(parts: pl.LazyFrame, footprint: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """The mix effect of each product as a triple that `uncertainty.intervals_by` can draw.

    parts      the answer of `change.split_change_by_product` over by…
    footprint  the rows it was split from: series_code, factor_id and the three kilograms
    returns    by…, factor_id (the product's one with most kilograms), kg_low, kg_co2e, kg_high: the effect at the low, central
               and high factor, all three with its sign; a product without a factor has no row
    """
    of_factor = footprint.group_by("series_code", "factor_id").agg(pl.col(KILOGRAMS).sum())
    leading = of_factor.sort("series_code", "kg_co2e", "factor_id").group_by("series_code", maintain_order=True).last()
    central = pl.col("kg_co2e").cast(pl.Float64)
    ratios = leading.filter(pl.col("kg_co2e") > 0).select(
        "series_code", "factor_id", *((pl.col(k).cast(pl.Float64) / central).alias(k) for k in KILOGRAMS)
    )
    mix = pl.col("kg_mix").cast(pl.Float64)
    return parts.join(ratios, on="series_code").select(
        *by,
        "factor_id",
        *((mix * pl.col(k)).round(6).cast(parts.collect_schema()["kg_mix"]).alias(k) for k in KILOGRAMS),
    )


def falls_beyond_chance(pairs: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """by… of those whose monthly effects lie below 0 by more than chance; sorted.

    pairs   by…, month, kg_mix: each month's effect against the same month a year earlier
    method  module docstring. Fewer than twelve pairs say nothing
    """
    keys = list(by)
    effect = pl.col("kg_mix").cast(pl.Float64)
    mean = (pl.col("effect").cum_sum().last() / pl.len()).over(keys)
    off, before = pl.col("off"), pl.col("off").shift(1)
    squares = (off * off).cum_sum().last()
    lag = (off * before).drop_nulls().cum_sum().last() / squares
    n = pl.col("n")
    carried = carried_on_share(pl.col("lag"), n)
    spread = (pl.col("squares") / (n - 1) / n * (1 + carried) / (1 - carried)).sqrt()
    return (
        pairs.sort(*keys, "month")
        .with_columns(effect=effect)
        .with_columns(mean=mean, off=pl.col("effect") - mean)
        .group_by(keys, maintain_order=True)
        .agg(pl.col("mean").first(), squares=squares, lag=lag, n=pl.len())
        .filter((n >= MONTHS_IN_YEAR) & (pl.col("mean") < -T_OF_PAIRS * spread))
        .select(keys)
        .sort(keys)
    )
