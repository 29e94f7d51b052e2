"""Factor sets: list, show, compare on the loaded months, import one's own."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.activity import IS_INHALER
from prescarbon.model.sums import DEVICE_DECIMALS, exact_sum
from prescarbon.pipeline.evidence import gather
from prescarbon.pipeline.footprint import footprint_of, run_factors
from prescarbon.reference.bridge import bridge, reason
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.reference.factor_rows import OwnSetRow
from prescarbon.reference.factors import HARMONISED
from prescarbon.reference.files import Files
from prescarbon.reference.sheets import rows_of
from prescarbon.store.atomic import publishing, writing_to

NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,40}")


def list_sets(config: Config) -> list[dict[str, Any]]:
    """factor_set, kind, factors, scope, gwp_basis of every set."""
    reference = reference_of(config)
    own = {file.stem for file in reference.imported}
    found = []
    for name in reference.factor_sets():
        rows = reference.factors(name, config.gwp_basis).collect()
        kind = "harmonised" if name == HARMONISED else "imported" if name in own else "published"
        found.append(
            {
                "factor_set": name,
                "kind": kind,
                "factors": rows.height,
                "scope": ", ".join(sorted(rows["scope"].unique())),
                "gwp_basis": ", ".join(sorted(rows["gwp_basis"].unique())),
            }
        )
    return found


def show(config: Config, wanted: str) -> list[dict[str, Any]]:
    """Every factor of every set for a BNF code or a factor's name, with its source and interval.

    Beside a value of NHS England or PrescQIPP stands `bridge`, the steps from it to ours; elsewhere it is None.

    Raises:
        InputError: nothing has that code or name.
    """
    reference = reference_of(config)
    frames = [reference.factors(name, config.gwp_basis, config.brand_mix) for name in reference.factor_sets()]
    rows = (
        pl.concat([*frames, reference.spend()])
        .filter((pl.col("key") == wanted) | (pl.col("factor_id") == wanted))
        .collect()
    )
    if rows.is_empty():
        raise InputError(f"no factor has the code or name {wanted!r}.", remedy="Give a BNF presentation code.")
    sources = reference.sources
    bridges = {
        (row["factor_set"], row["key"]): row | {"why": reason(row, config.gwp_basis)}
        for row in bridge(reference, config.gwp_basis)
        .filter(pl.col("key").is_in(rows["key"].implode()))
        .collect()
        .to_dicts()
    }
    return [
        row
        | {"source": sources[row["source_id"]].title if row["source_id"] in sources else row["source_id"]}
        | {"bridge": bridges.get((row["factor_set"], row["key"]))}
        for row in rows.to_dicts()
    ]


def compare(config: Config, one: str, other: str) -> dict[str, Any]:
    """kg CO2e of the loaded months under two sets: in all, and by product, the largest differences first.

    Only inhalers that both sets cover are compared; the rest are counted.
    """
    frames = {}
    evidence = gather(replace(config, factor_set=one, coverage_floor=0.0))
    for name in (one, other):
        factors, spend = run_factors(evidence.reference, replace(config, factor_set=name))
        inhalers = footprint_of(
            evidence.activity, evidence.reference, factors, spend, evidence.prices.table.lazy()
        ).filter(IS_INHALER)
        frames[name] = inhalers.group_by("series_code").agg(
            exact_sum("devices", DEVICE_DECIMALS).alias("devices"),
            pl.col("kg_co2e").sum(),
            pl.col("kg_co2e").count().alias("known"),
            pl.col("items").sum(),
        )
    joined = frames[one].join(
        frames[other].select("series_code", "kg_co2e", "known"), on="series_code", suffix="_other"
    )
    both = joined.filter((pl.col("known") > 0) & (pl.col("known_other") > 0)).with_columns(
        difference_kg=pl.col("kg_co2e_other") - pl.col("kg_co2e")
    )
    ordered = both.sort([pl.col("difference_kg").abs(), "series_code"], descending=[True, False])
    return {
        "one": one,
        "other": other,
        "kg_one": both["kg_co2e"].sum(),
        "kg_other": both["kg_co2e_other"].sum(),
        "items_compared": int(both["items"].sum()),
        "items_not_in_both": int(joined["items"].sum()) - int(both["items"].sum()),
        "products": [
            {
                "series_code": row["series_code"],
                "name": evidence.names.get(row["series_code"], row["series_code"]),
                "devices": row["devices"],
                "kg_one": row["kg_co2e"],
                "kg_other": row["kg_co2e_other"],
            }
            for row in ordered.to_dicts()
        ],
    }


def import_set(config: Config, file: Path, name: str | None) -> dict[str, Any]:
    """Check a user's own factors as our own are checked, and keep them under home/factors.

    Raises:
        InputError: the name is taken or odd, or a cell is wrong (file, line, column, reason).
    """
    chosen = (name or file.stem).lower()
    if not NAME.fullmatch(chosen) or chosen in {HARMONISED, *_shipped(reference_of(config))}:
        raise InputError(
            f"{chosen!r} cannot be the name of a set.", remedy="Use --name with small letters, digits and -."
        )
    files = Files(file.parent)
    rows = rows_of(files.sheet(file, OwnSetRow), InputError)
    final = config.home / "factors" / f"{chosen}.csv"
    with writing_to(final.parent, "Choose another folder with --home."), publishing(final) as draft:
        draft.write_bytes(files.bytes_of(file))
    return {"factor_set": chosen, "factors": rows.height, "kind": "imported"}


def _shipped(reference: Reference) -> set[str]:
    return set(reference.factor_sets()) - {file.stem for file in reference.imported}
