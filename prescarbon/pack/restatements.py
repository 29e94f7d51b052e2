"""What an earlier run said of a month that this run says otherwise, and what moved it: found by recomputing.

The way back from this run to the earlier one is walked one step at a time, always in this order: the practices of
the scope, each setting that differs, the constant prices, then the factors; the earlier pack's own table is the end. What the kilograms of a month change by at a step is that step's part; the parts add up to the whole difference.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.footprint import activity_of, footprint_of, run_factors
from prescarbon.pipeline.scope import EVERYONE, read_practices, resolve_scope
from prescarbon.tables.products import FACTORS

GRAM = 0.001
NAMED = 3  # practices, factors or presentations that a sentence names
SETTINGS = ("scope", "factor_set", "gwp_basis", "brand_mix", "base_months")  # those that a kilogram depends on
ROW = ["month", "practice_code", "bnf_code", "reads_as"]
SPEND = "spend"


@dataclass(frozen=True)
class World:
    """The footprint as it would be at one step of the way back, and what the step put back, in words.

    footprint  table FOOTPRINT
    words      "gwp_basis was AR5, is AR6"; of the first world, which is this run, empty
    by         the column whose values name what moved: practices, factors or presentations
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
    hashes = _hashes(before)
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
    config, reference, own = evidence.config, evidence.reference, evidence.config.settings()
    old_settings = {key: before[key] for key in SETTINGS[1:3] if key in before} | dict(before.get("settings", {}))
    changed = [key for key in SETTINGS if key in old_settings and old_settings[key] != own[key]]
    words = {key: f"{key} was {_shown(old_settings[key])}, is {_shown(own[key])}" for key in changed}
    rows = _table(last, "footprint")
    old = _config_of(config, old_settings, changed)
    activity = _activity_then(rows, before, evidence, old if "scope" in changed else config)
    if activity is not None:
        prices = base_prices(activity.lazy(), config.base_months)
        footprint = footprint_of(activity, reference, evidence.factors, evidence.spend, prices)
        yield World(footprint, words.get("scope", "the scope holds other practices"), by="practice_code")
    else:
        activity = evidence.activity
    for done, key in enumerate(changed, start=1):
        if key != "scope":
            config = _config_of(config, old_settings, changed[:done])
            prices = base_prices(activity.lazy(), config.base_months)
            yield World(footprint_of(activity, reference, *run_factors(reference, config), prices), words[key])
    prices, why = _prices_then(rows, before, evidence, config, activity)
    factors, spend = run_factors(reference, config)
    yield World(footprint_of(activity, reference, factors, spend, prices), why)
    kept = _table(last, "factors")
    if kept is not None:
        is_spend, then = pl.col("factor_set") == SPEND, FACTORS.admit(kept.lazy())
        footprint = footprint_of(activity, reference, then.filter(~is_spend), then.filter(is_spend), prices)
        yield World(footprint, "factors changed", by="factor_id")
    if rows is not None:
        what = "products" if kept is not None else "factors, products"
        yield World(rows, f"{what} or readings of quantities changed", by="bnf_code")


def _activity_then(
    rows: pl.DataFrame | None, before: Mapping[str, Any], evidence: Evidence, config: Config
) -> pl.DataFrame | None:
    """Table ACTIVITY of this run's months for the earlier run's practices; None where they are the same or not known.

    rows    the earlier table FOOTPRINT: a month of the same content that lacks a practice, or has one more, was told
            of other practices
    config  with the earlier scope, asked where there is no table
    """
    home, reference, mine = evidence.config.home, evidence.reference, evidence.activity
    if rows is None:
        if config.scope == evidence.config.scope:
            return None
        if before.get("scope") == EVERYONE:
            return activity_of(home, reference, evidence.months, None)
        try:
            codes = resolve_scope(config, reference, read_practices(home, reference)).codes
        except PrescarbonError:  # a list of codes that is gone: the difference stays named as not recomputed
            return None
        return activity_of(home, reference, evidence.months, codes)
    hashes = _hashes(before)
    steady = [day for day, m in zip(evidence.months, evidence.manifests, strict=True) if hashes.get(m.month) == m.hash]
    then, now = (set(frame.filter(pl.col("month").is_in(steady))["practice_code"]) for frame in (rows, mine))
    if then == now:
        return None
    gone = activity_of(home, reference, evidence.months, sorted(then - now))
    return pl.concat([mine.filter(~pl.col("practice_code").is_in(now - then)), gone])


