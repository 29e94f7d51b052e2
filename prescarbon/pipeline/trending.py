"""What moved and how it compares: trend with limits and signals, volume × mix × factor, peers, KPIs against targets."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config, parse_months
from prescarbon.errors import InputError
from prescarbon.model.change import split_change, split_change_by_product
from prescarbon.model.comparison import (
    funnel_of_means,
    funnel_of_proportions,
    judge_gate,
    nearest_peers,
    peer_traits,
    spread_by,
)
from prescarbon.model.kpis import draw_trajectory, gather_kpis, newest_signals
from prescarbon.model.measure_definitions import Measure
from prescarbon.model.measures import run_measures
from prescarbon.model.trend import dispensing_days, find_signals, last_year, per_dispensing_day, rolling_year
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.measuring import GROUP, LEVELS, PLACE, memberships
from prescarbon.reference_measures import read_measures
from prescarbon.reference_switches import read_typed
from prescarbon.source.organisations import read_practice_traits
from prescarbon.tables import KPIS, TARGETS

Funnel = Callable[[pl.LazyFrame, Sequence[str]], pl.LazyFrame]
YEAR = 12
BASELINE_POINTS = 24  # limits over a long slide lie in its middle: the first two years set them where there are more
INHALER_KG, OTHER_KG = ("kg_inhalers", "kg_inhalers_per_1000", "kg_per_inhaler"), ("kg_medicines",)
BY = ["organisation_code", "level", "measure_id"]


def monthly_values(evidence: Evidence, measures: Sequence[Measure], level: str) -> pl.LazyFrame:
    """Table MEASURE_VALUES plus `month`: every measure of every organisation of a level, each loaded month by itself."""
    return _values(evidence, measures, level, [(m, m) for m in evidence.months]).with_columns(month="period_end")


def period_values(evidence: Evidence, level: str, period: Sequence[date]) -> pl.DataFrame:
    """Table MEASURE_VALUES: every measure of every organisation of a level over one period, with the pages' intervals."""
    values = _values(evidence, read_measures(evidence.reference.root), level, [(period[0], period[-1])])
    drawn = _with_drawn_intervals(evidence, values, level, period)
    return drawn.sort("measure_id", "organisation_code").collect()


def _values(
    evidence: Evidence, measures: Sequence[Measure], level: str, periods: Sequence[tuple[date, date]]
) -> pl.LazyFrame:
    frame = pl.LazyFrame(periods, schema={"period_start": pl.Date, "period_end": pl.Date}, orient="row")
    values = run_measures(
        measures,
        evidence.footprint.lazy(),
        evidence.reference.products,
        memberships(evidence, level),
        evidence.list_sizes.lazy(),
        frame,
    )
    return values.collect().lazy()


def _measures(evidence: Evidence, wanted: Iterable[str]) -> list[Measure]:
    known = {m.id: m for m in read_measures(evidence.reference.root)}
    if odd := sorted(set(wanted) - known.keys()):
        raise InputError(f"there is no measure {', '.join(odd)}.", remedy="See `prescarbon measures list`.")
    return [known[w] for w in wanted]


def _everything(config: Config, last_month: date | None) -> Evidence:
    return gather(
        replace(config, scope=("all",), is_scope_given=True, coverage_floor=0.0), last_month=last_month, is_light=True
    )


def signals_of(series: pl.LazyFrame, measure: Measure, points: int) -> pl.LazyFrame:
    """The monthly series of one measure with limits, signals and its known breaks; sums are taken per dispensing day."""
    breaks = pl.LazyFrame(
        [(b.month, b.words, b.is_rebase) for b in measure.breaks],
        schema={"month": pl.Date, "words": pl.String, "is_rebase": pl.Boolean},
        orient="row",
    )
    value = "value" if measure.denominator else "value_per_day"
    baseline = BASELINE_POINTS if points > BASELINE_POINTS else None
    return find_signals(series, breaks, BY, value, baseline_points=baseline)


