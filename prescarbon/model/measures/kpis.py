"""Commitments, targets, trajectories: where an organisation stands, judged on its interval and its SPC signal.

Targets conflict between sources, so each is a dated row of reference/targets/targets.csv with its source; retired ones
stay as marks to look at and are never judged. A trajectory is the straight line from the baseline, at the end of its
period, to the target at its end; before the one it does not exist, after the other it stays level.

Ahead: the whole interval lies on the good side of the trajectory. Behind: on the bad side. On: the interval holds the
trajectory and is no wider than what the trajectory moves in a year, so that at most a year's pace is left open. Ahead and
behind wait while the newest month of the series signals the other way. Anything else cannot be told, and `because` says
why. For a change from a baseline the interval is that of now ÷ then with both in the same draw of the factors.
"""

import polars as pl

from prescarbon.tables.measures import KPI_VALUES, TRACKS
from prescarbon.tables.schema import MONTHS_IN_YEAR

ORGANISATION = ["organisation_code", "level"]
DAYS_A_YEAR = 365.25


def draw_trajectory(targets: pl.LazyFrame, baselines: pl.LazyFrame, months: pl.LazyFrame) -> pl.LazyFrame:
    """Each target's line for each organisation.

    targets    table TARGETS
    baselines  organisation_code, level, target_id, baseline: the measure's value over the baseline period
    months     month: the months wanted
    returns    organisation_code, level, target_id, month, baseline?, target, expected, pace (how far it moves in a year;
               0 for a level line and after its end); sorted. No rows for a target that
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
        .with_columns(
            expected=pl.when(pl.col("baseline_end").is_null()).then("target").otherwise(expected),
            pace=pl.when(gone < whole).then((pl.col("target") - pl.col("baseline")).abs() / whole * DAYS_A_YEAR),
        )
        .with_columns(pl.col("pace").fill_null(0.0))
        .select(*ORGANISATION, "target_id", "month", "baseline", "target", "expected", "pace")
        .sort(*ORGANISATION, "target_id", "month")
    )


def newest_signals(signals: pl.LazyFrame) -> pl.LazyFrame:
    """organisation_code, level, measure_id, signal?, meaning?: what the last point of each monthly series says.

    signals  the answer of `spc.find_signals` over organisation_code, level and measure_id
    """
    keys = [*ORGANISATION, "measure_id"]
    last = signals.filter(pl.col("points").is_not_null()).sort(*keys, "month").group_by(keys)
    return last.agg(pl.col("signal", "meaning").last()).sort(keys)


def judge_track() -> list[pl.Expr]:
    """`track` and `because`.

    From low and high (those judged), expected, pace, better ("lower" or "higher"), meaning (of the newest signal) and
    reason (why there is nothing to judge; null where there is).
    """
    is_lower = pl.col("better") == "lower"
    low, high, expected = pl.col("judged_low"), pl.col("judged_high"), pl.col("expected")
    ahead = pl.when(is_lower).then(high < expected).otherwise(low > expected)
    behind = pl.when(is_lower).then(low > expected).otherwise(high < expected)
    is_narrow = high - low <= pl.col("pace")
    signal = pl.col("meaning").fill_null("")
    against = (ahead & (signal == "concern")) | (behind & (signal == "improvement"))
    reason = (
        pl.when(pl.col("reason").is_not_null())
        .then("reason")
        .when(against)
        .then(pl.format("the newest month signals {}, against the interval", pl.col("meaning")))
        .when(~ahead & ~behind & ~is_narrow)
        .then(pl.lit("the interval spans the trajectory and is wider than a year of it"))
    )
    track = (
        pl.when(reason.is_not_null())
        .then(pl.lit("cannot tell"))
        .when(ahead)
        .then(pl.lit("ahead"))
        .when(behind)
        .then(pl.lit("behind"))
        .otherwise(pl.lit("on"))
    )
    return [track.cast(TRACKS).alias("track"), reason.alias("because")]


def _reason() -> pl.Expr:
    """Why nothing can be judged, the first that holds; null where something can."""
    return pl.coalesce(
        pl.when(pl.col("value").is_null()).then(
            pl.when(pl.col("measure_id").is_null()).then(pl.lit("a return is awaited")).otherwise(pl.lit("not known"))
        ),
        pl.when(pl.col("target_id").is_null()).then(pl.lit("no source sets a target")),
        pl.when(pl.col("is_current").eq_missing(other=False)).then(
            pl.format("the target is not in force: {}", pl.col("target_status"))
        ),
        pl.when(~pl.col("has_line")).then(pl.lit("the target draws no line")),
        pl.when(pl.col("lacks").is_not_null()).then("lacks"),
        pl.when("is_short").then(pl.format("the year is not whole: {} of 12 months", pl.col("months_held"))),
        pl.when(pl.col("expected").is_null()).then(pl.lit("no value in the baseline, or the line begins later")),
    )


def gather_kpis(
    kpis: pl.LazyFrame,
    values: pl.LazyFrame,
    targets: pl.LazyFrame,
    trajectory: pl.LazyFrame,
    signals: pl.LazyFrame,
    shares: pl.LazyFrame,
    lacking: pl.LazyFrame,
    returns: pl.LazyFrame | None = None,
) -> pl.LazyFrame:
    """Every KPI of every organisation, measured or waiting.

    kpis        table KPIS
    values      rows of table MEASURE_VALUES for the year reported: organisation_code, level, period_start, period_end,
                measure_id, value, low, high, months_held. Where low and high are null the measure has no factor error and its
                value serves for both; a year that is not whole is not judged
    targets     table TARGETS
    trajectory  the answer of `draw_trajectory`, for the months that are a period_end
    signals     the answer of `newest_signals`
    shares      organisation_code, level, target_id, low_part, high_part: the ends of kg now ÷ kg in the baseline as shares
                of its central value, both periods in one draw. Where there is none the value's own ends are judged
    lacking     target_id, lacks: why a target's baseline is not whole; no row where it is
    returns     values somebody sent in: organisation_code, level, period_start, period_end, kpi_id, value
    gives       table KPI_VALUES in the order of `kpis`; a KPI nobody has measured has one row without organisation,
                value or judgement: it is never 0. Its status is `not known` where a measure exists, else
                `awaiting return`
    """
    listed = kpis.with_row_index("place")
    measured = listed.join(values.with_columns(pl.col("level").cast(pl.String)), on="measure_id").select(
        *_listed_columns(),
        *ORGANISATION,
        "period_start",
        "period_end",
        "months_held",
        *_numbers("value", "low", "high"),
    )
    sent = []
    if returns is not None:
        sent = [
            listed.join(returns.with_columns(pl.col("level").cast(pl.String)), on="kpi_id").select(
                *_listed_columns(), *ORGANISATION, "period_start", "period_end", *_numbers("value", "value", "value")
            )
        ]
    known = pl.concat([measured, *sent], how="diagonal").filter(pl.col("value").is_not_null())
    waiting = listed.join(known, on="kpi_id", how="anti").select(_listed_columns())
    aims = targets.select(
        "target_id",
        better=pl.col("direction").cast(pl.String),
        is_current=pl.col("status") == "current",
        target_status=pl.col("status").cast(pl.String),
        has_line=pl.col("target_end").is_not_null(),
        target_source_id="source_id",
    )
    lines = trajectory.rename({"month": "period_end"}).with_columns(pl.col("level").cast(pl.String))
    told = signals.with_columns(pl.col("level").cast(pl.String))
    from_baseline = pl.col("baseline").is_not_null()
    share = pl.when(from_baseline & (pl.col("baseline") != 0)).then(pl.col("value") / pl.col("baseline"))
    is_short = (pl.col("months_held") < MONTHS_IN_YEAR).fill_null(value=False)
    return (
        pl.concat([known, waiting], how="diagonal")
        .join(aims, on="target_id", how="left", validate="m:1")
        .join(lines, on=[*ORGANISATION, "target_id", "period_end"], how="left", validate="m:1")
        .join(told, on=[*ORGANISATION, "measure_id"], how="left", validate="m:1")
        .join(shares, on=[*ORGANISATION, "target_id"], how="left", validate="m:1")
        .join(lacking, on="target_id", how="left", validate="m:1")
        .with_columns(share_of_baseline=share, is_short=is_short)
        .with_columns(
            *(
                pl.when(from_baseline)
                .then(pl.coalesce(pl.col("value") * pl.col(f"{end}_part"), end))
                .otherwise(end)
                .alias(f"judged_{end}")
                for end in ("low", "high")
            ),
            *((pl.col("share_of_baseline") * pl.col(f"{end}_part")).alias(f"share_{end}") for end in ("low", "high")),
            reason=_reason(),
            status=pl.when(pl.col("value").is_null() & pl.col("measure_id").is_not_null())
            .then(pl.lit("not known"))
            .when(pl.col("value").is_null())
            .then(pl.lit("awaiting return"))
            .otherwise(pl.lit("measured"))
            .cast(KPI_VALUES.schema["status"]),
        )
        .with_columns(judge_track())
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