def _prices_then(
    rows: pl.DataFrame | None, before: Mapping[str, Any], evidence: Evidence, config: Config, activity: pl.DataFrame
) -> tuple[pl.LazyFrame, str]:
    """Constant prices of the earlier run as `base_prices` gives them, and why this run's may be others."""
    months = [date.fromisoformat(f"{month}-01") for month in before.get("months", ())]
    why = "constant prices: a month of the base period was published again"
    if months and months[0] != evidence.months[0]:
        was, now = (f"{m:%B %Y}" for m in (months[0], evidence.months[0]))
        why = f"constant prices: the base period began in {was}, begins in {now}"
        if rows is None:
            rows = activity_of(evidence.config.home, evidence.reference, months, evidence.scope.codes)
    return base_prices((activity if rows is None else rows).lazy(), config.base_months), why


def _parts(worlds: list[World], month: str, what: str, *, is_again: bool) -> Iterator[tuple[float, str]]:
    """(kg, words) of each step that moved the month."""
    for later, earlier in pairwise(worlds):
        moved = _difference(later.footprint, earlier.footprint, month, what)
        kg = float(moved["kg"].sum())
        if abs(kg) < GRAM:
            continue
        words = earlier.words
        if earlier.by == "bnf_code":
            words = "the month was published again" if is_again else words
        if earlier.by:
            names = _largest(moved, earlier.by)
            words = f"{words}: {names}"
        yield kg, words


def _difference(later: pl.DataFrame, earlier: pl.DataFrame, month: str, what: str) -> pl.DataFrame:
    """Row by row: practice_code, bnf_code, factor_id, kg (later minus earlier) of one month."""
    keep = (pl.col("month").dt.strftime("%Y-%m") == month) & (IS_INHALER if what == "inhalers" else pl.lit(value=True))
    columns = [*(pl.col(c).cast(pl.String) if c == "reads_as" else pl.col(c) for c in ROW), "kg_co2e", "factor_id"]
    now, then = (frame.filter(keep).select(columns) for frame in (later, earlier))
    both = now.join(then, on=ROW, how="full", coalesce=True, suffix="_then", nulls_equal=True)
    return both.select(
        "practice_code",
        "bnf_code",
        pl.coalesce("factor_id", "factor_id_then").alias("factor_id"),
        kg=pl.col("kg_co2e").fill_null(0) - pl.col("kg_co2e_then").fill_null(0),
    )


def _largest(moved: pl.DataFrame, by: str) -> str:
    """The practices, factors or presentations that moved most, and by how much."""
    summed = moved.group_by(by).agg(pl.col("kg").sum()).filter(pl.col("kg").abs() >= GRAM)
    ordered = summed.sort(pl.col("kg").abs(), by, descending=[True, False])
    named = [f"{code} {float(kg):+,.1f}" for code, kg in ordered.head(NAMED).iter_rows()]
    more = ordered.height - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _config_of(config: Config, old: Mapping[str, Any], keys: Sequence[str]) -> Config:
    """The configuration with these settings as they were."""
    return config_from_settings(config.settings() | {key: old[key] for key in keys}, config.home, config.out)


def _hashes(before: Mapping[str, Any]) -> dict[str, str]:
    """Month → hash of the file that the earlier run read."""
    return {row["month"]: row["hash"] for row in before.get("inputs", ())}


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
