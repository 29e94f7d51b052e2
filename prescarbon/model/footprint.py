"""Devices × factor → kg low / central / high, with the method that gave them; the rest by constant-price spend."""

from datetime import date

import polars as pl

from prescarbon.model.activity import IS_INHALER, in_force
from prescarbon.model.sums import KILOGRAMS
from prescarbon.tables.prescribing import FOOTPRINT, METHODS
from prescarbon.tables.schema import KG


def count_devices(activity: pl.LazyFrame, products: pl.LazyFrame) -> pl.LazyFrame:
    """Activity plus `devices` (inhalers): the quantity divided by what one device takes of it; null where not an inhaler.

    activity  table ACTIVITY
    products  table PRODUCTS
    """
    facts = in_force(activity, products).select("month", "bnf_code", "units_per_device", "doses_per_device")
    total = pl.col("total_quantity").cast(pl.Float64)
    devices = (
        pl.when(pl.col("reads_as").is_in(["devices", "many devices", "packs"]))
        .then(total)
        .when(pl.col("reads_as") == "capsules")
        .then(total / pl.col("units_per_device"))
        .when(pl.col("reads_as") == "doses")
        .then(total / pl.col("doses_per_device"))
    )
    return (
        activity.join(facts, on=["month", "bnf_code"], how="left", validate="m:1")
        .with_columns(devices=devices)
        .drop("units_per_device", "doses_per_device")
    )


def at_one_mix(footprint: pl.LazyFrame, factors: pl.LazyFrame, month: date) -> pl.LazyFrame:
    """The footprint with every generic of an assumed mix of brands at the mix of one month, whatever its own.

    footprint  table FOOTPRINT; extra columns are kept
    factors    table FACTORS of devices
    For comparing years apart: the step of an assumption between them is no change of prescribing.
    """
    is_mix = pl.col("key_kind").cast(pl.String) == "brand_mix"
    then = factors.filter(is_mix, pl.lit(month).is_between("valid_from", "valid_to")).select(
        bnf_code="key", id_then="factor_id", **{f"{k}_then": pl.col(k) for k in KILOGRAMS}
    )
    is_told = (pl.col("method").cast(pl.String) == "brand_mix") & pl.col("id_then").is_not_null()
    columns = footprint.collect_schema().names()
    return (
        footprint.join(then, on="bnf_code", how="left", validate="m:1")
        .with_columns(
            pl.when(is_told).then("id_then").otherwise("factor_id").alias("factor_id"),
            *(
                pl.when(is_told).then((pl.col("devices") * pl.col(f"{k}_then")).round(6).cast(KG)).otherwise(k).alias(k)
                for k in KILOGRAMS
            ),
        )
        .select(columns)
    )


def spend_factors(codes: pl.LazyFrame, spend: pl.LazyFrame) -> pl.LazyFrame:
    """bnf_code × valid period → the spend factor with the longest matching BNF prefix (kg CO2e a £)."""
    matches = (
        codes.select("bnf_code")
        .unique()
        .join(spend.rename({"key": "prefix"}), how="cross")
        .filter(pl.col("bnf_code").str.starts_with(pl.col("prefix")))
    )
    longest = pl.col("prefix").str.len_bytes()
    return matches.filter(longest == longest.max().over("bnf_code")).drop("prefix")


def estimate_footprint(
    activity: pl.LazyFrame, products: pl.LazyFrame, factors: pl.LazyFrame, spend: pl.LazyFrame, prices: pl.LazyFrame
) -> pl.LazyFrame:
    """kg CO2e of every activity row.

    activity  table ACTIVITY
    products  table PRODUCTS
    factors   table FACTORS, keys are presentations (kg a device)
    spend     table FACTORS, keys are BNF prefixes (kg a £)
    prices    table PRICES; a presentation without a price has no kilograms by spend
    returns   table FOOTPRINT, sorted by its grain; an inhaler without a factor has null kg and method `unknown`:
              inhalers never take the spend factor, and nothing unknown is zero
    raises    ComputeError when two factors hold for one presentation in one month; `reference check` finds it first
    method    docs/explanation/method.md
    """
    month_and_code = ["month", "bnf_code"]
    counted = count_devices(activity, products)
    by_device = in_force(activity, factors.rename({"key": "bnf_code"})).select(
        *month_and_code, "factor_id", pl.col("key_kind").cast(pl.String), *KILOGRAMS
    )
    by_spend = in_force(activity, spend_factors(activity, spend)).select(
        *month_and_code,
        pl.col("factor_id").alias("spend_id"),
        *(pl.col(k).alias(f"{k}_a_gbp") for k in KILOGRAMS),
    )
    gbp = pl.col("total_quantity").cast(pl.Float64) * pl.col("price_gbp")
    return (
        counted.join(by_device, on=month_and_code, how="left", validate="m:1")
        .join(by_spend, on=month_and_code, how="left", validate="m:1")
        .join(prices.select("bnf_code", "price_gbp", "cost"), on="bnf_code", how="left", validate="m:1")
        .with_columns(
            pl.when(IS_INHALER).then(pl.col(k) * pl.col("devices")).otherwise(pl.col(f"{k}_a_gbp") * gbp).alias(k)
            for k in KILOGRAMS
        )
        .with_columns(
            pl.col(KILOGRAMS).round(6).cast(KG),
            method=pl.when(pl.col("kg_co2e").is_null())
            .then(pl.lit("unknown"))
            .when(IS_INHALER)
            .then("key_kind")
            .when(pl.col("cost") == "actual cost")
            .then(pl.lit("spend_actual_cost"))
            .otherwise(pl.lit("spend"))
            .cast(METHODS),
            factor_id=pl.when(pl.col("kg_co2e").is_not_null()).then(
                pl.when(IS_INHALER).then("factor_id").otherwise("spend_id")
            ),
        )
        .select(FOOTPRINT.names)
        .sort(FOOTPRINT.grain)
    )
