"""KPIs: each measured and held against its target, with its monthly series, or waiting for a return."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.model.measures.definition import Measure
from prescarbon.model.measures.kpis import draw_trajectory, gather_kpis, newest_signals
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.memberships import ALL_LEVELS, check_level
from prescarbon.pipeline.series import chosen_measures, daily_values, period_values, signals_of
from prescarbon.tables.measures import MEASURE_VALUES

NEWEST_SCHEMA = {
    "organisation_code": pl.String,
    "level": MEASURE_VALUES.schema["level"],
    "measure_id": pl.String,
    "signal": pl.String,
    "direction": pl.Int64,
}
BASELINE_SCHEMA = {"organisation_code": pl.String, "level": pl.String, "target_id": pl.String, "baseline": pl.Float64}


@dataclass(frozen=True)
class Kpis:
    """The KPIs of one level.

    rows      table KPI_VALUES, in the order of the KPIs
    about     kpi_id → target_words and unit
    measures  title of the KPI and its measure, in the same order
    signals   measure_id → its monthly series with limits and signals, one row an organisation and month
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
    daily = daily_values(evidence, measures, level).lazy()
    signals = {
        m.id: signals_of(daily.filter(pl.col("measure_id") == m.id), m, len(evidence.months)).collect()
        for m in measures
    }
    newest = [newest_signals(series.lazy()) for series in signals.values()]
    now = pl.LazyFrame({"month": [evidence.period.last]}, schema={"month": pl.Date})
    found = gather_kpis(
        listed,
        period_values(evidence, measures, level),
        targets,
        draw_trajectory(targets, _baselines(evidence, targets, level), now),
        pl.concat([pl.LazyFrame(schema=NEWEST_SCHEMA), *newest]),
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


def _baselines(evidence: Evidence, targets: pl.LazyFrame, level: str) -> pl.LazyFrame:
    """organisation_code, level, target_id, baseline: only where every month of the baseline is loaded."""
    dated = pl.col("baseline_start").is_not_null() & pl.col("measure_id").is_not_null()
    found = [pl.LazyFrame(schema=BASELINE_SCHEMA)]
    for target in targets.filter(dated).collect().to_dicts():
        months = pl.date_range(target["baseline_start"], target["baseline_end"], "1mo", eager=True).to_list()
        if set(months) <= set(evidence.months):
            measure = chosen_measures(evidence, [target["measure_id"]])
            values = evidence.measure(measure, [level], [(months[0], months[-1])]).lazy()
            row = values.select("organisation_code", pl.col("level").cast(pl.String), baseline="value")
            found.append(row.with_columns(target_id=pl.lit(target["target_id"])).select(list(BASELINE_SCHEMA)))
    return pl.concat(found)
