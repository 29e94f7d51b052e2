"""Measures over the loaded months: list, show, run at any level, and held against published values."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.measures.values import run_measures
from prescarbon.pipeline.evidence import gather
from prescarbon.pipeline.memberships import LEVELS, PLACE, memberships
from prescarbon.reference.definitions import read_reference
from prescarbon.reference.measures import read_measures
from prescarbon.store.atomic import publishing, writing_to

PUBLISHED_COLUMNS = {"measure", "month", "code", "numerator", "denominator"}


def list_measures(config: Config) -> list[dict[str, Any]]:
    """id, question, unit, label, source and vintage of every measure."""
    reference = read_reference(config.reference)
    keys = ("id", "title", "asks", "unit", "direction", "label", "source_id", "vintage")
    return [{key: getattr(m, key) for key in keys} for m in read_measures(reference.root)]


def show_measure(config: Config, wanted: str) -> dict[str, Any]:
    """Everything a measure's file says.

    Raises:
        InputError: there is no such measure.
    """
    found = {m.id: m for m in read_measures(read_reference(config.reference).root)}
    if wanted not in found:
        raise InputError(f"there is no measure {wanted!r}.", remedy=f"Measures: {', '.join(found)}.")
    return asdict(found[wanted])


def run(
    config: Config,
    *,
    level: str,
    last_month: date | None = None,
    months: int = 1,
    only: Sequence[str] = (),
) -> pl.DataFrame:
    """Table MEASURE_VALUES for every loaded organisation of a level, whatever the scope, over one period.

    months  how many months the period sums, ending with last_month (default the newest loaded)

    Raises:
        InputError: the level or a measure is none, or nothing is loaded.
    """
    if level not in (*LEVELS, PLACE):
        raise InputError(f"{level!r} is no level.", remedy=f"Levels: {', '.join((*LEVELS, PLACE))}.")
    everything = replace(config, scope=("all",), is_scope_given=True, coverage_floor=0.0)
    evidence = gather(everything, last_month=last_month, months=months, is_light=True)
    measures = read_measures(evidence.reference.root)
    if unknown := sorted(set(only) - {m.id for m in measures}):
        raise InputError(f"there is no measure {', '.join(unknown)}.", remedy="See `prescarbon measures list`.")
    chosen = [m for m in measures if not only or m.id in only]
    periods = pl.LazyFrame(
        {"period_start": [evidence.months[0]], "period_end": [evidence.months[-1]]},
        schema={"period_start": pl.Date, "period_end": pl.Date},
    )
    values = run_measures(
        chosen,
        evidence.footprint.lazy(),
        evidence.reference.products,
        memberships(evidence, level),
        evidence.list_sizes.lazy(),
        periods,
    )
    return values.collect()


def import_published(config: Config, file: Path, vintage: str | None) -> dict[str, Any]:
    """Keep published measure values (CSV: measure, month, code, numerator, denominator) as benchmarks, with their vintage.

    Raises:
        InputError: a column is missing, a cell is no number or month, or no vintage is known.
    """
    chosen = vintage or next(
        (part for part in file.stem.split("_") if part.count("-") == 2 and part[:4].isdigit()), None
    )
    if chosen is None:
        raise InputError("has no vintage in its name.", where=file.name, remedy="Give --vintage 2026-03-30.")
    try:
        raw = pl.read_csv(file, infer_schema=False)
    except pl.exceptions.PolarsError as error:
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


def reconcile(config: Config, *, last_month: date | None = None) -> list[dict[str, Any]]:
    """Ours beside the published value of the same measure, sub-ICB location and month, and why they may differ.

    Raises:
        InputError: no published values are imported for the month.
    """
    files = sorted((config.home / "published").glob("*.parquet"))
    if not files:
        raise InputError(
            "no published values are imported.", remedy="`prescarbon measures import-published FILE` first."
        )
    published = pl.concat([pl.read_parquet(f) for f in files])
    ours = run(config, level="sub-icb", last_month=last_month, only=sorted(published["measure"].unique()))
    joined = ours.join(
        published.rename({"numerator": "published_numerator", "denominator": "published_denominator"}),
        left_on=["measure_id", "period_end", "organisation_code"],
        right_on=["measure", "month", "code"],
    )
    rows = joined.select(
        "measure_id", "organisation_code", "period_end", "numerator", "published_numerator", "denominator",
        "published_denominator", "value", "vintage",
    )  # fmt: skip
    return [row | {"because": _why(row)} for row in rows.sort("measure_id", "organisation_code").to_dicts()]


def _why(row: dict[str, Any]) -> str:
    """Which of the known reasons a difference can have; empty where there is none."""
    pairs = ((row["numerator"], row["published_numerator"]), (row["denominator"], row["published_denominator"]))
    if all(ours is not None and abs(float(ours) - theirs) < 0.5 for ours, theirs in pairs):
        return ""
    return (
        f"vintage {row['vintage']}: codes and quantity corrections are of that day; settings other than GP practice are out of ours; "
        "a file of part of England cannot apply corrections that rest on England's averages"
    )
