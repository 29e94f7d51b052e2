"""Writes docs/explanation/england-2025.md: the inhalers of England in 2025 in kg CO2e, beside published figures.

Run: python docs/england.py ../shared/facts/england-pca-2025-inhaled.csv
The file is the Prescription Cost Analysis of 2025 (source nhsbsa-pca-2025 in reference/sources.toml): generic_name,
snomed_code, unit_of_measure, items, quantity, nic_gbp. Which SNOMED code is which product stands in
docs/explanation/england-2025-products.csv; a code that is not in it is counted and listed, and carries no kilogram.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from prescarbon.model.sums import KILOGRAMS
from prescarbon.model.uncertainty import intervals_by
from prescarbon.reference.definitions import Reference, read_reference
from prescarbon.tables.schema import KG

HERE = Path(__file__).parent / "explanation"
PAGE, PRODUCTS = HERE / "england-2025.md", HERE / "england-2025-products.csv"
MONTHS = [date(2025, month, 1) for month in range(1, 13)]
INHALED, NOT_INHALED = "(?i)inh|respimat", "(?i)neb"  # of the generic names in this file
SEED, DRAWS = 2026, 1000  # as prescarbon's own
BRANDS_SHOWN = 20
INFERRED = "brand inferred"


@dataclass(frozen=True)
class England:
    """The year.

    rows   one row a SNOMED code of an inhaler: generic_name, items, devices, bnf_code?, how? (how the product is known)
    months month × product with a factor: bnf_code, brand, device_type, propellant, devices, the kilograms, evidence
    """

    reference: Reference
    rows: pl.DataFrame
    months: pl.DataFrame

    def intervals(self, *by: str) -> pl.DataFrame:
        """by…, kg_low, kg_co2e, kg_high: all of England is one organisation, so only the mix of all is drawn."""
        parts = self.reference.error_parts().with_columns(
            centre=pl.lit(None, pl.Float64), local_spread=pl.lit(None, pl.Float64)
        )
        return intervals_by(self.months.lazy(), parts, by, SEED, DRAWS).collect()


def read_england(file: Path) -> England:
    """The year's inhalers with their kilograms; a twelfth of each product in each month, as factors are dated."""
    reference = read_reference()
    mapped = pl.read_csv(PRODUCTS, infer_schema=False).select("snomed_code", "bnf_code", "how")
    sold = pl.read_csv(file, schema_overrides={"snomed_code": pl.String})
    is_inhaled = pl.col("generic_name").str.contains(INHALED) & ~pl.col("generic_name").str.contains(NOT_INHALED)
    facts = reference.products.select(
        "bnf_code",
        "product_name",
        "brand",
        pl.col("device_type", "propellant").cast(pl.String),
        "units_per_device",
        "valid_from",
        "valid_to",
    )
    newest = facts.sort("valid_from").unique("bnf_code", keep="last", maintain_order=True).collect()
    rows = (
        sold.filter(is_inhaled)
        .join(mapped, on="snomed_code", how="left", validate="m:1")
        .join(newest.select("bnf_code", "units_per_device"), on="bnf_code", how="left", validate="m:1")
        .with_columns(devices=pl.col("quantity") / pl.col("units_per_device").fill_null(1))
        .sort("devices", "snomed_code", descending=[True, False])
    )
    by_product = rows.drop_nulls("bnf_code").group_by("bnf_code", "how").agg(pl.col("devices", "items").sum())
    dated = by_product.lazy().join(pl.LazyFrame({"month": MONTHS}), how="cross")
    in_force = pl.col("month").is_between("valid_from", "valid_to")
    factors = reference.factors().select(
        "factor_id", *KILOGRAMS, "valid_from", "valid_to", bnf_code="key", evidence=pl.col("key_kind").cast(pl.String)
    )
    months = (
        dated.join(facts, on="bnf_code")
        .filter(in_force)
        .drop("valid_from", "valid_to")
        .join(factors, on="bnf_code")
        .filter(in_force)
        .with_columns((pl.col(k) * pl.col("devices") / 12).round(6).cast(KG).alias(k) for k in KILOGRAMS)
        .with_columns(pl.col("devices") / 12, practice_code=pl.lit("England"))
        .sort("bnf_code", "how", "month")
    )
    return England(reference, rows, months.collect())


