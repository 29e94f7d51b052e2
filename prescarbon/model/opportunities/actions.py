"""What campaigns left and what actions changed: before and after, beside practices that did not act."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from prescarbon.model.opportunities.pairs import sources_of
from prescarbon.model.opportunities.rules import SwitchRule
from prescarbon.model.sums import exact_sum
from prescarbon.tables.schema import Dtype

ACTIONS_SCHEMA: dict[str, Dtype] = {
    "practice_code": pl.String,
    "rule_id": pl.String,
    "started": pl.Date,
    "owner_role": pl.String,
}
MONTHS_EACH_SIDE = 6  # docs/explanation/opportunities.md#actions
COMPARATORS_FOR_INTERVAL = 8  # fewer, and the 5th and 95th percentile are the outermost two
# inhalers; of what is no inhaler, the units of its quantity
UNITS = pl.coalesce("devices", pl.col("total_quantity").cast(pl.Float64))


def track_campaigns(
    campaigns: pl.LazyFrame,
    rules: Sequence[SwitchRule],
    footprint: pl.LazyFrame,
    products: pl.LazyFrame,
    period_start: date,
    period_end: date,
) -> pl.LazyFrame:
    """What was and what is left: organisation_code, rule_id, started, units_before?, units_left, one row a practice.

    campaigns     rule_id, started
    footprint     table FOOTPRINT, products table PRODUCTS
    units_before  of the rule's sources, in as many months just before the start as the period has; null where those
                  months are not all loaded, because a month not loaded looks like nothing prescribed
    units_left    in the period; 0 where nothing is left
    """
    months = (period_end.year - period_start.year) * 12 + period_end.month - period_start.month + 1
    started = campaigns.select("rule_id", pl.col("started").dt.month_start()).unique("rule_id")
    before = pl.col("month").is_between(
        pl.col("started").dt.offset_by(f"-{months}mo"), pl.col("started"), closed="left"
    )
    now = pl.col("month").is_between(period_start, period_end)
    loaded = started.join(footprint.select("month").unique(), how="cross").filter(before)
    complete = loaded.group_by("rule_id").agg(is_complete=pl.len() == months)
    sources = sources_of(rules, footprint.select("bnf_code").unique(), products, period_end)
    return (
        footprint.select("month", "bnf_code", organisation_code="practice_code", units=UNITS)
        .join(sources.join(started, on="rule_id"), on="bnf_code")
        .filter(before | now)
        .with_columns(was=pl.when(before).then("units").otherwise(0.0), is_=pl.when(now).then("units").otherwise(0.0))
        .group_by("organisation_code", "rule_id", "started")
        .agg(units_before=exact_sum("was"), units_left=exact_sum("is_"))
        .join(complete, on="rule_id", how="left", validate="m:1")
        .with_columns(units_before=pl.when("is_complete").then("units_before"))
        .drop("is_complete")
        .sort("organisation_code", "rule_id")
    )


def evaluate_actions(
    actions: pl.LazyFrame,
    rules: Sequence[SwitchRule],
    footprint: pl.LazyFrame,
    products: pl.LazyFrame,
    peers: pl.LazyFrame,
    *,
    last_month: date,
    months: int = MONTHS_EACH_SIDE,
) -> pl.LazyFrame:
    """Each logged action with its effect: difference in differences against comparator practices.

    actions    ACTIONS_SCHEMA
    footprint  table FOOTPRINT, products table PRODUCTS
    peers      practice_code, peer_group?
    months     how many months before the start, and after the start month, are compared
    returns    practice_code, rule_id, started, owner_role, months_after, before, after (units of the rule's sources a
               month), change, comparators (practices), comparator_change, effect, effect_low, effect_high
               (share of the practice's own `before`; null where not enough months or comparators)
    method     Both changes are relative (after ÷ before, less 1), so that a small and a large practice compare; the
               effect is the practice's change less the comparators' mean change; its interval is what the spread of
               the comparators' own changes leaves open: 5th to 95th percentile. No comparator ever logged the rule.
    """
    sources = sources_of(rules, footprint.select("bnf_code").unique(), products, last_month)
    by_month = (
        footprint.select("practice_code", "month", "bnf_code", units=UNITS)
        .join(sources, on="bnf_code")
        .group_by("practice_code", "rule_id", "month")
        .agg(units=exact_sum("units"))
    )
    grouped = (
        peers.with_columns(peer_group=pl.col("peer_group").fill_null("all"))
        if "peer_group" in peers.collect_schema().names()
        else peers.with_columns(peer_group=pl.lit("all"))
    ).select("practice_code", "peer_group")
    windows = actions.with_columns(started=pl.col("started").dt.month_start()).unique(
        ["practice_code", "rule_id", "started"]
    )
    own_group = windows.join(grouped, on="practice_code", how="left").with_columns(
        pl.col("peer_group").fill_null("all")
    )
    acted = windows.select("rule_id", other="practice_code").unique()
    everyone = (
        own_group.join(grouped.rename({"practice_code": "other"}), on="peer_group")
        .join(acted.with_columns(acted=pl.lit(True)), on=["rule_id", "other"], how="left")
        .with_columns(is_own=pl.col("practice_code") == pl.col("other"))
        .filter(pl.col("is_own") | pl.col("acted").is_null())
        .drop("acted")
    )
    start = pl.col("started")
    is_before = pl.col("month").is_between(start.dt.offset_by(f"-{months}mo"), start, closed="left")
    is_after = (pl.col("month") > start) & (pl.col("month") <= start.dt.offset_by(f"{months}mo"))
    loaded = footprint.select("month").unique().filter(pl.col("month") <= last_month)
    # months of the window that are loaded at all: a month without rows of the product is a real nought
    lengths = (
        windows.join(loaded, how="cross")
        .group_by("practice_code", "rule_id", "started")
        .agg(months_before=is_before.sum(), months_after=is_after.sum())
    )
    one_action = ["practice_code", "rule_id", "started"]
    changes = (
        everyone.join(by_month.rename({"practice_code": "other"}), on=["other", "rule_id"])
        .group_by(*one_action, "other", "is_own")
        .agg(before=pl.col("units").filter(is_before).sum(), after=pl.col("units").filter(is_after).sum())
        .join(lengths, on=one_action)
        .with_columns(before=pl.col("before") / pl.col("months_before"), after=pl.col("after") / pl.col("months_after"))
        .with_columns(
            change=pl.when(
                (pl.col("before") > 0) & (pl.col("months_before") == months) & (pl.col("months_after") > 0)
            ).then(pl.col("after") / pl.col("before") - 1)
        )
    )
    theirs = (
        changes.filter(~pl.col("is_own"))
        .group_by(one_action)
        .agg(
            comparators=pl.col("change").count(),
            comparator_change=pl.col("change").sort().mean(),
            change_5=pl.col("change").quantile(0.05, "linear"),
            change_95=pl.col("change").quantile(0.95, "linear"),
        )
    )
    enough = pl.col("comparators") >= COMPARATORS_FOR_INTERVAL
    return (
        windows.join(changes.filter("is_own").drop("other", "is_own", "months_before"), on=one_action, how="left")
        .join(theirs, on=one_action, how="left")
        .with_columns(
            pl.col("comparators").fill_null(0),
            effect=pl.col("change") - pl.col("comparator_change"),
            effect_low=pl.when(enough).then(pl.col("change") - pl.col("change_95")),
            effect_high=pl.when(enough).then(pl.col("change") - pl.col("change_5")),
        )
        .select(
            *one_action,
            "owner_role",
            "months_after",
            "before",
            "after",
            "change",
            "comparators",
            "comparator_change",
            "effect",
            "effect_low",
            "effect_high",
        )
        .sort(one_action)
    )