def trend(
    config: Config, measure: str, *, level: str, organisation: str | None = None, last_month: date | None = None
) -> list[dict[str, Any]]:
    """Month by month: value, per dispensing day for sums, rolling year, same month last year, limits, signals, breaks.

    Raises:
        InputError: no such measure, level or organisation.
    """
    evidence = _everything(config, last_month)
    (one,) = _measures(evidence, [measure])
    monthly = monthly_values(evidence, [one], level).filter(pl.col("level") == level)
    if organisation:
        monthly = monthly.filter(pl.col("organisation_code") == organisation)
    days = dispensing_days(evidence.months[0], evidence.months[-1])
    series = last_year(per_dispensing_day(monthly.drop("period_start", "period_end"), days), BY)
    found = signals_of(series, one, len(evidence.months)).join(
        rolling_year(monthly.select(*BY, "month", "numerator", "denominator"), BY).select(
            *BY, "month", "rolling_numerator", "rolling_denominator", "rolling_value"
        ),
        on=[*BY, "month"],
        how="left",
    )
    rows = found.sort("organisation_code", "month").collect().to_dicts()
    if not rows:
        raise InputError(
            f"no {level} {organisation or ''} is in the loaded months.", remedy="Check --level and the code."
        )
    return rows


def change(
    config: Config,
    *,
    level: str,
    organisation: str | None = None,
    before: str | None = None,
    after: str | None = None,
    by_product: bool = False,
) -> list[dict[str, Any]]:
    """Volume × mix × factor between two periods, adding up exactly; default the last twelve months and the twelve before.

    Inhalers of the configured scope; memberships of the last month.

    Raises:
        InputError: a period has no loaded month, or the organisation no rows.
    """
    if level not in LEVELS:
        raise InputError(f"{level!r} is no level.", remedy=f"Levels: {', '.join(LEVELS)}.")
    evidence = gather(config)
    months = evidence.months
    periods = {
        "before": _months_in(months, before) if before else months[-2 * YEAR : -YEAR],
        "after": _months_in(months, after) if after else months[-YEAR:],
    }
    if not all(periods.values()):
        raise InputError("a period has no loaded month.", remedy="Give --before and --after as 2024-01:2024-12.")
    members = evidence.practices.lazy().select("practice_code", organisation_code=LEVELS[level])
    inhalers = (
        evidence.footprint.lazy()
        .filter(pl.col("reads_as") != "not an inhaler")
        .with_columns(
            period=pl.when(pl.col("month").is_in(periods["before"]))
            .then(pl.lit("before"))
            .when(pl.col("month").is_in(periods["after"]))
            .then(pl.lit("after"))
        )
        .join(members, on="practice_code")
    )
    if organisation:
        inhalers = inhalers.filter(pl.col("organisation_code") == organisation)
    split = split_change_by_product if by_product else split_change
    rows = split(inhalers, ["organisation_code"], "before", "after").collect().to_dicts()
    if not rows:
        raise InputError(f"no {level} {organisation or ''} has rows in these periods.", remedy="Check the code.")
    names = {k: f"{v[0]:%Y-%m} to {v[-1]:%Y-%m}" for k, v in periods.items()}
    return [{"before": names["before"], "after": names["after"]} | row for row in rows]


def _months_in(months: Sequence[date], text: str) -> tuple[date, ...]:
    first, last = parse_months(text)
    return tuple(m for m in months if first <= m <= (last or months[-1]))


