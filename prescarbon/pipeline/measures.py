"""Measures over the loaded months: list, show, run at any level, and held against published values."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.period import Period
from prescarbon.pipeline.evidence import everyone, gather
from prescarbon.pipeline.memberships import check_level
from prescarbon.pipeline.scope import organisations_in_scope
from prescarbon.pipeline.series import chosen_measures
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.store.atomic import publishing, writing_to
from prescarbon.tables.organisations import LEVELS, PLACE

PUBLISHED_COLUMNS = {"measure", "month", "code", "numerator", "denominator"}
PUBLISHED_SCHEMA = {
    "measure": pl.String,
    "month": pl.Date,
    "code": pl.String,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "vintage": pl.String,
}
LISTED = ("id", "title", "asks", "unit", "direction", "label", "source_id", "vintage")


def list_measures(config: Config) -> list[dict[str, Any]]:
    """id, question, unit, label, source and vintage of every measure."""
    return [{key: getattr(m, key) for key in LISTED} for m in reference_of(config).measures]


def show_measure(config: Config, wanted: str) -> dict[str, Any]:
    """Everything a measure's file says.

    Raises:
        InputError: there is no such measure.
    """
    found = {m.id: m for m in reference_of(config).measures}
    if wanted not in found:
        raise InputError(f"there is no measure {wanted!r}.", remedy=f"Measures: {', '.join(found)}.")
    return asdict(found[wanted])


def measure_values(
    config: Config,
    *,
    level: str,
    last_month: date | None = None,
    months: int = 1,
    only: Sequence[str] = (),
    reference: Reference | None = None,
) -> pl.DataFrame:
    """Table MEASURE_VALUES over one period for the organisations of a level: all, or those with a practice in the scope.

    A chosen scope narrows no value: each is of the whole organisation.

    months     how many calendar months the period sums, ending with last_month (default the newest loaded)
    only       ids of measures; none takes every one
    reference  the definitions where they are read already

    Raises:
        InputError: the level or a measure is none, or nothing is loaded.
    """
    check_level(level, (*LEVELS, PLACE))
    evidence = gather(everyone(config), last_month=last_month, months=months, is_light=True, reference=reference)
    chosen = chosen_measures(evidence, only) if only else evidence.reference.measures
    period = Period.ending(evidence.months[-1], months, evidence.months)
    values = evidence.measure(chosen, [level], [(period.first, period.last)])
    shown = organisations_in_scope(config, evidence.reference, evidence.memberships, level)
    return values if shown is None else values.filter(pl.col("organisation_code").is_in(shown))


def import_published(config: Config, file: Path, vintage: str | None) -> dict[str, Any]:
    """Keep published measure values (CSV: measure, month, code, numerator, denominator) as benchmarks, with their vintage.

    Raises:
        InputError: it cannot be read, a column is missing, a cell is no number or month, or its vintage is not known.
    """
    chosen = vintage or next(
        (part for part in file.stem.split("_") if part.count("-") == 2 and part[:4].isdigit()), None
    )
    if chosen is None:
        raise InputError("has no vintage in its name.", where=file.name, remedy="Give --vintage 2026-03-30.")
    try:
        chosen = date.fromisoformat(chosen).isoformat()
    except ValueError as error:
        raise InputError(
            f"the vintage {chosen!r} is no date.", where=file.name, remedy="Give --vintage 2026-03-30."
        ) from error
    try:
        raw = pl.read_csv(file, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError("cannot be read as CSV.", where=file.name, remedy="See docs/how-to.") from error
    if missing := sorted(PUBLISHED_COLUMNS - set(raw.columns)):
        raise InputError(
            f"has no column {', '.join(missing)}.",
            where=file.name,
            remedy="Columns: measure, month, code, numerator, denominator.",
        )
    typed = raw.select(
        "measure",
        pl.col("month").str.to_date(strict=False),
        "code",
        pl.col("numerator", "denominator").cast(pl.Float64, strict=False),
        vintage=pl.lit(chosen),
    )
    if wrong := typed.select(pl.any_horizontal(pl.all().is_null()).sum()).item():
        raise InputError(f"has {wrong} rows with a cell that is no month or number.", where=file.name)
    final = config.home / "published" / f"{file.stem}.parquet"
    with writing_to(final.parent, "Choose another folder with --home."), publishing(final) as draft:
        typed.sort("measure", "month", "code").write_parquet(draft)
    return {
        "file_name": file.name,
        "vintage": chosen,
        "rows": typed.height,
        "measures": sorted(typed["measure"].unique()),
    }


def published_values(home: Path) -> pl.DataFrame:
    """measure, month, code, numerator, denominator, vintage of every file imported; no rows where none is."""
    files = sorted((home / "published").glob("*.parquet"))
    return pl.concat([pl.read_parquet(f) for f in files]) if files else pl.DataFrame(schema=PUBLISHED_SCHEMA)


def reconcile(
    config: Config, *, last_month: date | None = None, reference: Reference | None = None
) -> list[dict[str, Any]]:
    """Ours beside the published value of the same measure, sub-ICB location and month, and why they may differ.

    A published measure that we have no definition of stands there too, without a value of ours.

    Raises:
        InputError: no published values are imported, or nothing is loaded.
    """
    published = published_values(config.home)
    if published.is_empty():
        raise InputError(
            "no published values are imported.", remedy="`prescarbon measures import-published FILE` first."
        )
    definitions = reference or reference_of(config)
    everything = replace(config, scope=("all",), is_scope_given=True)
    known = {m.id for m in definitions.measures} & set(published["measure"])
    ours = measure_values(
        everything, level="sub-icb", last_month=last_month, only=sorted(known), reference=definitions
    )  # fmt: skip
    keys = ["measure_id", "period_end", "organisation_code"]
    theirs = published.rename(
        {
            "measure": "measure_id",
            "month": "period_end",
            "code": "organisation_code",
            "numerator": "published_numerator",
            "denominator": "published_denominator",
        }
    ).join(ours.select("period_end", "organisation_code").unique(), on=["period_end", "organisation_code"], how="semi")
    joined = theirs.join(ours.select(*keys, "numerator", "denominator", "value"), on=keys, how="left")
    rows = joined.select(
        "measure_id", "organisation_code", "period_end", "numerator", "published_numerator", "denominator",
        "published_denominator", "value", "vintage",
    )  # fmt: skip
    return [row | {"because": _why(row, known)} for row in rows.sort("measure_id", "organisation_code").to_dicts()]


def _why(row: dict[str, Any], known: Collection[str]) -> str:
    """Which of the known reasons a difference can have; empty where there is none."""
    if row["measure_id"] not in known:
        return "no measure of this name is in reference/measures: ours is not known"
    pairs = ((row["numerator"], row["published_numerator"]), (row["denominator"], row["published_denominator"]))
    if all(ours is not None and abs(float(ours) - theirs) < 0.5 for ours, theirs in pairs):
        return ""
    return (
        f"vintage {row['vintage']}: codes and quantity corrections are of that day; settings other than GP practice are out of ours; "
        "a file of part of England cannot apply corrections that rest on England's averages"
    )
