"""Why the kilograms changed between two periods: volume × mix × factor, exactly additive.

kg = Σ over products of V × m × f: all inhalers, the product's share of them, and kg an inhaler of it. Each effect is the
mean over the six orders in which V, m and f can change (Shapley), so no order is favoured and nothing is left over.
A product that appears or vanishes has kg an inhaler in one period only; that value serves for both, so its coming or
going is mix and never factor. Where a whole organisation appears or vanishes, the change is volume.

Volume and factor are rounded to the milligram, product by product, and mix takes what is left of the product's exact
change: for every product and every organisation the parts add up to the last digit.
"""

from collections.abc import Sequence

import polars as pl

from prescarbon.errors import InputError
from prescarbon.tables.schema import KG

EFFECTS = ("kg_volume", "kg_mix", "kg_factor")
ENDS = ("before", "after")


def split_change_by_product(
    footprint: pl.LazyFrame, by: Sequence[str], before: str, after: str, product: str = "series_code"
) -> pl.LazyFrame:
    """One row for each organisation and product: what its part of the change is.

    footprint  by…, period (text), product, devices, kg_co2e; other periods are ignored. Pass inhalers only
    before     the period compared with, and `after` the one compared
    returns    by…, product, devices_before, devices_after, kg_before, kg_after, kg_change, kg_volume, kg_mix, kg_factor,
               kg_left_out, sorted. A product with any row without devices or kilograms in either period is left out of
               the split in both: its kg_change stands in kg_left_out (its known kilograms), its effects are 0, so that
               a factor found meanwhile is no growth. kg_change = kg_volume + kg_mix + kg_factor + kg_left_out, exactly
    raises     InputError where the two periods are one
    method     module docstring
    """
    if before == after:
        raise InputError(f"{before} is compared with itself.", where="change", remedy="Name two periods.")
    organisation, keys = list(by), [*by, product]
    devices = pl.col("devices").round(6).cast(KG)
    is_known = pl.col("devices").is_not_null() & pl.col("kg_co2e").is_not_null()
    ends = [pl.col("period") == end for end in (before, after)]
    sums = (
        footprint.filter(pl.col("period").is_in([before, after]))
        .group_by(keys)
        .agg(
            *(devices.filter(is_end).sum().alias(f"devices_{end}") for end, is_end in zip(ENDS, ends, strict=True)),
            *(
                pl.col("kg_co2e").filter(is_end).sum().alias(f"kg_{end}")
                for end, is_end in zip(ENDS, ends, strict=True)
            ),
            is_split=is_known.all(),
        )
        .sort(keys, nulls_last=True)
    )
    counted = [pl.when("is_split").then(f"devices_{end}").otherwise(0).cast(KG) for end in ENDS]
    terms = (
        sums.with_columns(
            *(c.cast(pl.Float64).alias(f"n_{end}") for end, c in zip(ENDS, counted, strict=True)),
            *(
                c.sum().over(organisation).cast(pl.Float64).alias(f"v_{end}")
                for end, c in zip(ENDS, counted, strict=True)
            )
            if organisation
            else (c.sum().cast(pl.Float64).alias(f"v_{end}") for end, c in zip(ENDS, counted, strict=True)),
        )
        .with_columns(
            *(_ratio(f"n_{end}", f"v_{end}").alias(f"m_{end}") for end in ENDS),
            *(_ratio(f"kg_{end}", f"n_{end}").alias(f"f_{end}") for end in ENDS),
        )
        .with_columns(
            pl.coalesce(f"{term}_{end}", f"{term}_{other}").fill_null(0.0).alias(f"{term}_{end}")
            for term in "mf"
            for end, other in (ENDS, ENDS[::-1])
        )
    )
    change = pl.col("kg_after") - pl.col("kg_before")
    split = terms.with_columns(
        kg_change=change,
        kg_volume=pl.when("is_split").then(_shapley("v", "m", "f").round(6)).otherwise(0.0).cast(KG),
        kg_factor=pl.when("is_split").then(_shapley("f", "v", "m").round(6)).otherwise(0.0).cast(KG),
        kg_left_out=pl.when("is_split").then(pl.lit(0, KG)).otherwise(change),
    ).with_columns(
        kg_mix=(pl.col("kg_change") - pl.col("kg_volume") - pl.col("kg_factor") - pl.col("kg_left_out")).cast(KG)
    )
    kept = [f"{what}_{end}" for what in ("devices", "kg") for end in ENDS]
    return split.select(*keys, *kept, "kg_change", *EFFECTS, "kg_left_out", "is_split")


def split_change(
    footprint: pl.LazyFrame, by: Sequence[str], before: str, after: str, product: str = "series_code"
) -> pl.LazyFrame:
    """One row for each organisation: the sums of `split_change_by_product`, and how many products were left out.

    returns  by…, devices_before, devices_after, kg_before, kg_after, kg_change, kg_volume, kg_mix, kg_factor,
             kg_left_out, products, products_left_out. No grouping columns give one row for all.
             Practices do not add up to their PCN effect by effect (inhalers moving between practices are mix in one
             and volume in the other), but every organisation's own parts add up
    """
    parts = split_change_by_product(footprint, by, before, after, product)
    sums = [f"{what}_{end}" for what in ("devices", "kg") for end in ENDS] + ["kg_change", *EFFECTS, "kg_left_out"]
    totals = [
        *(pl.col(name).sum().cast(KG) for name in sums),
        pl.len().cast(pl.Int64).alias("products"),
        (~pl.col("is_split")).sum().cast(pl.Int64).alias("products_left_out"),
    ]
    names = list(by)
    return parts.group_by(names).agg(totals).sort(names, nulls_last=True) if names else parts.select(totals)


def _ratio(top: str, bottom: str) -> pl.Expr:
    below = pl.col(bottom).cast(pl.Float64)
    return pl.when(below != 0).then(pl.col(top).cast(pl.Float64) / below)


def _shapley(moves: str, second: str, third: str) -> pl.Expr:
    """The effect of one term: its difference times the mean of the other two terms' products over all orders."""
    (x0, x1), (y0, y1), (z0, z1) = ([pl.col(f"{term}_{end}") for end in ENDS] for term in (moves, second, third))
    return (x1 - x0) * ((y0 * z0 + y1 * z1) / 3 + (y0 * z1 + y1 * z0) / 6)
