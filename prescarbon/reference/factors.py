"""Rows of reference/factors, and table FACTORS made of them: harmonised, mixed, published, by spend."""

import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias

import polars as pl
from pydantic import AfterValidator, Field

from prescarbon.errors import Fault
from prescarbon.reference.cells import Code, Date, Flag, NotNegative, Row, Share, Text, fitting, one_of
from prescarbon.reference.keys import Number
from prescarbon.reference.sheets import Sheet
from prescarbon.tables.products import FACTORS, PROPELLANTS

HARMONISED = "harmonised"
EVERYTHING = "*"  # the spend prefix of every code
WHOLE_LIFE = "whole life cycle"
BASES = ("AR4", "AR5", "AR6")
PROPELLANT_WORDS = PROPELLANTS.categories.to_list()
SPEND_KEY = re.compile(r"[0-9A-Z]{2,15}|\*")


def _ordered(band: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= band[0] <= band[1]:
        raise ValueError("must be the least and the most, 0 or more")
    return band


# device → propellant → least and most kg a device
Band: TypeAlias = Annotated[tuple[Number, Number], AfterValidator(_ordered), Field(strict=False)]
Bands: TypeAlias = dict[str, dict[str, Band]]


class ComponentRow(Row):
    """factors/inhalers.csv: propellant mass (g) and the rest of the life cycle (kg) of one product in a period."""

    ORDER = (
        ("propellant_mass_g_low", "propellant_mass_g", "propellant_mass_g_high"),
        ("other_kg_low", "other_kg", "other_kg_high"),
    )
    SPAN = ("valid_from", "valid_to")
    factor_id: Text
    key_kind: Annotated[str, one_of(("product", "class"))]
    key: Code
    propellant: Annotated[str, one_of(PROPELLANT_WORDS)]
    propellant_mass_g_low: NotNegative
    propellant_mass_g: NotNegative
    propellant_mass_g_high: NotNegative
    other_kg_low: NotNegative
    other_kg: NotNegative
    other_kg_high: NotNegative
    shared_key: Text
    valid_from: Date
    valid_to: Date
    source_id: Text
    note: Text


class BrandMixRow(Row):
    """factors/brand-mix.csv: a generic whose brand is not known, as a stated mix of two."""

    ORDER = (("large_share_low", "large_share", "large_share_high"),)
    SPAN = ("valid_from", "valid_to")
    factor_id: Text
    key: Code
    large_key: Code
    small_key: Code
    large_share_low: Share
    large_share: Share
    large_share_high: Share
    valid_from: Date
    valid_to: Date
    source_id: Text
    note: Text


class GwpRow(Row):
    """factors/gwp100.csv: a propellant's GWP100 by IPCC report."""

    KEY = ("propellant", "gwp_basis")
    propellant: Annotated[str, one_of(PROPELLANT_WORDS)]
    gwp_basis: Annotated[str, one_of(BASES)]
    gwp100: NotNegative
    note: Text | None
    source_id: Text


class SpendRow(Row):
    """factors/spend.csv: kg a £ by BNF prefix; "*" is every code."""

    ORDER = (("kg_low", "kg_co2e", "kg_high"),)
    SPAN = ("valid_from", "valid_to")
    factor_id: Text
    key: Annotated[str, fitting(SPEND_KEY, "is no BNF code, beginning of one, or *")]
    category: Text
    kg_low: NotNegative
    kg_co2e: NotNegative
    kg_high: NotNegative
    is_mapping_inferred: Flag
    valid_from: Date
    valid_to: Date
    source_id: Text
    note: Text


class PublishedRow(Row):
    """factors/published/*.csv: a published set exactly as printed."""

    KEY = ("key",)
    key: Code
    product_name: Text
    kg_co2e: NotNegative
    scope: Text
    gwp_basis: Text
    in_numerator: Annotated[str, one_of(("0", "1"))]
    in_denominator: Annotated[str, one_of(("0", "1"))]
    source_id: Text


class OwnSetRow(Row):
    """A user's own factor set."""

    KEY = ("key",)
    ORDER = (("kg_low", "kg_co2e", "kg_high"),)
    key: Code
    product_name: Text
    kg_co2e: NotNegative
    scope: Text
    gwp_basis: Text
    source_id: Text
    kg_low: NotNegative | None = None
    kg_high: NotNegative | None = None


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


def by_spend(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Table FACTORS of rows of factors/spend.csv: kg CO2e a £ by BNF prefix; the longest prefix counts."""
    return FACTORS.admit(
        rows.select(
            pl.lit("spend").alias("factor_set"),
            "factor_id",
            pl.lit("spend").cast(FACTORS.schema["key_kind"]).alias("key_kind"),
            pl.when(pl.col("key") == EVERYTHING).then(pl.lit("")).otherwise("key").alias("key"),
            "kg_low",
            "kg_co2e",
            "kg_high",
            pl.lit("supply chain").alias("scope"),
            pl.lit("as published").alias("gwp_basis"),
            "valid_from",
            "valid_to",
            "source_id",
            "note",
        )
    )


def shared_keys_of(components: pl.LazyFrame) -> pl.LazyFrame:
    """factor_id → shared_key: factors that are wrong together take the same place in every draw."""
    return (
        components.select("factor_id", "shared_key")
        .unique()
        .sort("factor_id", "shared_key")
        .unique("factor_id", keep="first", maintain_order=True)
    )
