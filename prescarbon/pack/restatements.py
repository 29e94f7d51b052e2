"""What an earlier run said of a month that this run says otherwise, and what moved it: found by recomputing.

The way back from this run to the earlier one is walked one step at a time, always in this order: each setting that
differs is put back, then the base period of constant prices, then the factors; the earlier pack's own table is the
end. What the kilograms of a month change by at a step is that step's part; the parts add up to the whole difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config, config_from_settings
from prescarbon.errors import PrescarbonError
from prescarbon.model.activity import IS_INHALER
from prescarbon.model.footprint import base_prices
from prescarbon.pack.folder import read_manifest
from prescarbon.pipeline.evidence import Evidence, footprint_of, gather, run_factors
from prescarbon.tables.products import FACTORS

GRAM = 0.001
NAMED = 3  # factors or presentations that a sentence names
SETTINGS = ("scope", "factor_set", "gwp_basis", "brand_mix", "base_months")  # those that a kilogram depends on
ROW = ["month", "practice_code", "bnf_code", "reads_as"]
SPEND = "spend"


@dataclass(frozen=True)
class World:
    """The footprint as it would be at one step of the way back, and what the step put back, in words.

    footprint  table FOOTPRINT
    words      "gwp_basis was AR5, is AR6"; of the first world, which is this run, empty
    by         the column whose values name what moved: factors or presentations
    """

    footprint: pl.DataFrame
    words: str = ""
    by: str | None = None


def find_restatements(last: Path | None, evidence: Evidence) -> list[dict[str, Any]]:
    """Month by month: what the last run said, what this run says, and what moved it; earlier entries are kept.

    last     folder of the last pack: its manifest.json and, where they are there, its tables
    returns  month, what ("inhalers" or "all"), said_kg, says_kg, because
    """
    before = read_manifest(last) if last else None
    if last is None or before is None:
        return []
    entries: list[dict[str, Any]] = list(before.get("restatements", ()))
    said = {row["month"]: row for row in before.get("kg_by_month", ())}
    moved = [
        (row["month"], what, float(said[row["month"]][what]), float(row[what]))
        for row in evidence.kg_by_month
        for what in ("inhalers", "all")
        if row["month"] in said and None not in (row[what], said[row["month"]].get(what))
        and abs(float(row[what]) - float(said[row["month"]][what])) >= GRAM
    ]  # fmt: skip
    if not moved:
        return entries
    worlds = list(_way_back(last, before, evidence))
    hashes = {row["month"]: row["hash"] for row in before.get("inputs", ())}
    again = {m.month for m in evidence.manifests if hashes.get(m.month, m.hash) != m.hash}
    for month, what, was, now in moved:
        parts = list(_parts(worlds, month, what, is_again=month in again))
        left = now - was - sum(kg for kg, _ in parts)
        if abs(left) >= GRAM:
            parts.append((left, _unexplained(before, evidence, has_tables=worlds[-1].by == "bnf_code")))
        because = "; ".join(f"{words} ({kg:+,.1f} kg)" for kg, words in parts)
        entry = {"month": month, "what": what, "said_kg": was, "says_kg": now, "because": because}
        if entry not in entries:
            entries.append(entry)
    return entries


def _way_back(last: Path, before: Mapping[str, Any], evidence: Evidence) -> Iterator[World]:
    """This run first, then a world for each step that put something back."""
    yield World(evidence.footprint)
    config, activity = evidence.config, evidence.activity
    reference = evidence.reference
    old_settings = {key: before[key] for key in SETTINGS[1:3] if key in before} | dict(before.get("settings", {}))
    own = config.settings()
    for key in SETTINGS:
        if key in old_settings and old_settings[key] != own[key]:
            config = _put_back(config, key, old_settings)
            if key == "scope":
                activity = _activity_of(config, evidence.months)
            prices = base_prices(activity.lazy(), config.base_months)
            footprint = footprint_of(activity, reference, *run_factors(reference, config), prices)
            yield World(footprint, f"{key} was {_shown(old_settings[key])}, is {_shown(own[key])}")
    prices = base_prices(activity.lazy(), config.base_months)
    months = [date.fromisoformat(f"{month}-01") for month in before.get("months", ())]
    if months and months[0] != evidence.months[0]:
        old = _activity_of(config, months)
        if old.height:
            prices = base_prices(old.lazy(), config.base_months)
            footprint = footprint_of(activity, reference, *run_factors(reference, config), prices)
            was, now = (f"{m:%B %Y}" for m in (months[0], evidence.months[0]))
            yield World(footprint, f"constant prices: the base period began in {was}, begins in {now}")
    factors = _table(last, "factors")
    if factors is not None:
        is_spend = pl.col("factor_set") == SPEND
        kept = FACTORS.admit(factors.lazy())
        footprint = footprint_of(activity, reference, kept.filter(~is_spend), kept.filter(is_spend), prices)
        yield World(footprint, "factors changed", by="factor_id")
    rows = _table(last, "footprint")
    if rows is not None:
        yield World(rows, "rows", by="bnf_code")


def _parts(worlds: list[World], month: str, what: str, *, is_again: bool) -> Iterator[tuple[float, str]]:
    """(kg, words) of each step that moved the month."""
    for later, earlier in pairwise(worlds):
        moved = _difference(later.footprint, earlier.footprint, month, what)
        kg = float(moved["kg"].sum())
        if abs(kg) < GRAM:
            continue
        words = earlier.words
        if earlier.by == "bnf_code":
            words = "the month was published again" if is_again else "products or readings of quantities changed"
        if earlier.by:
            names = _largest(moved, earlier.by)
            words = f"{words}: {names}"
        yield kg, words


def _difference(later: pl.DataFrame, earlier: pl.DataFrame, month: str, what: str) -> pl.DataFrame:
    """Row by row: factor_id, bnf_code, kg (later minus earlier) of one month."""
    keep = (pl.col("month").dt.strftime("%Y-%m") == month) & (IS_INHALER if what == "inhalers" else pl.lit(value=True))
    columns = [*(pl.col(c).cast(pl.String) if c == "reads_as" else pl.col(c) for c in ROW), "kg_co2e", "factor_id"]
    now, then = (frame.filter(keep).select(columns) for frame in (later, earlier))
    both = now.join(then, on=ROW, how="full", coalesce=True, suffix="_then", nulls_equal=True)
    return both.select(
        "bnf_code",
        pl.coalesce("factor_id", "factor_id_then").alias("factor_id"),
        kg=pl.col("kg_co2e").fill_null(0) - pl.col("kg_co2e_then").fill_null(0),
    )


def _largest(moved: pl.DataFrame, by: str) -> str:
    """The factors or presentations that moved most, and by how much."""
    summed = moved.group_by(by).agg(pl.col("kg").sum()).filter(pl.col("kg").abs() >= GRAM)
    ordered = summed.sort(pl.col("kg").abs(), by, descending=[True, False])
    named = [f"{code} {float(kg):+,.1f}" for code, kg in ordered.head(NAMED).iter_rows()]
    more = ordered.height - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _put_back(config: Config, key: str, old: Mapping[str, Any]) -> Config:
    kept = {"is_scope_given": True} if key == "scope" else {}
    return config_from_settings(config.settings() | {key: old[key]} | kept, config.home, config.out)


def _activity_of(config: Config, months: list[date] | tuple[date, ...]) -> pl.DataFrame:
    """Table ACTIVITY of another scope or other months; no rows where they are no longer held."""
    try:
        found = gather(replace(config, coverage_floor=0.0), last_month=months[-1], is_light=True).activity
    except (
        PrescarbonError
    ):  # a month or scope that is gone cannot be recomputed: the difference stays named as not explained
        return pl.DataFrame(schema={"month": pl.Date})
    return found.filter(pl.col("month").is_in(list(months)))


def _table(pack: Path, name: str) -> pl.DataFrame | None:
    try:
        return pl.read_parquet(pack / "data" / f"{name}.parquet")
    except (OSError, pl.exceptions.PolarsError):
        return None


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {share}" for key, share in value.items()) or "as shipped"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _unexplained(before: Mapping[str, Any], evidence: Evidence, *, has_tables: bool) -> str:
    if has_tables:
        return f"another version of prescarbon ({before.get('version')} then)"
    changed = (
        "the reference data changed" if before.get("reference_sha256") != evidence.reference.sha256 else "not found"
    )
    return f"{changed}; the earlier pack holds no tables to recompute it from"
