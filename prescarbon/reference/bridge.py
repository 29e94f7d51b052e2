"""From a printed value to ours: what of the difference is the GWP, the mass of propellant, the rest of the life cycle."""

from typing import Any

import polars as pl

from prescarbon.reference.definitions import HARMONISED, Reference
from prescarbon.reference.factors import gwp_under
from prescarbon.reference.sheets import rows_of

KNOWN_SETS = ("nhse-iif-es02", "prescqipp-b375")  # the values that practices know
SEEN = 0.02  # kg: below it a part is rounding of the printed value
PARTS = ("gwp_kg", "mass_kg", "rest_kg", "mix_kg")


def bridge(reference: Reference, gwp_basis: str) -> pl.LazyFrame:
    """Every value that NHS England or PrescQIPP prints beside ours for the newest period, with the steps between.

    returns  factor_set, key, product_name, kg_printed, printed_scope, printed_basis, kg_co2e (ours), source_id (ours),
             mass_printed_g?, propellant_mass_g?, gwp_kg?, mass_kg?, rest_kg?, mix_kg?, difference_kg (kg a device),
             sorted by the set and the name
    A spray's parts: the printed mass at our GWP100, our mass instead, then the rest of the life cycle where only propellant is
    printed. A powder or mist inhaler has the last alone, a generic that is a mix of brands its mix alone. The parts
    add up to the difference.
    """
    gwp = reference.gwp100
    bases = sorted({basis for _, basis in gwp})
    at_printed = pl.coalesce(
        pl.when(pl.col("printed_basis").str.starts_with(basis)).then(gwp_under(gwp, basis)) for basis in bases
    )
    is_spray = pl.col("propellant") != "none"
    is_mix = pl.col("key_kind").cast(pl.String) == "brand_mix"
    has_rest = ~pl.col("printed_scope").str.starts_with("propellant only")
    rest_printed = pl.when(has_rest).then("other_kg").otherwise(0.0)
    ours = _newest(reference.factors(HARMONISED, gwp_basis)).select("key", "key_kind", "kg_co2e", "source_id")
    components = _newest(reference.components).select("key", "propellant", "propellant_mass_g", "other_kg")
    return (
        pl.concat(_printed(reference, name) for name in KNOWN_SETS if name in reference.set_files)
        .join(ours, on="key", validate="m:1")
        .join(components, on="key", how="left", validate="m:1")
        .with_columns(gwp=gwp_under(gwp, gwp_basis), gwp_printed=at_printed, rest_printed=rest_printed)
        .with_columns(
            mass_printed_g=pl.when(is_spray).then(
                (pl.col("kg_printed") - pl.col("rest_printed")) * 1000 / pl.col("gwp_printed")
            ),
            difference_kg=pl.col("kg_co2e") - pl.col("kg_printed"),
        )
        .with_columns(
            gwp_kg=pl.col("mass_printed_g") * (pl.col("gwp") - pl.col("gwp_printed")) / 1000,
            mass_kg=(pl.col("propellant_mass_g") - pl.col("mass_printed_g")) * pl.col("gwp") / 1000,
            rest_kg=pl.when(is_spray)
            .then(pl.col("other_kg") - pl.col("rest_printed"))
            .when(~is_mix)
            .then("difference_kg"),
            mix_kg=pl.when(is_mix).then("difference_kg"),
        )
        .with_columns(pl.col("mass_printed_g", "difference_kg", *PARTS).round(6))
        .select(
            *(
                "factor_set",
                "key",
                "product_name",
                "kg_printed",
                "printed_scope",
                "printed_basis",
                "kg_co2e",
                "source_id",
            ),
            *("mass_printed_g", pl.when(is_spray).then("propellant_mass_g"), *PARTS, "difference_kg"),
        )
        .sort("factor_set", "product_name", "key")
    )


def reason(row: dict[str, Any], gwp_basis: str) -> str:
    """Why ours is not the printed value, in words: only what moves it by 0.02 kg or more."""
    is_spray = row["mass_printed_g"] is not None
    theirs = row["printed_basis"].split()[0]
    words = {
        "gwp_kg": f"GWP100 of {gwp_basis}, not {theirs}",
        "mass_kg": f"{row['propellant_mass_g']:.2f} g of propellant, not {row['mass_printed_g']:.2f} g"
        if is_spray
        else "",
        "rest_kg": "the rest of the life cycle is not printed" if is_spray else f"the value of {row['source_id']}",
        "mix_kg": "another mix of brands",
    }
    moved = [f"{row[part]:+.2f} kg: {words[part]}" for part in PARTS if abs(row[part] or 0.0) >= SEEN]
    if moved:
        return "; ".join(moved)
    return "the same value" if row["difference_kg"] == 0 else f"the same to {SEEN} kg"


def _printed(reference: Reference, name: str) -> pl.LazyFrame:
    return (
        rows_of(reference.set_sheet(name))
        .lazy()
        .select(
            pl.lit(name).alias("factor_set"),
            *("key", "product_name"),
            kg_printed="kg_co2e",
            printed_scope="scope",
            printed_basis="gwp_basis",
        )
    )


def _newest(dated: pl.LazyFrame) -> pl.LazyFrame:
    return dated.sort("key", "valid_from").unique("key", keep="last", maintain_order=True)