def page(england: England) -> str:
    """The page as Markdown."""
    return "\n".join(_lines(england)) + "\n"


def _lines(england: England) -> Iterator[str]:
    rows, known = england.rows, england.months
    (low, kg, high) = (float(v) for v in england.intervals().row(0))
    devices, items = rows["devices"].sum(), rows["items"].sum()
    nameless = rows.filter(pl.col("bnf_code").is_null())
    inferred = known.filter(how=INFERRED)
    covered = rows.drop_nulls("bnf_code")["items"].sum()
    yield "# England, calendar year 2025\n"
    yield "Made by `python docs/england.py ../shared/facts/england-pca-2025-inhaled.csv`; do not edit.\n"
    yield (
        "Every inhaler dispensed in the community in England in 2025 (Prescription Cost Analysis, NHS Business Services "
        "Authority, Open Government Licence v3.0), times prescarbon's harmonised factors (whole life cycle, AR6). The "
        "file is of the whole year, so each product is counted a twelfth in each month: Trixeo is half a year HFA-134a, "
        "half a year in change.\n"
    )
    yield f"**{_kt(kg)} thousand tonnes CO2e ({_kt(low)} to {_kt(high)})** for {_million(devices)} million inhalers.\n"
    yield "## Coverage\n"
    yield f"- {covered / items:.2%} of {_million(items)} million inhaler items have a factor."
    total = sum(known["kg_co2e"])
    for evidence, words in {
        "product": "rest on evidence for the product itself",
        "class": "rest on its class",
        "brand_mix": "rest on the assumed mix of brands of generic salbutamol",
    }.items():
        yield f"- {float(known.filter(evidence=evidence)['kg_co2e'].sum() / total):.1%} of the kg CO2e {words}."
    yield (
        f"- {float(inferred['kg_co2e'].sum() / total):.1%} of the kg CO2e, and {inferred['devices'].sum() / devices:.1%} of "
        "the inhalers, are of a SNOMED code whose brand is inferred, not printed in any list we hold; what kind of inhaler "
        "it is stands in its generic name."
    )
    small, large = _brand_ends(england)
    yield (
        f"- Generic salbutamol: all small cans {_kt(kg - small[0] + small[1])}, all large cans "
        f"{_kt(kg - large[0] + large[1])} thousand tonnes in all.\n"
    )
    for title, column, note in (
        ("By device", "device_type", ""),
        ("By propellant", "propellant", ""),
        ("By brand", "brand", f"The {BRANDS_SHOWN} with the most; brands that are inferred are one line, not named."),
    ):
        yield f"## {title}\n"
        if note:
            yield note + "\n"
        yield from _table(england, column)
    yield "## Not counted\n"
    yield (
        f"{len(nameless)} SNOMED codes with {nameless['items'].sum():,} items have no product here and no kilogram; those "
        "with 100 items or more:\n"
    )
    yield "| generic name | SNOMED code | items |\n|---|---|---|"
    for row in (
        nameless.filter(pl.col("items") >= 100).sort("items", "snomed_code", descending=[True, False]).to_dicts()
    ):
        yield f"| {row['generic_name']} | {row['snomed_code']} | {row['items']:,} |"
    yield ""
    yield from _beside(england, kg)


def _table(england: England, column: str) -> Iterator[str]:
    named = england.months
    if column == "brand":
        brand = pl.coalesce("brand", pl.lit("prescribed by the generic name"))
        named = named.with_columns(brand=pl.when(pl.col("how") == INFERRED).then(pl.lit(INFERRED)).otherwise(brand))
    drawn = England(england.reference, england.rows, named).intervals(column)
    counted = named.group_by(column).agg(pl.col("devices").sum())
    yield f"| {column.replace('_', ' ')} | thousand inhalers | thousand tonnes CO2e | low to high |"
    yield "|---|---|---|---|"
    joined = drawn.join(counted, on=column).sort("kg_co2e", column, descending=[True, False])
    for row in joined.head(BRANDS_SHOWN).to_dicts():
        low, kg, high = (float(row[k]) for k in KILOGRAMS)
        yield f"| {row[column]} | {row['devices'] / 1000:,.0f} | {_kt(kg)} | {_kt(low)} to {_kt(high)} |"
    yield ""


