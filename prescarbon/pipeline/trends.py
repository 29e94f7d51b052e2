"""What moved and how it compares: trend with limits and signals, volume × mix × factor, practices beside their peers."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import polars as pl

from prescarbon.config import Config, parse_months
from prescarbon.errors import InputError
from prescarbon.model.activity import IS_INHALER
from prescarbon.model.change import split_change, split_change_by_product
from prescarbon.model.measures.comparison import (
    funnel_of_means,
    funnel_of_proportions,
    judge_gate,
    nearest_peers,
    peer_traits,
    spread_by,
)
from prescarbon.model.measures.trend import dispensing_days, last_year, per_dispensing_day, rolling_year
from prescarbon.pipeline.evidence import Evidence, everyone, gather
from prescarbon.pipeline.memberships import check_level
from prescarbon.pipeline.scope import organisations_in_scope
from prescarbon.pipeline.series import BY, chosen_measures, signals_of
from prescarbon.store.organisations import read_practice_traits
from prescarbon.tables.organisations import LEVELS, PLACE
from prescarbon.tables.schema import MONTHS_IN_YEAR

Funnel = Callable[[pl.LazyFrame, Sequence[str]], pl.LazyFrame]


def trend(
    config: Config, measure: str, *, level: str, organisation: str | None = None, last_month: date | None = None
) -> list[dict[str, Any]]:
    """Month by month: value, per dispensing day for sums, rolling year, same month last year, limits, signals, breaks.

    Raises:
        InputError: no such measure, level or organisation.
    """
    check_level(level, (*LEVELS, PLACE))
    evidence = gather(everyone(config), last_month=last_month, is_light=True)
    (one,) = chosen_measures(evidence, [measure])
    each_month = evidence.measure([one], [level], [(m, m) for m in evidence.months])
    monthly = each_month.lazy().with_columns(month="period_end")
    shown = organisations_in_scope(config, evidence.reference, evidence.memberships, level)
    if shown is not None:
        monthly = monthly.filter(pl.col("organisation_code").is_in(shown))
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
        InputError: a period has no loaded month, both have one, or the organisation has no rows.
    """
    check_level(level)
    evidence = gather(config)
    months = evidence.months
    periods = {
        "before": _months_in(months, before) if before else months[-2 * MONTHS_IN_YEAR : -MONTHS_IN_YEAR],
        "after": _months_in(months, after) if after else months[-MONTHS_IN_YEAR:],
    }
    if not all(periods.values()):
        raise InputError("a period has no loaded month.", remedy="Give --before and --after as 2024-01:2024-12.")
    if shared := sorted(set(periods["before"]) & set(periods["after"])):
        which = f"{shared[0]:%Y-%m}" if len(shared) == 1 else f"{shared[0]:%Y-%m} to {shared[-1]:%Y-%m}"
        raise InputError(
            f"{which} is in both periods, before and after.",
            remedy="Give --before and --after so that the one ends before the other begins.",
        )
    members = evidence.practices.lazy().select("practice_code", organisation_code=LEVELS[level])
    inhalers = (
        evidence.footprint.lazy()
        .filter(IS_INHALER)
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
    (one,) = chosen_measures(evidence, [measure])
    period = evidence.period
    if measure == "kg_per_inhaler":
        rows = evidence.footprint.lazy().filter(pl.col("month").is_in(period) & (IS_INHALER))
        spread = spread_by(rows, ["practice_code"]).with_columns(judge_gate(pl.col("count")))
        funnel: Funnel = funnel_of_means
        values = spread.rename({"practice_code": "organisation_code"})
    elif one.denominator is not None and one.unit.startswith("share"):
        shares = evidence.measure([one], ["practice"], [(period[0], period[-1])]).lazy()
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
