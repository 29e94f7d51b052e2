"""Proves reference/: types, sources, validity, intervals, plausible bands, coverage; every fault at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import DefinitionError
from prescarbon.reference.definitions import Reference, read_reference
from prescarbon.reference.files import find_reference, read_text, read_toml
from prescarbon.reference.measures import read_measures
from prescarbon.reference.switches import list_faults
from prescarbon.reference.wording import read_wording
from prescarbon.tables.products import DEVICES, DRUG_CLASSES, PROPELLANTS


def reference_faults(config: Config) -> list[dict[str, Any]]:
    """Every fault of the reference data."""
    root = find_reference(config.reference)
    faults = [asdict(fault) for fault in find_faults(root)]
    other = list_faults(root, config.formulary)
    try:
        read_measures(root, set(read_reference(root).sources))
    except DefinitionError as error:
        other += str(error).splitlines()
    try:
        read_wording(root)
    except DefinitionError as error:
        other += str(error).splitlines()
    return faults + [{"file": "definitions", "line": 0, "column": "", "value": "", "reason": text} for text in other]


BASES = ("AR4", "AR5", "AR6")
Check = Callable[[str], str | None]
Rule = Mapping[str, Check | None]
NOT_A_DEVICE = ("nebuliser", "spacer")


@dataclass(frozen=True)
class Fault:
    """One wrong cell: file, line (the header is line 1), column, value, reason."""

    file: str
    line: int
    column: str
    value: str
    reason: str


def _is_number(text: str) -> str | None:
    try:
        return None if float(text) >= 0 else "is below zero"
    except ValueError:
        return "is no number"


def _is_date(text: str) -> str | None:
    try:
        date.fromisoformat(text)
    except ValueError:
        return "is no date such as 2026-01-31"
    return None


def _is_one_of(values: list[str]) -> Check:
    return lambda text: None if text in values else f"is none of {', '.join(values)}"


def _is_code(text: str) -> str | None:
    return None if text.isalnum() and len(text) in (11, 15) else "is no BNF presentation code"


_is_flag = _is_one_of(["true", "false"])
_PERIOD = {"valid_from": _is_date, "valid_to": _is_date}
# file → column → check; a column in brackets may be empty
RULES: dict[str, Rule] = {
    "products/inhalers.csv": {
        "bnf_code": _is_code,
        "product_name": None,
        "(drug_class)": _is_one_of(DRUG_CLASSES.categories.to_list()),
        "device_type": _is_one_of(DEVICES.categories.to_list()),
        "propellant": _is_one_of(PROPELLANTS.categories.to_list()),
        "(brand)": None,
        "is_brand_known": _is_flag,
        "(doses_per_device)": _is_number,
        "(units_per_device)": _is_number,
        "(pack_price_gbp)": _is_number,
        "is_reusable": _is_flag,
        **_PERIOD,
        "(pack_price_date)": _is_date,
        "(pack_price_source_id)": None,
        "source_id": None,
    },
    "products/not-inhalers.csv": {"bnf_prefix": None, "name": None, "source_id": None},
    "products/without-factor.csv": {"bnf_code": _is_code, "product_name": None, "reason": None},
    "products/code-changes.csv": {
        "old_code": _is_code,
        "new_code": _is_code,
        "valid_from": _is_date,
        "(product_name)": None,
        "source_id": None,
    },
    "factors/inhalers.csv": {
        "factor_id": None,
        "key_kind": _is_one_of(["product", "class"]),
        "key": _is_code,
        "propellant": _is_one_of(PROPELLANTS.categories.to_list()),
        **{f"{n}{e}": _is_number for n in ("propellant_mass_g", "other_kg") for e in ("_low", "", "_high")},
        "shared_key": None,
        **_PERIOD,
        "source_id": None,
        "note": None,
    },
    "factors/brand-mix.csv": {
        "factor_id": None,
        "key": _is_code,
        "large_key": _is_code,
        "small_key": _is_code,
        "large_share_low": _is_number,
        "large_share": _is_number,
        "large_share_high": _is_number,
        **_PERIOD,
        "source_id": None,
        "note": None,
    },
    "factors/gwp100.csv": {
        "propellant": _is_one_of(PROPELLANTS.categories.to_list()),
        "gwp_basis": _is_one_of(list(BASES)),
        "gwp100": _is_number,
        "(note)": None,
        "source_id": None,
    },
    "factors/spend.csv": {
        "factor_id": None,
        "key": None,
        "category": None,
        "kg_low": _is_number,
        "kg_co2e": _is_number,
        "kg_high": _is_number,
        "is_mapping_inferred": _is_flag,
        **_PERIOD,
        "source_id": None,
        "note": None,
    },
}
PUBLISHED: Rule = {
    "key": _is_code,
    "product_name": None,
    "kg_co2e": _is_number,
    "scope": None,
    "gwp_basis": None,
    "in_numerator": _is_one_of(["0", "1"]),
    "in_denominator": _is_one_of(["0", "1"]),
    "source_id": None,
}
OWN_NEEDED = ("key", "product_name", "kg_co2e", "scope", "gwp_basis", "source_id")
OWN: Rule = {k: PUBLISHED[k] for k in OWN_NEEDED} | {"kg_low": _is_number, "kg_high": _is_number}
ORDERED = {
    "factors/inhalers.csv": [
        ("propellant_mass_g_low", "propellant_mass_g", "propellant_mass_g_high"),
        ("other_kg_low", "other_kg", "other_kg_high"),
    ],
    "factors/spend.csv": [("kg_low", "kg_co2e", "kg_high")],
    "factors/brand-mix.csv": [("large_share_low", "large_share", "large_share_high")],
}
KEYS = {
    "products/inhalers.csv": "bnf_code",
    "factors/inhalers.csv": "key",
    "factors/brand-mix.csv": "key",
    "factors/spend.csv": "key",
}


def find_faults(root: Path) -> list[Fault]:
    """Every fault of a reference folder, in order of file and line; none where all is proven.

    Raises:
        DefinitionError: a file is missing or cannot be read at all.
    """
    rules = RULES | {
        f"factors/published/{f.name}": PUBLISHED for f in sorted((root / "factors" / "published").glob("*.csv"))
    }
    tables = {name: read_text(root / name) for name in rules}
    faults = [fault for name, rule in rules.items() for fault in _wrong_cells(name, tables[name], rule)]
    faults += _unknown_sources(root, tables)
    if faults:  # what follows reads the cells as numbers and dates
        return faults
    for name, key in KEYS.items():
        faults += _wrong_periods(name, tables[name], key)
    for name, triples in ORDERED.items():
        faults += [fault for triple in triples for fault in _out_of_order(name, tables[name], triple)]
    reference = read_reference(root)
    faults += _reused_codes(root, tables["products/code-changes.csv"])
    faults += _uncovered(tables)
    if not faults:
        faults += _implausible(reference, tables["factors/inhalers.csv"])
    return faults


def find_table_faults(name: str, table: pl.DataFrame) -> list[Fault]:
    """Faults of a user's own factor set: columns, types, low ≤ centre ≤ high, one factor a presentation."""
    rule: Rule = {
        f"({k})" if k in ("kg_low", "kg_high") else k: v
        for k, v in OWN.items()
        if k in table.columns or k in OWN_NEEDED
    }
    faults = list(_wrong_cells(name, table, rule))
    if not faults and {"kg_low", "kg_high"} <= set(table.columns):
        filled = table.with_columns(pl.coalesce(end, "kg_co2e").alias(end) for end in ("kg_low", "kg_high"))
        faults += _out_of_order(name, filled, ("kg_low", "kg_co2e", "kg_high"))
    if not faults:
        twice = table.with_row_index("line", 2).filter(
            pl.col("key").is_duplicated() & ~pl.col("key").is_first_distinct()
        )
        faults += [Fault(name, row["line"], "key", row["key"], "stands twice") for row in twice.iter_rows(named=True)]
    return faults


