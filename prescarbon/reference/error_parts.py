"""Table ERROR_PARTS: what each harmonised factor's error is made of, and which parts of which factors move together."""

import polars as pl

from prescarbon.errors import Fault
from prescarbon.reference.sheets import Sheet
from prescarbon.tables.products import ERROR_PARTS

# columns that one factor_id stands for, wherever and whenever it stands
NUMBERS = {
    "factors/inhalers.csv": (
        *("propellant", "propellant_mass_g_low", "propellant_mass_g", "propellant_mass_g_high"),
        *("other_kg_low", "other_kg", "other_kg_high", "shared_key", "other_shared_key"),
    ),
    "factors/brand-mix.csv": (
        *("large_key", "small_key", "large_share_low", "large_share", "large_share_high"),
        *("shared_key", "local_spread"),
    ),
    "factors/spend.csv": ("kg_co2e", "width"),
}


def ambiguous_names(sheet: Sheet) -> list[Fault]:
    """A fault for each row whose factor_id stands for other numbers, or moves with others, than where it stood first.

    sheet  one of NUMBERS: an interval is drawn, and a figure explained, by the name alone
    """
    numbers = pl.struct(NUMBERS[sheet.name])
    first = sheet.numbered.with_columns(
        first_line=pl.col("line").first().over("factor_id"), is_same=numbers == numbers.first().over("factor_id")
    )
    odd = first.filter(~pl.col("is_same")).select("line", "factor_id", "first_line")
    reason = "stands for other numbers or shared keys than in line {}: give it a name of its own"
    return [Fault(sheet.name, line, "factor_id", name, reason.format(other)) for line, name, other in odd.iter_rows()]


def parts_of(components: pl.LazyFrame, mix: pl.LazyFrame, factors: pl.LazyFrame, gwp: pl.Expr) -> pl.LazyFrame:
    """Table ERROR_PARTS of the harmonised set.

    components  rows of factors/inhalers.csv
    mix         what `factors.with_brands` returns
    factors     table FACTORS of both
    gwp         the GWP100 of a component's propellant
    method      docs/explanation/method.md, "Low to high": an error is the sum of its parts. A product has two, its
                propellant's and the rest of its life cycle's; a mix has those of its brands by their share, and its own
    """
    single = _of_products(components, gwp)
    every = pl.concat([single, _of_mixes(mix, single)], how="diagonal")
    ends = factors.unique("factor_id", keep="first", maintain_order=True)
    below, above = pl.col("kg_co2e") - pl.col("kg_low"), pl.col("kg_high") - pl.col("kg_co2e")
    return ERROR_PARTS.admit(
        every.join(ends, on="factor_id", validate="m:1")
        .with_columns(
            below=pl.when(below > 0).then(pl.col("kg_below") / below).otherwise(0.0),
            above=pl.when(above > 0).then(pl.col("kg_above") / above).otherwise(0.0),
        )
        .select(ERROR_PARTS.names)
        .sort(ERROR_PARTS.grain)
    )


def _of_products(components: pl.LazyFrame, gwp: pl.Expr) -> pl.LazyFrame:
    """factor_id, shared_key, kg_below, kg_above: its propellant and the rest of its life cycle, one where they share a key."""
    once = components.unique("factor_id", keep="first", maintain_order=True)
    mass, rest = "propellant_mass_g", "other_kg"
    ends = ("factor_id", "shared_key", "kg_below", "kg_above")
    propellant = once.with_columns(
        kg_below=(pl.col(mass) - pl.col(f"{mass}_low")) * gwp / 1000,
        kg_above=(pl.col(f"{mass}_high") - pl.col(mass)) * gwp / 1000,
    ).select(ends)
    others = once.with_columns(
        shared_key=pl.coalesce("other_shared_key", "shared_key"),
        kg_below=pl.col(rest) - pl.col(f"{rest}_low"),
        kg_above=pl.col(f"{rest}_high") - pl.col(rest),
    ).select(ends)
    return pl.concat([propellant, others]).group_by("factor_id", "shared_key").agg(pl.col("kg_below", "kg_above").sum())


def _of_mixes(mix: pl.LazyFrame, single: pl.LazyFrame) -> pl.LazyFrame:
    """factor_id, shared_key, kg_below, kg_above, centre?, local_spread?: each brand's parts by its share, and the mix's own."""
    once = mix.unique("factor_id", keep="first", maintain_order=True)
    share = {"large": pl.col("large_share"), "small": 1 - pl.col("large_share")}
    brands = [
        once.select("factor_id", brand_id=f"{size}_id", share=of_it)
        .join(single.rename({"factor_id": "brand_id"}), on="brand_id")
        .select("factor_id", "shared_key", *(pl.col(k) * pl.col("share") for k in ("kg_below", "kg_above")))
        for size, of_it in share.items()
    ]
    summed = pl.concat(brands).group_by("factor_id", "shared_key").agg(pl.col("kg_below", "kg_above").sum())
    apart = pl.col("large_kg_co2e") - pl.col("small_kg_co2e")
    low, central, high = (pl.col(f"large_share{end}") for end in ("_low", "", "_high"))
    is_local = (high > low) & (pl.col("local_spread") > 0)
    # where the small brand is the heavier, more of the large one is less: the other end, and another draw
    large_is_heavier, down, up = apart >= 0, central - low, high - central
    own = once.select(
        "factor_id",
        pl.when(large_is_heavier).then("shared_key").otherwise(pl.col("shared_key") + " (reversed)"),
        kg_below=pl.when(large_is_heavier).then(down).otherwise(up) * apart.abs(),
        kg_above=pl.when(large_is_heavier).then(up).otherwise(down) * apart.abs(),
        centre=pl.when(is_local).then(pl.when(large_is_heavier).then(down).otherwise(up) / (high - low)),
        local_spread=pl.when(is_local).then("local_spread"),
    )
    return pl.concat([summed, own], how="diagonal")
