"""Measures over the loaded months: list, show, run at any level, and held against published values."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.manifest import to_json
from prescarbon.model.measures import run_measures
from prescarbon.model.organisations import practices_in_force
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.reference import read_reference, read_toml
from prescarbon.reference_measures import read_measures
from prescarbon.report.safety import formula_safe
from prescarbon.source.organisations import read_practices
from prescarbon.store.atomic import publishing, writing_to

LEVELS = {"practice": "practice_code", "pcn": "pcn_code", "sub-icb": "sub_icb_code", "icb": "icb_code"}
PLACE, GROUP = "place", "group"
SCOPE = "all practices in scope"
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


def memberships(evidence: Evidence, level: str) -> pl.LazyFrame:
    """practice_code, month, organisation_code, level, setting of every practice with rows, month by month."""
    practices = read_practices(evidence.config.home, evidence.reference.root).collect().lazy()
    months = []
    for month in evidence.months:
        force = practices_in_force(practices, month, evidence.config.membership)
        code = _organisation(evidence, level)
        months.append(
            force.select(
                "practice_code",
                pl.lit(month).alias("month"),
                code.alias("organisation_code"),
                pl.lit(level).alias("level"),
                pl.col("setting").cast(pl.String),
            )
        )
    with_rows = evidence.footprint.lazy().select("practice_code", "month").unique()
    known = pl.concat(months)
    if level in (
        "sub-icb",
        "icb",
        "practice",
        GROUP,
    ):  # what the rows print, where no organisations file names a practice
        own = evidence.practices.lazy().select("practice_code", organisation_code=_organisation(evidence, level))
        nameless = with_rows.join(known, on=["practice_code", "month"], how="anti").join(own, on="practice_code")
        known = pl.concat(
            [known, nameless.with_columns(level=pl.lit(level), setting=pl.lit("not known"))],
            how="diagonal",
        )
    return known.drop_nulls("organisation_code").join(
        with_rows.select("practice_code").unique(), on="practice_code", how="semi"
    )


def _organisation(evidence: Evidence, level: str) -> pl.Expr:
    if level == GROUP:
        return pl.lit(SCOPE)
    return _place(evidence, pl.col("practice_code")) if level == PLACE else pl.col(LEVELS[level])


def _place(evidence: Evidence, practice: pl.Expr) -> pl.Expr:
    places = read_toml(evidence.reference.root / "organisations" / "places.toml")
    where = {code: name for name, place in places.items() for code in place.get("practice_codes", ())}
    return practice.replace_strict(where, default=None, return_dtype=pl.String)


def value_lines(values: pl.DataFrame) -> str:
    """The values as lines of text."""
    return "\n".join(
        f"{r['organisation_code']:10}{r['measure_id']:36}{_shown(r['value']):>16}  ({_shown(r['numerator'])} ÷ "
        f"{_shown(r['denominator'])})  {r['period_start']:%Y-%m} to {r['period_end']:%Y-%m}  {r['gate']}"
        for r in values.to_dicts()
    )


def _shown(value: Any) -> str:
    return "not known" if value is None else f"{value:,.4f}".rstrip("0").rstrip(".")


def reconciliation_lines(rows: Sequence[dict[str, Any]]) -> str:
    """Ours beside the published, as lines."""
    return "\n".join(
        f"{r['organisation_code']:8}{r['measure_id']:28}{r['period_end']:%Y-%m}  ours {_shown(r['numerator'])} ÷ "
        f"{_shown(r['denominator'])}, published {_shown(r['published_numerator'])} ÷ {_shown(r['published_denominator'])}"
        + (f"\n    {r['because']}" if r["because"] else "  the same")
        for r in rows
    )


def as_json(values: pl.DataFrame) -> dict[str, Any]:
    """{"values": [...]}: measure, organisation_code, level, period, numerator, denominator, value, interval, gate."""
    rows = values.rename({"measure_id": "measure"})
    first = ["measure", "organisation_code", "level", "period_start", "period_end", "numerator", "denominator", "value"]
    return {"values": rows.select(*first, pl.exclude(first)).to_dicts()}


def write_values(values: pl.DataFrame, file: Path) -> None:
    """CSV, Parquet or JSON by the file's ending.

    Raises:
        InputError: another ending, or the file cannot be written.
    """
    if file.suffix not in (".csv", ".parquet", ".json"):
        raise InputError(f"{file.name} ends in none of .csv, .parquet, .json.", remedy="Choose one of these endings.")
    with writing_to(file.parent, "Choose another folder."), publishing(file) as draft:
        if file.suffix == ".csv":
            formula_safe(values).write_csv(draft)
        elif file.suffix == ".parquet":
            values.write_parquet(draft)
        else:
            draft.write_text(to_json(as_json(values)), "utf-8")


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