def compare(config: Config, measure: str, *, peers: str, last_month: date | None = None) -> list[dict[str, Any]]:
    """Each practice of the scope beside its peers over at most twelve months: value, limits, and a neutral verdict.

    peers  all (every practice in scope), pcn, or nearest (the ten most like it; the method is a column)

    Raises:
        InputError: no such measure or peers, or the measure is neither a share nor kg per inhaler.
    """
    evidence = gather(config, last_month=last_month)
    (one,) = _measures(evidence, [measure])
    period = evidence.months[-YEAR:]
    if measure == "kg_per_inhaler":
        rows = evidence.footprint.lazy().filter(
            pl.col("month").is_in(period) & (pl.col("reads_as") != "not an inhaler")
        )
        spread = spread_by(rows, ["practice_code"]).with_columns(judge_gate(pl.col("count")))
        funnel: Funnel = funnel_of_means
        values = spread.rename({"practice_code": "organisation_code"})
    elif one.denominator is not None and one.unit.startswith("share"):
        shares = _values(evidence, [one], "practice", [(period[0], period[-1])])
        values, funnel = shares.filter(pl.col("denominator").is_not_null()), funnel_of_proportions
    else:
        raise InputError(
            f"{measure} is no share and no mean, so no funnel fits it.", remedy="Use kg_per_inhaler or a share."
        )
    members = evidence.practices.lazy().select(organisation_code="practice_code", pcn="pcn_code")
    values = values.join(members, on="organisation_code")
    if peers == "all":
        found = funnel(values.with_columns(group=pl.lit("all")), ["group"])
    elif peers == "pcn":
        found = funnel(values.with_columns(group=pl.col("pcn").fill_null("no PCN")), ["group"])
    elif peers == "nearest":
        found = _beside_nearest(evidence, values, funnel)
    else:
        raise InputError(f"{peers!r} are no peers.", remedy="Use all, pcn or nearest.")
    names = evidence.practices.lazy().select("practice_name", organisation_code="practice_code")
    return found.join(names, on="organisation_code", how="left").sort("organisation_code").collect().to_dicts()


def _beside_nearest(evidence: Evidence, values: pl.LazyFrame, funnel: Funnel) -> pl.LazyFrame:
    """Each practice judged in the group of itself and its nearest practices."""
    traits = peer_traits(read_practice_traits(evidence.config.home), evidence.list_sizes.lazy())
    pairs, method = nearest_peers(
        traits.join(values, left_on="practice_code", right_on="organisation_code", how="semi")
    )
    own = values.select(group="organisation_code", organisation_code="organisation_code")
    groups = pl.concat([own, pairs.select(group="practice_code", organisation_code="peer_code")])
    judged = funnel(groups.join(values, on="organisation_code"), ["group"])
    return judged.filter(pl.col("group") == pl.col("organisation_code")).with_columns(peers=pl.lit(method))


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


def _with_drawn_intervals(evidence: Evidence, values: pl.LazyFrame, level: str, period: Sequence[date]) -> pl.LazyFrame:
    """The values with low and high from the shared factor draws where they rest on kilograms: one interval everywhere.

    A measure's own ends add up the ends of every factor, as if all were wrong the same way at once.
    """
    members = (
        memberships(evidence, level).filter(pl.col("month") == period[-1]).select("practice_code", "organisation_code")
    )
    is_inhaler = pl.col("reads_as") != "not an inhaler"
    rows = evidence.footprint.lazy().filter(pl.col("month").is_in(period)).join(members, on="practice_code")
    drawn = []
    for ids, part in ((INHALER_KG, rows.filter(is_inhaler)), (OTHER_KG, rows.filter(~is_inhaler))):
        found = evidence.intervals(part, ["organisation_code"]).lazy()
        ends = found.select(
            "organisation_code", *(_share_of_centre(end).alias(f"{end}_share") for end in ("low", "high"))
        )
        drawn.append(ends.join(pl.LazyFrame({"measure_id": list(ids)}), how="cross"))
    return (
        values.join(pl.concat(drawn), on=["organisation_code", "measure_id"], how="left")
        .with_columns(pl.coalesce(pl.col("value") * pl.col(f"{end}_share"), end).alias(end) for end in ("low", "high"))
        .drop("low_share", "high_share")
    )


def _share_of_centre(end: str) -> pl.Expr:
    centre = pl.col("kg_co2e").cast(pl.Float64)
    return pl.when(centre > 0).then(pl.col(f"kg_{end}").cast(pl.Float64) / centre)


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


def lines(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Rows as lines of the named columns; what is not known says so."""

    def shown(value: Any) -> str:
        if value is None:
            return "not known"
        if isinstance(value, float):
            return f"{value:,.4f}".rstrip("0").rstrip(".")
        return f"{value:%Y-%m}" if isinstance(value, date) else str(value)

    return "\n".join(", ".join(f"{name} {shown(row[name])}" for name in columns if name in row) for row in rows)
