"""KPIs: each measured and held against its target, with its monthly series, or waiting for a return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import polars as pl

from prescarbon.config import Config
from prescarbon.model.activity import IS_INHALER
from prescarbon.model.footprint import at_one_mix
from prescarbon.model.measures.definition import Measure
from prescarbon.model.measures.kpis import draw_trajectory, gather_kpis, newest_signals
from prescarbon.model.period import Period
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.memberships import ALL_LEVELS, check_level
from prescarbon.pipeline.series import ENDS, PARTS, chosen_measures, daily_values, period_values, signals_of, whole_only
from prescarbon.tables.measures import MEASURE_VALUES

ORGANISATION_SCHEMA = {"organisation_code": pl.String, "level": pl.String}
NEWEST_SCHEMA = {
    "organisation_code": pl.String,
    "level": MEASURE_VALUES.schema["level"],
    "measure_id": pl.String,
    "signal": pl.String,
    "meaning": pl.String,
}
BASELINE_SCHEMA = {**ORGANISATION_SCHEMA, "target_id": pl.String, "baseline": pl.Float64}
SHARE_SCHEMA = {**ORGANISATION_SCHEMA, "target_id": pl.String, "low_part": pl.Float64, "high_part": pl.Float64}
LACKING_SCHEMA = {"target_id": pl.String, "lacks": pl.String}


class Baseline(NamedTuple):
    """A target's baseline, held whole."""

    target_id: str
    measure_id: str
    months: tuple[date, ...]


@dataclass(frozen=True)
class Kpis:
    """The KPIs of one level.

    rows      table KPI_VALUES, in the order of the KPIs
    about     kpi_id → target_words and unit
    measures  title of the KPI and its measure, in the same order
    signals   measure_id → its monthly series with limits and signals, one row an organisation and month, over more months
              than the run's where limits or baselines need them
    """

    rows: tuple[dict[str, Any], ...]
    about: Mapping[str, Mapping[str, Any]]
    measures: tuple[tuple[str, Measure], ...]
    signals: Mapping[str, pl.DataFrame]


def kpis_of(config: Config, *, level: str = "icb", last_month: date | None = None) -> Kpis:
    """The KPIs of the organisations of a level in scope, from the store.

    Raises:
        InputError: no such level, nothing is loaded, or the returns file is wrong.
    """
    check_level(level, ALL_LEVELS)
    return held_against_targets(gather(config, last_month=last_month), level)


def held_against_targets(evidence: Evidence, level: str) -> Kpis:
    """Every KPI of the organisations of a level: measured and judged, or awaiting a return; returns are the config's."""
    reference = evidence.reference
    listed, targets = reference.kpis, reference.targets
    ids = listed.select(pl.col("measure_id").drop_nulls().unique(maintain_order=True)).collect()["measure_id"]
    measures = chosen_measures(evidence, ids)
    longer = evidence.longer
    daily = daily_values(longer, measures, level).lazy()
    aims = listed.join(targets, on="target_id").filter(pl.col("status") == "current")
    better = dict(aims.select("measure_id", pl.col("direction").cast(pl.String)).collect().iter_rows())
    signals = {
        m.id: signals_of(daily.filter(pl.col("measure_id") == m.id), m, better.get(m.id)).collect() for m in measures
    }
    is_newest = pl.col("month") == evidence.period.last  # what an older month said is no news
    newest = [newest_signals(series.lazy().filter(is_newest)) for series in signals.values()]
    now = pl.LazyFrame({"month": [evidence.period.last]}, schema={"month": pl.Date})
    whole, lacking = _baselines_held(longer, targets)
    # a target is judged at one mix of brands, that of now: a step of the assumption is no change of prescribing
    footprint = at_one_mix(longer.footprint.lazy(), longer.factors, evidence.period.last).collect()
    at_mix = replace(longer, footprint=footprint)
    found = gather_kpis(
        listed,
        period_values(evidence, measures, level),
        targets,
        draw_trajectory(targets, _baselines(at_mix, whole, level), now),
        pl.concat([pl.LazyFrame(schema=NEWEST_SCHEMA), *newest]),
        _shares(at_mix, evidence.period, whole, level),
        lacking,
        reference.kpi_returns,
    )
    columns = ["kpi_id", "title", "target_id", "measure_id"]
    words = targets.select("target_id", target_words="words")
    known = listed.select(columns).join(words, on="target_id", how="left", maintain_order="left").collect().to_dicts()
    of_id = {m.id: m for m in measures}
    about = {
        row["kpi_id"]: {
            "target_words": row["target_words"],
            "unit": of_id[row["measure_id"]].unit if row["measure_id"] else "",
        }
        for row in known
    }
    titled = {row["measure_id"]: row["title"] for row in known}
    return Kpis(tuple(found.collect().to_dicts()), about, tuple((titled[m.id], m) for m in measures), signals)


