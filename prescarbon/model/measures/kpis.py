"""Commitments, targets, trajectories: where an organisation stands, judged on its interval and its SPC signal.

Targets conflict between sources, so each is a dated row of reference/targets/targets.csv with its source; retired ones
stay as marks to look at and are never judged. A trajectory is the straight line from the baseline, at the end of its
period, to the target at its end; before the one it does not exist, after the other it stays level.

On track: the whole interval lies on the good side of the trajectory and the newest SPC signal does not point the bad
way. Not on track: the whole interval lies on the bad side and the newest signal does not point the good way. Anything
else is not clear; without a trajectory, or for a target that is not current, there is no judgement.
"""

import polars as pl

from prescarbon.tables.measures import KPI_VALUES, TRACKS

ORGANISATION = ["organisation_code", "level"]


def draw_trajectory(targets: pl.LazyFrame, baselines: pl.LazyFrame, months: pl.LazyFrame) -> pl.LazyFrame:
    """Each target's line for each organisation.

    targets    table TARGETS
    baselines  organisation_code, level, target_id, baseline: the measure's value over the baseline period
    months     month: the months wanted
    returns    organisation_code, level, target_id, month, baseline?, target, expected; sorted. No rows for a target that
               is yearly, has no end, or asks for a change from a baseline that is not loaded. A target value without
               a baseline period is a level line: its row in `baselines` has a null baseline
    """
    goal = pl.coalesce("target_value", pl.col("baseline") * (1 + pl.col("change_share")))
    whole = (pl.col("target_end") - pl.col("baseline_end")).dt.total_days()
    gone = (pl.col("month") - pl.col("baseline_end")).dt.total_days()
    expected = pl.col("baseline") + (pl.col("target") - pl.col("baseline")) * (gone / whole).clip(0, 1)
    return (
        targets.filter(pl.col("target_end").is_not_null())
        .join(baselines, on="target_id")
        .with_columns(target=goal)
        .filter(pl.col("target").is_not_null())
        .join(months.select("month").unique(), how="cross")
        .filter(pl.col("baseline_end").is_null() | (pl.col("month") >= pl.col("baseline_end")))
        .with_columns(expected=pl.when(pl.col("baseline_end").is_null()).then("target").otherwise(expected))
        .select(*ORGANISATION, "target_id", "month", "baseline", "target", "expected")
        .sort(*ORGANISATION, "target_id", "month")
    )


def newest_signals(signals: pl.LazyFrame) -> pl.LazyFrame:
    """organisation_code, level, measure_id, signal?, direction?: what the last point of each monthly series says.

    signals  the answer of `trend.find_signals` over organisation_code, level and measure_id
    """
    keys = [*ORGANISATION, "measure_id"]
    last = signals.filter(pl.col("points").is_not_null()).sort(*keys, "month").group_by(keys)
    return last.agg(pl.col("signal", "direction").last()).sort(keys)


def judge_track() -> pl.Expr:
    """`track` from low, high, expected, better ("lower" or "higher"), direction (of the signal) and is_current."""
    is_lower = pl.col("better") == "lower"
    all_good = (
        pl.when(is_lower).then(pl.col("high") <= pl.col("expected")).otherwise(pl.col("low") >= pl.col("expected"))
    )
    all_bad = pl.when(is_lower).then(pl.col("low") > pl.col("expected")).otherwise(pl.col("high") < pl.col("expected"))
    way = pl.col("direction").fill_null(0) * pl.when(is_lower).then(-1).otherwise(1)
    can_judge = pl.col("is_current") & pl.all_horizontal(pl.col("low", "high", "expected", "better").is_not_null())
    return (
        pl.when(~can_judge.fill_null(value=False))
        .then(pl.lit("no judgement"))
        .when(all_good & (way >= 0))
        .then(pl.lit("on track"))
        .when(all_bad & (way <= 0))
        .then(pl.lit("not on track"))
        .otherwise(pl.lit("not clear"))
        .cast(TRACKS)
        .alias("track")
    )


def gather_kpis(
    kpis: pl.LazyFrame,
    values: pl.LazyFrame,
    targets: pl.LazyFrame,
    trajectory: pl.LazyFrame,
    signals: pl.LazyFrame,
    returns: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Every KPI of every organisation, measured or waiting.

    kpis        table KPIS
    values      rows of table MEASURE_VALUES for the period reported: organisation_code, level, period_start, period_end,
                measure_id, value, low, high. Where low and high are null the measure has no factor error and its value
                serves for both. For a target that is a change of kilograms low and high should be the baseline × the
                interval of kg now ÷ kg then in one draw: the factor error that both periods share must not blur it
    targets     table TARGETS
    trajectory  the answer of `draw_trajectory`, for the months that are a period_end
    signals     the answer of `newest_signals`
    returns     values somebody sent in: organisation_code, level, period_start, period_end, kpi_id, value
    gives       table KPI_VALUES in the order of `kpis`; a KPI nobody has measured has one row without organisation,
                value or judgement: it is never 0. Its status is `not known` where a measure exists, else
                `awaiting return`
    """
    listed = kpis.with_row_index("place")
    measured = listed.join(values.with_columns(pl.col("level").cast(pl.String)), on="measure_id").select(
        *(c for c in _listed_columns()), *ORGANISATION, "period_start", "period_end", *_numbers("value", "low", "high")
    )
    sent = []
    if returns is not None:
        sent = [
            listed.join(returns.with_columns(pl.col("level").cast(pl.String)), on="kpi_id").select(
                *_listed_columns(), *ORGANISATION, "period_start", "period_end", *_numbers("value", "value", "value")
            )
        ]
    known = pl.concat([measured, *sent]).filter(pl.col("value").is_not_null())
    waiting = listed.join(known, on="kpi_id", how="anti").select(_listed_columns())
    aims = targets.select(
        "target_id",
        better=pl.col("direction").cast(pl.String),
        is_current=pl.col("status") == "current",
        target_source_id="source_id",
    )
    lines = trajectory.rename({"month": "period_end"}).with_columns(pl.col("level").cast(pl.String))
    told = signals.with_columns(pl.col("level").cast(pl.String))
    return (
        pl.concat([known, waiting], how="diagonal")
        .join(aims, on="target_id", how="left", validate="m:1")
        .join(lines, on=[*ORGANISATION, "target_id", "period_end"], how="left", validate="m:1")
        .join(told, on=[*ORGANISATION, "measure_id"], how="left", validate="m:1")
        .with_columns(
            judge_track(),
            status=pl.when(pl.col("value").is_null() & pl.col("measure_id").is_not_null())
            .then(pl.lit("not known"))
            .when(pl.col("value").is_null())
            .then(pl.lit("awaiting return"))
            .otherwise(pl.lit("measured"))
            .cast(KPI_VALUES.schema["status"]),
        )
        .sort("place", *ORGANISATION, "period_start")
        .select(KPI_VALUES.names)
    )


def _listed_columns() -> list[str]:
    return ["place", "kpi_id", "title", "measure_id", "target_id"]


def _numbers(value: str, low: str, high: str) -> list[pl.Expr]:
    centre = pl.col(value).cast(pl.Float64)
    ends = (
        pl.col(name).cast(pl.Float64).fill_null(centre).alias(alias) for name, alias in ((low, "low"), (high, "high"))
    )
    return [centre.alias("value"), *ends]
