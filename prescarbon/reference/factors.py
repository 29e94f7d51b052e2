"""Table FACTORS made of the rows of reference/factors: harmonised, mixed, published."""

from collections.abc import Mapping

import polars as pl

from prescarbon.errors import Fault
from prescarbon.reference.factor_rows import BASES, PROPELLANT_WORDS
from prescarbon.reference.sheets import Sheet
from prescarbon.tables.products import FACTORS

HARMONISED = "harmonised"
WHOLE_LIFE = "whole life cycle"


def gwp_of(rows: pl.DataFrame) -> dict[tuple[str, str], float]:
    """(propellant, basis) → GWP100; "none" is 0."""
    stated = rows.select("propellant", "gwp_basis", "gwp100").iter_rows()
    return {(propellant, basis): value for propellant, basis, value in stated} | {
        ("none", basis): 0.0 for basis in BASES
    }


def harmonised(components: pl.LazyFrame, gwp100: Mapping[tuple[str, str], float], gwp_basis: str) -> pl.LazyFrame:
    """Table FACTORS of the products: propellant mass × GWP100(basis) ÷ 1000 + the rest of the life cycle."""
    gwp = pl.col("propellant").replace_strict(
        {p: v for (p, basis), v in gwp100.items() if basis == gwp_basis}, return_dtype=pl.Float64
    )
    ends = {"kg_low": "_low", "kg_co2e": "", "kg_high": "_high"}
    return components.select(
        pl.lit(HARMONISED).alias("factor_set"),
        "factor_id",
        pl.col("key_kind").cast(FACTORS.schema["key_kind"]),
        "key",
        *(
            (pl.col(f"propellant_mass_g{e}") * gwp / 1000 + pl.col(f"other_kg{e}")).round(6).alias(k)
            for k, e in ends.items()
        ),
        pl.lit(WHOLE_LIFE).alias("scope"),
        pl.lit(gwp_basis).alias("gwp_basis"),
        "valid_from",
        "valid_to",
        "source_id",
        "note",
    )


def mixes(mix: pl.LazyFrame, single: pl.LazyFrame, gwp_basis: str, own: Mapping[str, float]) -> pl.LazyFrame:
    """Table FACTORS of generics whose brand is not known: the stated mix of two brands.

    mix     rows of factors/brand-mix.csv
    single  what `harmonised` returns
    own     generic BNF code → large-can share, in place of the stated one
    """
    shares = ("large_share_low", "large_share", "large_share_high")
    chosen = mix.with_columns(
        large_share=pl.coalesce(pl.col("key").replace_strict(own, default=None, return_dtype=pl.Float64), "large_share")
    )
    kilograms = ("kg_low", "kg_co2e", "kg_high")
    large, small = (
        single.select(pl.col("key").alias(f"{size}_key"), *(pl.col(k).alias(f"{size}_{k}") for k in kilograms)).join(
            chosen.select(f"{size}_key"), on=f"{size}_key", how="semi"
        )
        for size in ("large", "small")
    )
    return (
        chosen.join(large, on="large_key", validate="m:1")
        .join(small, on="small_key", validate="m:1")
        .with_columns(
            (pl.col(share) * pl.col(f"large_{k}") + (1 - pl.col(share)) * pl.col(f"small_{k}")).round(6).alias(k)
            for share, k in zip(shares, kilograms, strict=True)
        )
        .select(
            pl.lit(HARMONISED).alias("factor_set"),
            "factor_id",
            pl.lit("brand_mix").cast(FACTORS.schema["key_kind"]).alias("key_kind"),
            "key",
            *kilograms,
            pl.lit(WHOLE_LIFE).alias("scope"),
            pl.lit(gwp_basis).alias("gwp_basis"),
            "valid_from",
            "valid_to",
            "source_id",
            "note",
        )
    )


def published(rows: pl.LazyFrame, name: str) -> pl.LazyFrame:
    """Table FACTORS of a published or imported set; where it prints no interval, the value itself is both ends."""
    columns = rows.collect_schema().names()
    ends = {
        k: pl.col(k).fill_null(pl.col("kg_co2e")) if k in columns else pl.col("kg_co2e") for k in ("kg_low", "kg_high")
    }
    return FACTORS.admit(
        rows.select(
            pl.lit(name).alias("factor_set"),
            (pl.lit(f"{name}:") + pl.col("key")).alias("factor_id"),
            pl.lit("product").cast(FACTORS.schema["key_kind"]).alias("key_kind"),
            "key",
            ends["kg_low"].alias("kg_low"),
            "kg_co2e",
            ends["kg_high"].alias("kg_high"),
            "scope",
            "gwp_basis",
            pl.lit("2010-01-01").str.to_date().alias("valid_from"),
            pl.lit("9999-12-31").str.to_date().alias("valid_to"),
            "source_id",
            pl.col("product_name").alias("note"),
        )
    )


def missing_gwp(components: Sheet, gwp100: Mapping[tuple[str, str], float]) -> list[Fault]:
    """A fault for each product whose propellant has no GWP100 under one of the bases."""
    known = [p for p in PROPELLANT_WORDS if all((p, basis) in gwp100 for basis in BASES)]
    odd = components.numbered.filter(~pl.col("propellant").is_in(known)).select("line", "propellant")
    reason = f"has no GWP100 for each of {', '.join(BASES)} in factors/gwp100.csv"
    return [Fault(components.name, line, "propellant", word, reason) for line, word in odd.iter_rows()]


def unmixable(mix: Sheet, components: pl.DataFrame) -> list[Fault]:
    """A fault for each brand of a mix that has not exactly one factor."""
    keys = components["key"].to_list()
    return [
        Fault(mix.name, row["line"], column, row[column], "must have one factor in factors/inhalers.csv")
        for row in mix.numbered.iter_rows(named=True)
        for column in ("large_key", "small_key")
        if keys.count(row[column]) != 1
    ]


def shared_keys_of(components: pl.LazyFrame) -> pl.LazyFrame:
    """factor_id → shared_key: factors that are wrong together take the same place in every draw."""
    return (
        components.select("factor_id", "shared_key")
        .unique()
        .sort("factor_id", "shared_key")
        .unique("factor_id", keep="first", maintain_order=True)
    )