def _brand_ends(england: England) -> list[tuple[float, float]]:
    """For small and for large cans: kg of the generics as assumed, and were they all of that brand."""
    mixed = england.months.filter(evidence="brand_mix").lazy()
    ends = england.reference.brand_ends().rename({"key": "bnf_code"})
    joined = mixed.join(ends, on="bnf_code").filter(pl.col("month").is_between("valid_from", "valid_to")).collect()
    kg = float(joined["kg_co2e"].sum())
    return [(kg, float((joined["devices"] * joined[f"kg_{size}"]).sum())) for size in ("small", "large")]


def _beside(england: England, kg: float) -> Iterator[str]:
    yield "## Beside published figures\n"
    yield "None is of the same year, scope and factors, so none should agree to the digit; each row says why it differs.\n"
    yield "| figure | published | here, 2025 | why they differ |\n|---|---|---|---|"
    yield (
        f"| all inhalers, thousand tonnes CO2e | 705 (England 2017, Janson and others 2020, Thorax) | {_kt(kg)} | 20 kg a "
        "metered dose inhaler and 1 kg a powder inhaler assumed; 50.0 million inhalers |"
    )
    yield (
        f"| metered dose inhalers, thousand tonnes CO2e | 850 (England 2017, NHS Sustainable Development Unit) | "
        f"{_kt(_pressurised(england))} | another year and factors that were not read |"
    )
    for set_name, basis, words in (
        ("nhse-iif-es02", "AR4", "the published factors of the IIF, 25.24 kg for the generic"),
        ("harmonised", "AR6", "our factors, the mix of 2025 for the generic"),
    ):
        mean = _salbutamol_mean(england, set_name, basis)
        yield (
            "| kg CO2e a salbutamol inhaler | 24.2 (2020), 16.1 (November 2024): NHS England as quoted by Avon LMC, "
            f"secondary | {mean:.1f} | {words}; the products of the IIF's list |"
        )
    easyhaler = england.rows.filter(snomed_code="9205211000001104")["devices"].sum()
    yield (
        "| Easyhaler Salbutamol 100 micrograms, inhalers a month | 80,700, 83,203 and 79,832 (April to June 2025, written "
        f"answer 71929) | {easyhaler / 12:,.0f} | mean of the year; says that the rows are the same |"
    )


def _pressurised(england: England) -> float:
    return float(england.months.filter(pl.col("device_type").is_in(["pMDI", "BAI"]))["kg_co2e"].sum())


def _salbutamol_mean(england: England, set_name: str, basis: str) -> float:
    """kg CO2e a salbutamol inhaler over the products of the IIF's list, by the factors of one set."""
    listed = england.reference.factors("nhse-iif-es02").select("key").collect()["key"].to_list()
    factors = england.reference.factors(set_name, basis).select(
        "valid_from", "valid_to", bnf_code="key", each="kg_co2e"
    )
    counted = england.months.lazy().filter(pl.col("bnf_code").is_in(listed)).join(factors, on="bnf_code")
    counted = counted.filter(pl.col("month").is_between("valid_from", "valid_to"))
    kg, devices = counted.select((pl.col("each") * pl.col("devices")).sum(), pl.col("devices").sum()).collect().row(0)
    return float(kg / devices)


def _kt(kg: float) -> str:
    return f"{kg / 1e6:,.1f}"


def _million(count: float) -> str:
    return f"{count / 1e6:,.1f}"


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit(
            "england.py: give it the file england-pca-2025-inhaled.csv of ../shared/facts; without it nothing is made."
        )
    PAGE.write_text(page(read_england(Path(sys.argv[1]))), "utf-8")
