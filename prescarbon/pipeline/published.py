"""Values that others published of our measures: kept by vintage, held beside ours, and read as series of their own."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.measures.comparison import funnel_of_proportions, judge_gate
from prescarbon.model.measures.definition import Measure
from prescarbon.model.measures.trend import share
from prescarbon.pipeline.measures import measure_values
from prescarbon.pipeline.series import chosen_measures
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.store.atomic import publishing, writing_to
from prescarbon.tables.organisations import LEVELS
from prescarbon.tables.schema import MONTHS_IN_YEAR

COLUMNS = {"measure", "month", "code", "numerator", "denominator"}
SCHEMA = {
    "measure": pl.String,
    "level": pl.String,
    "month": pl.Date,
    "code": pl.String,
    "numerator": pl.Float64,
    "denominator": pl.Float64,
    "vintage": pl.String,
}
KEY = ["measure", "level", "code", "month"]
ENDS = ("numerator", "denominator")
AREA = "sub-icb"
# a practice is a letter and five figures, a PCN the same with a U (NHS organisation codes); all else is an area
LEVEL_OF_CODE = {"pcn": r"^U\d{5}$", "practice": r"^[A-Z]\d{5}$"}
REMEDY = "Give --vintage 2026-03-30."


def import_published(config: Config, file: Path, vintage: str | None) -> dict[str, Any]:
    """Keep published measure values (CSV: measure, month, code, numerator, denominator) beside those of other vintages.

    A row's vintage is its own column `vintage` where the file has one, else the one given, else the date in the file's
    name. Its level is its own column `level`, else what its code looks like: a practice, a PCN, or a sub-ICB location.

    Raises:
        InputError: it cannot be read, a column is missing, a cell is no number, month or level, or a vintage is not known.
    """
    named = next((part for part in file.stem.split("_") if part.count("-") == 2 and part[:4].isdigit()), None)
    try:
        raw = pl.read_csv(file, infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError("cannot be read as CSV.", where=file.name, remedy="See docs/how-to.") from error
    if missing := sorted(COLUMNS - set(raw.columns)):
        raise InputError(
            f"has no column {', '.join(missing)}.",
            where=file.name,
            remedy="Columns: measure, month, code, numerator, denominator, and, where they differ by row, vintage and level.",
        )
    stamped = raw.with_columns(
        pl.coalesce(*(pl.col(c) for c in raw.columns if c == "vintage"), pl.lit(vintage or named)).alias("vintage"),
        pl.coalesce(*(pl.col(c) for c in raw.columns if c == "level"), level_of_code()).alias("level"),
    )
    if odd := sorted(set(stamped["level"]) - set(LEVELS)):
        raise InputError(f"{odd[0]!r} is no level.", where=file.name, remedy=f"Levels: {', '.join(LEVELS)}.")
    default = _day(vintage or named, file.name) if "vintage" not in raw.columns else None
    vintages = sorted({_day(text, file.name) for text in stamped["vintage"].unique()}) or [default or ""]
    typed = stamped.select(
        "measure",
        "level",
        pl.col("month").str.to_date(strict=False),
        "code",
        pl.col(ENDS).cast(pl.Float64, strict=False),
        "vintage",
    )
    if wrong := typed.select(pl.any_horizontal(pl.all().is_null()).sum()).item():
        raise InputError(f"has {wrong} rows with a cell that is no month or number.", where=file.name)
    restated = restatements(published_values(config.home), typed).height
    name = file.stem if vintages[-1] in file.stem else f"{file.stem}_{vintages[-1]}"
    final = config.home / "published" / f"{name}.parquet"
    with writing_to(final.parent, "Choose another folder with --home."), publishing(final) as draft:
        typed.sort(*KEY, "vintage").write_parquet(draft)
    return {
        "file_name": file.name,
        "vintages": vintages,
        "rows": typed.height,
        "restated": restated,
        "measures": sorted(typed["measure"].unique()),
    }


def _day(text: str | None, file_name: str) -> str:
    if text is None:
        raise InputError("has no vintage in its name.", where=file_name, remedy=REMEDY)
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InputError(f"the vintage {text!r} is no date.", where=file_name, remedy=REMEDY) from error


def level_of_code() -> pl.Expr:
    """What kind of organisation `code` looks like."""
    return pl.coalesce(
        *(pl.when(pl.col("code").str.contains(form)).then(pl.lit(level)) for level, form in LEVEL_OF_CODE.items()),
        pl.lit(AREA),
    )


def published_values(home: Path) -> pl.DataFrame:
    """measure, level, month, code, numerator, denominator, vintage of every file imported; no rows where none is."""
    files = sorted((home / "published").glob("*.parquet"))
    held = pl.concat([pl.DataFrame(schema=SCHEMA), *(pl.read_parquet(f) for f in files)], how="diagonal")
    levelled = held.with_columns(pl.coalesce("level", level_of_code()).alias("level")).select(list(SCHEMA))
    return levelled.unique([*KEY, "vintage"], keep="last", maintain_order=True)


def newest_values(published: pl.DataFrame) -> pl.DataFrame:
    """The rows of the newest vintage of each measure and level: one vintage is never spliced to another."""
    return published.filter(pl.col("vintage") == pl.col("vintage").max().over("measure", "level")).sort(KEY)


def restatements(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """KEY, vintage, numerator, denominator of `after` and, as earlier_…, the newest older vintage where it says otherwise."""
    older = before.rename({name: f"earlier_{name}" for name in (*ENDS, "vintage")})
    pairs = after.join(older, on=KEY).filter(pl.col("earlier_vintage") < pl.col("vintage"))
    newest = pairs.sort(*KEY, "vintage", "earlier_vintage").unique([*KEY, "vintage"], keep="last", maintain_order=True)
    return newest.filter(pl.any_horizontal(pl.col(name) != pl.col(f"earlier_{name}") for name in ENDS))


def published_series(config: Config, measure: Measure, level: str) -> pl.DataFrame:
    """organisation_code, level, measure_id, month, numerator, denominator, value, vintage: the newest vintage held.

    Raises:
        InputError: no value of the measure and level is imported.
    """
    held = newest_values(published_values(config.home).filter(measure=measure.id))
    chosen = held.filter(level=level)
    if chosen.is_empty():
        levels = ", ".join(sorted(set(held["level"]))) or "no level"
        raise InputError(
            f"no published value of {measure.id} at level {level} is imported; there is {levels}.",
            remedy="`prescarbon measures import-published FILE`, or another --level.",
        )
    return chosen.select(
        pl.col("code").alias("organisation_code"),
        "level",
        pl.col("measure").alias("measure_id"),
        "month",
        *ENDS,
        (share(*ENDS) * measure.scale).alias("value"),
        "vintage",
    )


def compare_published(config: Config, measure_id: str, level: str, last_month: date | None) -> list[dict[str, Any]]:
    """Each published organisation beside all others over the last twelve published months, in neutral words.

    Only those with twelve months are judged, by the gates of our own comparison.

    Raises:
        InputError: there is no such measure, it is no share, or no value of it is imported.
    """
    (measure,) = chosen_measures(reference_of(config), [measure_id])
    if measure.denominator is None or not measure.unit.startswith("share"):
        raise InputError(f"{measure.id} is no share, so no funnel of published values fits it.")
    series = published_series(config, measure, level)
    until = last_month or series["month"].max()
    first = pl.lit(until).dt.offset_by(f"-{MONTHS_IN_YEAR - 1}mo")
    year = series.filter(pl.col("month").is_between(first, until) & (pl.col("denominator") > 0))
    summed = (
        year.lazy()
        .group_by("organisation_code")
        .agg(pl.col(ENDS).sort_by("month").cum_sum().last(), months=pl.len(), vintage=pl.col("vintage").max())
    )
    whole = summed.filter(pl.col("months") == MONTHS_IN_YEAR, pl.col("numerator") <= pl.col("denominator"))
    gated = whole.with_columns(judge_gate(pl.col("denominator")), group=pl.lit("all"), period_end=pl.lit(until))
    return funnel_of_proportions(gated, ["group"]).drop("group").sort("organisation_code").collect().to_dicts()


def reconcile(
    config: Config, *, last_month: date | None = None, reference: Reference | None = None
) -> list[dict[str, Any]]:
    """Ours beside the newest published value of the same measure, sub-ICB location and month, and why they may differ.

    A published measure that we have no definition of stands there too, without a value of ours.

    Raises:
        InputError: no published values are imported, or nothing is loaded.
    """
    held = published_values(config.home)
    if held.is_empty():
        raise InputError(
            "no published values are imported.", remedy="`prescarbon measures import-published FILE` first."
        )
    definitions = reference or reference_of(config)
    everything = replace(config, scope=("all",), is_scope_given=True)
    published = held.filter(level=AREA)
    known = {m.id for m in definitions.measures} & set(published["measure"])
    ours = measure_values(everything, level=AREA, last_month=last_month, only=sorted(known), reference=definitions)
    keys = ["measure_id", "period_end", "organisation_code"]
    newest = newest_values(published)
    earlier = restatements(published, newest).select(*KEY, pl.selectors.starts_with("earlier_"))
    theirs = (
        newest.join(earlier, on=KEY, how="left")
        .rename({"measure": "measure_id", "month": "period_end", "code": "organisation_code"})
        .rename({name: f"published_{name}" for name in ENDS})
        .join(
            ours.select("period_end", "organisation_code").unique(), on=["period_end", "organisation_code"], how="semi"
        )
    )
    joined = theirs.join(ours.select(*keys, *ENDS, "value"), on=keys, how="left")
    rows = joined.select(
        "measure_id", "organisation_code", "period_end", "numerator", "published_numerator", "denominator",
        "published_denominator", "value", "vintage", "earlier_vintage", "earlier_numerator", "earlier_denominator",
    )  # fmt: skip
    return [row | {"because": _why(row, known)} for row in rows.sort("measure_id", "organisation_code").to_dicts()]


def _why(row: dict[str, Any], known: Collection[str]) -> str:
    """Which of the known reasons a difference can have, and what an earlier vintage said; empty where there is neither."""
    earlier = ""
    if row["earlier_vintage"]:
        earlier = (
            f"; vintage {row['earlier_vintage']} said {row['earlier_numerator']:,g} ÷ {row['earlier_denominator']:,g}"
        )
    if row["measure_id"] not in known:
        return "no measure of this name is in reference/measures: ours is not known" + earlier
    pairs = ((row["numerator"], row["published_numerator"]), (row["denominator"], row["published_denominator"]))
    if all(ours is not None and abs(float(ours) - theirs) < 0.5 for ours, theirs in pairs):
        return earlier.removeprefix("; ")
    return (
        f"vintage {row['vintage']}: codes and quantity corrections are of that day; settings other than GP practice are out of ours; "
        "a file of part of England cannot apply corrections that rest on England's averages" + earlier
    )