def _wrong_cells(name: str, table: pl.DataFrame, rule: Rule) -> Iterator[Fault]:
    wanted = [column.strip("()") for column in rule]
    for column in (c for c in wanted if c not in table.columns):
        yield Fault(name, 1, column, "", "this column is missing")
    for column in (c for c in table.columns if c not in wanted):
        yield Fault(name, 1, column, "", "this column is not one of ours")
    for column, check in rule.items():
        plain = column.strip("()")
        for line, text in enumerate(table[plain] if plain in table.columns else [], start=2):
            if text is None:
                if plain == column:
                    yield Fault(name, line, plain, "", "is empty")
            elif check and (reason := check(text)):
                yield Fault(name, line, plain, text, reason)


def _unknown_sources(root: Path, tables: dict[str, pl.DataFrame]) -> Iterator[Fault]:
    known, used = set(read_toml(root / "sources.toml")), set()
    for name, table in tables.items():
        for column in [c for c in table.columns if c.endswith("source_id")]:
            for line, text in enumerate(table[column], start=2):
                used.add(text)
                if text is not None and text not in known:
                    yield Fault(name, line, column, text, "no such section in sources.toml")
    others = "".join(
        f.read_text("utf-8")
        for f in sorted(root.rglob("*"))
        if f.suffix in (".csv", ".toml") and f.name != "sources.toml"
    )
    for section in sorted(known - used):
        if section not in others:
            yield Fault("sources.toml", 1, section, "", "no row cites this source")


