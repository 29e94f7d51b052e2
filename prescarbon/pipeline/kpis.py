"""KPIs with their targets, series and returns."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.measures.kpis import draw_trajectory, gather_kpis, newest_signals
from prescarbon.model.measures.trend import dispensing_days, per_dispensing_day
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.memberships import GROUP, LEVELS, PLACE
from prescarbon.pipeline.series import _measures, _values, _with_drawn_intervals, monthly_values, signals_of
from prescarbon.pipeline.trends import YEAR
from prescarbon.reference.files import read_typed
from prescarbon.reference.measures import read_measures
from prescarbon.report.views.parts import Series, SignalPoint
from prescarbon.tables.measures import KPIS, TARGETS

SIGNAL_KEYS = ("month", "value", "centre", "lower", "upper", "signal", "break_words")


def kpi_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Table KPI_VALUES of the whole scope plus target_words and unit, with the returns that were sent in."""
    rows = kpis(evidence.config, level=GROUP, evidence=evidence, returns=evidence.config.kpi_returns)
    folder = evidence.reference.root / "targets"
    words = dict(read_typed(folder / "targets.csv", TARGETS.schema).select("target_id", "words").collect().iter_rows())
    units = {m.id: m.unit for m in read_measures(evidence.reference.root)}
    listed = read_typed(folder / "kpis.csv", KPIS.schema).select("kpi_id", "target_id", "measure_id").collect()
    about = {
        kpi: {"target_words": words.get(target), "unit": units.get(measure, "")}
        for kpi, target, measure in listed.iter_rows()
    }
    return [row | about[row["kpi_id"]] for row in rows]


def kpi_series(evidence: Evidence) -> Iterator[Series]:
    """The monthly series with limits behind every measured KPI, sums per dispensing day."""
    listed = read_typed(evidence.reference.root / "targets" / "kpis.csv", KPIS.schema).drop_nulls("measure_id")
    known = {m.id: m for m in read_measures(evidence.reference.root)}
    titles = dict(listed.select("measure_id", "title").collect().iter_rows())
    measures = [known[m] for m in titles]
    monthly = monthly_values(evidence, measures, GROUP).drop("period_start", "period_end")
    series = per_dispensing_day(monthly, dispensing_days(evidence.months[0], evidence.months[-1])).collect().lazy()
    for measure in measures:
        rows = signals_of(series.filter(pl.col("measure_id") == measure.id), measure, len(evidence.months)).collect()
        value = "value" if measure.denominator else "value_per_day"
        unit = measure.unit if measure.denominator else f"{measure.unit} a dispensing day"
        known_months = {row["month"]: row for row in rows.to_dicts()}
        if any(row[value] is not None for row in known_months.values()):
            points = (_point(month, known_months.get(month), value) for month in evidence.months)
            yield Series(measure.id, titles[measure.id], unit, tuple(points))


def _point(month: date, row: Mapping[str, Any] | None, value: str) -> SignalPoint:
    if row is None:
        return SignalPoint(month, None, None, None, None, None, None)
    return SignalPoint(month, row[value], *(row[key] for key in SIGNAL_KEYS[2:]))


def kpis(
    config: Config,
    *,
    level: str = "icb",
    last_month: date | None = None,
    returns: Path | None = None,
    evidence: Evidence | None = None,
) -> list[dict[str, Any]]:
    """Every KPI of the organisations of a level in scope: measured and held against its target, or awaiting a return.

    returns  CSV: organisation_code, level, period_start, period_end, kpi_id, value (what somebody sent in)

    Raises:
        InputError: no such level, or the returns file is wrong.
    """
    if level not in (*LEVELS, PLACE, GROUP):
        raise InputError(f"{level!r} is no level.", remedy=f"Levels: {', '.join((*LEVELS, PLACE))}.")
    evidence = evidence or gather(config, last_month=last_month)
    folder = evidence.reference.root / "targets"
    listed, targets = read_typed(folder / "kpis.csv", KPIS.schema), read_typed(folder / "targets.csv", TARGETS.schema)
    wanted = (
        listed.select(pl.col("measure_id").drop_nulls().unique(maintain_order=True)).collect()["measure_id"].to_list()
    )
    measures = _measures(evidence, wanted)
    period = evidence.months[-YEAR:]
    values = _with_drawn_intervals(
        evidence, _values(evidence, measures, level, [(period[0], period[-1])]), level, period
    )
    monthly = per_dispensing_day(
        monthly_values(evidence, measures, level).drop("period_start", "period_end"),
        dispensing_days(evidence.months[0], evidence.months[-1]),
    ).collect()
    signals = pl.concat(
        signals_of(monthly.lazy().filter(pl.col("measure_id") == m.id), m, len(evidence.months)).collect()
        for m in measures
    )
    trajectory = draw_trajectory(
        targets, _baselines(evidence, targets, level), pl.LazyFrame({"month": [period[-1]]}, schema={"month": pl.Date})
    )
    sent = None
    if returns:
        sent = read_typed(
            returns,
            {
                "organisation_code": pl.String, "level": pl.String, "period_start": pl.Date, "period_end": pl.Date,
                "kpi_id": pl.String, "value": pl.Float64,
            },
        )  # fmt: skip
    return gather_kpis(listed, values, targets, trajectory, newest_signals(signals.lazy()), sent).collect().to_dicts()


def _baselines(evidence: Evidence, targets: pl.LazyFrame, level: str) -> pl.LazyFrame:
    """organisation_code, level, target_id, baseline: only where every month of the baseline is loaded."""
    found = []
    for target in (
        targets.filter(pl.col("baseline_start").is_not_null() & pl.col("measure_id").is_not_null()).collect().to_dicts()
    ):
        months = pl.date_range(target["baseline_start"], target["baseline_end"], "1mo", eager=True).to_list()
        if set(months) <= set(evidence.months):
            values = _values(evidence, _measures(evidence, [target["measure_id"]]), level, [(months[0], months[-1])])
            found.append(
                values.select(
                    "organisation_code", "level", pl.lit(target["target_id"]).alias("target_id"), baseline="value"
                )
            )
    schema = {"organisation_code": pl.String, "level": pl.String, "target_id": pl.String, "baseline": pl.Float64}
    return pl.concat([frame.cast({"level": pl.String}) for frame in found]) if found else pl.LazyFrame(schema=schema)
