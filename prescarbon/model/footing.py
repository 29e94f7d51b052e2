"""What the kilograms of inhalers rest on: which evidence, and how much on a brand that no data name."""

from collections.abc import Sequence

import polars as pl

from prescarbon.model.activity import IS_INHALER, in_force
from prescarbon.model.sums import known_sum
from prescarbon.tables.schema import KG

BY_METHOD = ("product", "class", "brand_mix")


def rest_on(footprint: pl.LazyFrame, brand_ends: pl.LazyFrame, by: Sequence[str] = ("practice_code",)) -> pl.LazyFrame:
    """The inhalers of each practice by the evidence behind their kilograms.

    footprint   table FOOTPRINT of the months to be summed
    brand_ends  key, valid_from, valid_to, kg_small, kg_large (kg a device): a generic, were it all of one brand
    by          grouping columns
    returns     by…: items, covered_items (with a factor), and exact kg: kg_co2e, kg_product, kg_class,
                kg_brand_mix, and of those kg_brand_mix what they would be as kg_small or kg_large
    method      docs/explanation/method.md, "Coverage"
    """
    inhalers = footprint.filter(IS_INHALER).with_columns(pl.col("method").cast(pl.String))
    ends = in_force(inhalers, brand_ends.rename({"key": "bnf_code"}))
    of_mix = pl.col("method") == "brand_mix"
    return (
        inhalers.join(ends, on=["month", "bnf_code"], how="left", validate="m:1")
        .with_columns(
            pl.when(of_mix).then((pl.col(k) * pl.col("devices")).round(6).cast(KG)).alias(k)
            for k in ("kg_small", "kg_large")
        )
        .group_by(list(by))
        .agg(
            pl.col("items").sum(),
            pl.col("items").filter(pl.col("kg_co2e").is_not_null()).sum().alias("covered_items"),
            known_sum("kg_co2e"),
            *(pl.col("kg_co2e").filter(pl.col("method") == m).sum().alias(f"kg_{m}") for m in BY_METHOD),
            pl.col("kg_small", "kg_large").sum(),
        )
        .sort(list(by))
    )