def _wrong_periods(name: str, table: pl.DataFrame, key: str) -> Iterator[Fault]:
    dated = (
        table.with_row_index("line", 2)
        .with_columns(pl.col("valid_from", "valid_to").str.to_date())
        .sort(key, "valid_from")
        .with_columns(before=pl.col("valid_to").shift().over(key))
    )
    for row in dated.iter_rows(named=True):
        if row["valid_to"] < row["valid_from"]:
            yield Fault(name, row["line"], "valid_to", str(row["valid_to"]), "ends before it begins")
        if row["before"] is not None:
            days = (row["valid_from"] - row["before"]).days
            if days != 1:
                reason = "overlaps the period before" if days < 1 else "leaves a gap after the period before"
                yield Fault(name, row["line"], "valid_from", f"{row[key]} {row['valid_from']}", reason)


def _out_of_order(name: str, table: pl.DataFrame, triple: tuple[str, str, str]) -> Iterator[Fault]:
    low, centre, high = (pl.col(c).cast(pl.Float64) for c in triple)
    wrong = table.with_row_index("line", 2).filter(~((low <= centre) & (centre <= high)))
    for row in wrong.iter_rows(named=True):
        yield Fault(name, row["line"], triple[1], row[triple[1]], f"not within {row[triple[0]]} and {row[triple[2]]}")


def _reused_codes(root: Path, changes: pl.DataFrame) -> Iterator[Fault]:
    new = set(changes["new_code"])
    absent = {
        code: part["words"]
        for part in read_toml(root / "corrections.toml").values()
        for code in part.get("expect_absent_old_codes", [])
    }
    seen: set[str] = set()
    for line, old in enumerate(changes["old_code"], start=2):
        if old in new:
            yield Fault("products/code-changes.csv", line, "old_code", old, "is also a new code: date the series first")
        if old in seen:
            yield Fault("products/code-changes.csv", line, "old_code", old, "changes twice")
        if old in absent:
            yield Fault("products/code-changes.csv", line, "old_code", old, absent[old])
        seen.add(old)


def _uncovered(tables: dict[str, pl.DataFrame]) -> Iterator[Fault]:
    covered = {*tables["factors/inhalers.csv"]["key"], *tables["factors/brand-mix.csv"]["key"]}
    unknown = set(tables["products/without-factor.csv"]["bnf_code"])
    products = tables["products/inhalers.csv"]
    for line, (code, device) in enumerate(products.select("bnf_code", "device_type").iter_rows(), start=2):
        if device not in NOT_A_DEVICE and code not in covered | unknown:
            yield Fault(
                "products/inhalers.csv", line, "bnf_code", code, "has no factor and is not in without-factor.csv"
            )
    known = set(products["bnf_code"])
    for line, code in enumerate(tables["factors/inhalers.csv"]["key"], start=2):
        if code not in known:
            yield Fault("factors/inhalers.csv", line, "key", code, "is no product of products/inhalers.csv")
        if code in unknown:
            yield Fault("factors/inhalers.csv", line, "key", code, "stands in without-factor.csv too")


def _implausible(reference: Reference, table: pl.DataFrame) -> Iterator[Fault]:
    bands = read_toml(reference.root / "factors" / "plausible.toml")
    lines = {(r["key"], r["valid_from"]): line for line, r in enumerate(table.iter_rows(named=True), start=2)}
    products = reference.products.select(
        "bnf_code", "device_type", product_propellant="propellant", p_from="valid_from", p_to="valid_to"
    )
    for basis in BASES:
        rows = (
            reference.factors(gwp_basis=basis)
            .join(products, left_on="key", right_on="bnf_code")
            .filter(pl.col("valid_from").is_between("p_from", "p_to"))
            .collect()
        )
        for row in rows.iter_rows(named=True):
            band = bands.get(row["device_type"], {}).get(row["product_propellant"])
            file = "factors/brand-mix.csv" if row["key_kind"] == "brand_mix" else "factors/inhalers.csv"
            line = lines.get((row["key"], row["valid_from"].isoformat()), 1)
            if band is None:
                reason = f"plausible.toml has no band for {row['device_type']} with {row['product_propellant']}"
                yield Fault(file, line, "key", row["key"], reason)
            elif not band[0] <= row["kg_low"] <= row["kg_high"] <= band[1]:
                value = f"{row['kg_low']:.2f} to {row['kg_high']:.2f} kg ({basis})"
                yield Fault(file, line, "propellant_mass_g", value, f"not within {band[0]} and {band[1]} kg")
