"""Table FACTORS made of the rows of reference/factors: harmonised, mixed, published."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise

import polars as pl

from prescarbon.errors import Fault
from prescarbon.model.sums import KILOGRAMS
from prescarbon.reference.factor_rows import BASES, PROPELLANT_WORDS
from prescarbon.reference.sheets import Sheet
from prescarbon.tables.products import FACTORS

HARMONISED = "harmonised"
WHOLE_LIFE = "whole life cycle"
SHARES = ("large_share_low", "large_share", "large_share_high")
BRANDS = ("large", "small")


def gwp_of(rows: pl.DataFrame) -> dict[tuple[str, str], float]:
    """(propellant, basis) → GWP100; "none" is 0."""
    stated = rows.select("propellant", "gwp_basis", "gwp100").iter_rows()
    return {(propellant, basis): value for propellant, basis, value in stated} | {
        ("none", basis): 0.0 for basis in BASES
    }


def gwp_under(gwp100: Mapping[tuple[str, str], float], gwp_basis: str) -> pl.Expr:
    """The GWP100 of column `propellant` under one basis."""
    values = {p: v for (p, basis), v in gwp100.items() if basis == gwp_basis}
    return pl.col("propellant").replace_strict(values, return_dtype=pl.Float64)


def harmonised(components: pl.LazyFrame, gwp100: Mapping[tuple[str, str], float], gwp_basis: str) -> pl.LazyFrame:
    """Table FACTORS of the products: propellant mass × GWP100(basis) ÷ 1000 + the rest of the life cycle."""
    gwp = gwp_under(gwp100, gwp_basis)
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


def with_own_shares(mix: pl.LazyFrame, own: Mapping[str, float]) -> pl.LazyFrame:
    """Rows of factors/brand-mix.csv, those of some codes with a share that the user states instead.

    own  generic BNF code → large-can share; who states it knows it, so it has no range, no spread and a name of its own
    """
    stated = pl.col("key").replace_strict(own, default=None, return_dtype=pl.Float64)
    is_stated = stated.is_not_null()
    return mix.with_columns(
        *(pl.coalesce(stated, share).alias(share) for share in SHARES),
        factor_id=pl.when(is_stated).then(pl.format("{}-as-set-{}", "factor_id", "key")).otherwise("factor_id"),
        local_spread=pl.when(is_stated).then(0.0).otherwise("local_spread"),
    )


def mixes(mix: pl.LazyFrame, single: pl.LazyFrame, gwp_basis: str) -> pl.LazyFrame:
    """Table FACTORS of generics whose brand is not known: the stated mix of two brands.

    mix     what `with_own_shares` returns
    single  what `harmonised` returns
    method  low and high are the least and the most at either end of the share: which brand is the heavier may change
    """
    at = {
        (share, k): pl.col(share) * pl.col(f"large_{k}") + (1 - pl.col(share)) * pl.col(f"small_{k}")
        for share in SHARES
        for k in KILOGRAMS
    }
    low, central, high = KILOGRAMS
    least, share, most = SHARES
    return (
        with_brands(mix, single)
        .with_columns(
            pl.min_horizontal(at[least, low], at[most, low]).round(6).alias(low),
            at[share, central].round(6).alias(central),
            pl.max_horizontal(at[least, high], at[most, high]).round(6).alias(high),
        )
        .select(
            pl.lit(HARMONISED).alias("factor_set"),
            "factor_id",
            pl.lit("brand_mix").cast(FACTORS.schema["key_kind"]).alias("key_kind"),
            "key",
            *KILOGRAMS,
            pl.lit(WHOLE_LIFE).alias("scope"),
            pl.lit(gwp_basis).alias("gwp_basis"),
            "valid_from",
            "valid_to",
            "source_id",
            "note",
        )
    )


def brand_ends(mix: pl.LazyFrame, single: pl.LazyFrame) -> pl.LazyFrame:
    """key, valid_from, valid_to, kg_small, kg_large: one device of a generic, were it all of one brand or the other."""
    return with_brands(mix, single).select(
        "key", "valid_from", "valid_to", kg_small="small_kg_co2e", kg_large="large_kg_co2e"
    )


def with_brands(mix: pl.LazyFrame, single: pl.LazyFrame) -> pl.LazyFrame:
    """The rows of the mix plus the names and kilograms of both brands' factors: large_id, large_kg_low … small_kg_high.

    A row is cut where a brand's factor changes; what a later factor is in has its name too: generic-2025-with-ventolin-152a.
    """
    large, small = (
        single.select(
            pl.col("key").alias(f"{size}_key"),
            pl.col("factor_id").alias(f"{size}_id"),
            pl.col("valid_from").alias(f"{size}_from"),
            pl.col("valid_to").alias(f"{size}_to"),
            *(pl.col(k).alias(f"{size}_{k}") for k in KILOGRAMS),
            (pl.col("valid_from") > pl.col("valid_from").min().over("key")).alias(f"{size}_is_later"),
        ).join(mix.select(f"{size}_key"), on=f"{size}_key", how="semi")
        for size in BRANDS
    )
    later = [
        pl.when(pl.col(f"{size}_is_later")).then(pl.lit("-with-") + pl.col(f"{size}_id")).otherwise(pl.lit(""))
        for size in BRANDS
    ]
    return (
        mix.join(large, on="large_key")
        .join(small, on="small_key")
        .with_columns(
            pl.max_horizontal("valid_from", "large_from", "small_from").alias("valid_from"),
            pl.min_horizontal("valid_to", "large_to", "small_to").alias("valid_to"),
            factor_id=pl.concat_str("factor_id", *later),
        )
        .filter(pl.col("valid_from") <= pl.col("valid_to"))
        .sort("key", "valid_from")
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
    """A fault for each brand of a mix that has not exactly one factor on every day of it."""
    spans: dict[str, list[tuple[date, date]]] = {}
    for key, first, last in components.select("key", "valid_from", "valid_to").sort("key", "valid_from").iter_rows():
        spans.setdefault(key, []).append((first, last))
    return [
        Fault(mix.name, row["line"], column, row[column], "must have one factor in factors/inhalers.csv on every day")
        for row in mix.numbered.iter_rows(named=True)
        for column in (f"{size}_key" for size in BRANDS)
        if not _cover(spans.get(row[column], []), row["valid_from"], row["valid_to"])
    ]


def _cover(spans: Sequence[tuple[date, date]], first: date, last: date) -> bool:
    """True where the spans, in order, hold every day from first to last once."""
    held = [(start, end) for start, end in spans if start <= last and end >= first]
    if not held or held[0][0] > first or held[-1][1] < last:
        return False
    return all((start - end).days == 1 for (_, end), (start, _) in pairwise(held))