def _baselines_held(evidence: Evidence, targets: pl.LazyFrame) -> tuple[list[Baseline], pl.LazyFrame]:
    """The baselines of which every month is held; and target_id, lacks: how much of each other one is."""
    dated = pl.col("baseline_start").is_not_null() & pl.col("measure_id").is_not_null()
    whole, lacking = [], []
    for target in targets.filter(dated).collect().to_dicts():
        months = pl.date_range(target["baseline_start"], target["baseline_end"], "1mo", eager=True).to_list()
        held = len(set(months) & set(evidence.months))
        if held == len(months):
            whole.append(Baseline(target["target_id"], target["measure_id"], tuple(months)))
        else:
            lacking.append((target["target_id"], f"baseline months not held ({held} of {len(months)})"))
    return whole, pl.LazyFrame(lacking, LACKING_SCHEMA, orient="row")


def _baselines(evidence: Evidence, whole: Sequence[Baseline], level: str) -> pl.LazyFrame:
    """organisation_code, level, target_id, baseline; null where the organisation did not report in a month of it."""
    found = [pl.LazyFrame(schema=BASELINE_SCHEMA)]
    for target_id, measure_id, months in whole:
        measure = chosen_measures(evidence, [measure_id])
        values = whole_only(evidence.measure(measure, [level], [(months[0], months[-1])]).lazy())
        row = values.select("organisation_code", pl.col("level").cast(pl.String), baseline="value")
        found.append(row.with_columns(target_id=pl.lit(target_id)).select(list(BASELINE_SCHEMA)))
    return pl.concat(found)


def _shares(longer: Evidence, year: Period, whole: Sequence[Baseline], level: str) -> pl.LazyFrame:
    """organisation_code, level, target_id, low_part, high_part: of kg of the year ÷ kg in the baseline, both in one draw."""
    members = longer.members_then.filter(pl.col("level") == level)
    part_of = {measure: part for part, measures in PARTS.items() for measure in measures}
    found = [pl.LazyFrame(schema=SHARE_SCHEMA)]
    for target_id, measure_id, months in whole:
        if measure_id in part_of:
            is_part = IS_INHALER if part_of[measure_id] == "inhalers" else ~IS_INHALER
            then, now = (pl.col("month").is_in(m) for m in (months, year.held))
            period = pl.when(now).then(pl.lit("after")).when(then).then(pl.lit("before"))
            rows = longer.footprint.lazy().filter(is_part, then | now).with_columns(period=period)
            share = longer.shares(rows.join(members, on=["practice_code", "month"]), list(ORGANISATION_SCHEMA)).lazy()
            ends = (
                (pl.col(f"share_{end}") / pl.when(pl.col("share") > 0).then("share")).alias(f"{end}_part")
                for end in ENDS
            )
            found.append(share.with_columns(*ends, target_id=pl.lit(target_id)).select(list(SHARE_SCHEMA)))
    return pl.concat(found)
