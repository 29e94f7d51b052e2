"""What changed in inhaler carbon between two periods: volume × mix × factor, for commands and pages."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl

from prescarbon.config import Config, parse_months
from prescarbon.errors import InputError
from prescarbon.model.activity import IS_INHALER
from prescarbon.model.change import split_change, split_change_by_product
from prescarbon.model.mix import falls_beyond_chance, mix_worlds
from prescarbon.model.period import Period, count_words, same_months
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.memberships import check_level, whole_months
from prescarbon.tables.schema import MONTHS_IN_YEAR


def split_between(
    evidence: Evidence, before: Period, after: Period, levels: Sequence[str], *, by_product: bool = False
) -> pl.DataFrame:
    """The change of inhaler carbon between two periods, split into parts that add up exactly: see model/change.py.

    before, after  periods of one length that share no month
    levels         whose organisations; practices belong where they belong now, a closed one's past to its successor
    returns        level, organisation_code, months_compared, and what `split_change` gives: over the months in the same
                   place of both periods in which the organisation reported whole; one that has none has no row
    """
    pairs = pl.LazyFrame(
        [(n, month) for n, pair in enumerate(same_months(before, after)) for month in pair],
        schema={"place": pl.Int64, "month": pl.Date},
        orient="row",
    )
    by = ["level", "organisation_code"]
    members = evidence.members_as_now(levels)
    each_month = evidence.memberships.lazy().select("practice_code", "month", "is_due")
    whole = whole_months(each_month.join(members, on="practice_code"), evidence.with_rows).filter("is_whole")
    compared = (
        pairs.join(whole, on="month")
        .filter(pl.len().over(*by, "place") == 2)
        .with_columns(months_compared=pl.col("place").n_unique().over(by).cast(pl.Int64))
        .select(*by, "month", "months_compared")
    )
    period = pl.when(pl.col("month").is_in(before.held)).then(pl.lit("before")).otherwise(pl.lit("after"))
    inhalers = (
        evidence.footprint.lazy()
        .filter(IS_INHALER)
        .join(members, on="practice_code")
        .join(compared, on=[*by, "month"])
        .with_columns(period=period)
    )
    split = split_change_by_product if by_product else split_change
    return split(inhalers, [*by, "months_compared"], "before", "after").collect()


def mix_falls(evidence: Evidence, before: Period, after: Period) -> pl.DataFrame:
    """organisation_code, kg_low, kg_co2e, kg_high of the mix effect of practices, where it is a fall that chance does not explain.

    Net of what replaced it: the effect is over all inhalers, those that came as well as those that went. Method: model/mix.py.

    before, after  twelve months each, a year apart; a practice that did not report in all of them has no row
    """
    keys, levels = ["organisation_code"], ["practice"]
    members = evidence.members_as_now(levels)
    inhalers = evidence.footprint.lazy().filter(IS_INHALER & pl.col("month").is_in([*before.held, *after.held]))
    split = split_between(evidence, before, after, levels, by_product=True).lazy()
    parts = split.filter(pl.col("months_compared") == after.length)
    worlds = mix_worlds(parts, inhalers, keys).with_columns(practice_code="organisation_code")
    drawn = evidence.intervals(worlds, keys)
    period = pl.when(pl.col("month").is_in(after.held)).then(pl.lit("after")).otherwise(pl.lit("before"))
    rows = inhalers.with_columns(period=period, month_of_year=pl.col("month").dt.month()).join(
        members, on="practice_code"
    )
    monthly = split_change(rows, [*keys, "month_of_year"], "before", "after")
    place = (pl.col("month_of_year").cast(pl.Int64) - after.first.month) % MONTHS_IN_YEAR  # in the order of the months
    found = falls_beyond_chance(monthly.with_columns(month=place), keys).collect()
    return drawn.filter(pl.col("kg_high") < 0).join(found, on=keys, how="semi").sort(keys)


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

    Inhalers of the configured scope; memberships of the last month. Where a month is not held or an organisation did not
    report in it, the months in the same place of both periods are compared, and `compared` says so.

    Raises:
        InputError: a period has no loaded month, the two are not of one length or share a month, or the organisation has
            no rows.
    """
    check_level(level)
    evidence = gather(config)
    months = evidence.months
    last = Period.ending(months[-1], MONTHS_IN_YEAR, months)
    now = _period_of(months, after) if after else last
    then = _period_of(months, before) if before else now.moved(-now.length, months)
    if not (then.held and now.held):
        raise InputError("a period has no loaded month.", remedy="Give --before and --after as 2024-01:2024-12.")
    if shared := sorted(set(then.months) & set(now.months)):
        which = f"{shared[0]:%Y-%m}" if len(shared) == 1 else f"{shared[0]:%Y-%m} to {shared[-1]:%Y-%m}"
        raise InputError(
            f"{which} is in both periods, before and after.",
            remedy="Give --before and --after so that the one ends before the other begins.",
        )
    if then.length != now.length:
        raise InputError(
            f"{_words(then)} has {then.length} months and {_words(now)} has {now.length}: their sums do not compare.",
            remedy="Give --before and --after as many months each.",
        )
    found = split_between(evidence, then, now, [level], by_product=by_product)
    is_asked = pl.lit(value=True) if organisation is None else pl.col("organisation_code") == organisation
    rows = found.filter(is_asked).to_dicts()
    if not rows:
        raise InputError(
            f"no {level} {organisation or ''} reported in the same months of both periods.", remedy="Check the code."
        )
    named = {"before": _words(then), "after": _words(now)}
    return [named | {"compared": count_words(row["months_compared"], now.length)} | row for row in rows]


def _period_of(months: Sequence[date], text: str) -> Period:
    first, last = parse_months(text)
    return Period.of(max(first, months[0]) if text.startswith(":") else first, last or months[-1], months)


def _words(period: Period) -> str:
    return f"{period.first:%Y-%m} to {period.last:%Y-%m}"
