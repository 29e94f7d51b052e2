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
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.memberships import check_level
from prescarbon.tables.organisations import LEVELS
from prescarbon.tables.schema import MONTHS_IN_YEAR


def split_between(
    evidence: Evidence,
    before: Sequence[date],
    after: Sequence[date],
    members: pl.LazyFrame,
    by: Sequence[str],
    *,
    by_product: bool = False,
) -> pl.DataFrame:
    """The change of inhaler carbon between two periods, split into parts that add up exactly: see model/change.py.

    before, after  months that do not overlap
    members        practice_code and the columns of `by`: whom a practice is summed to
    """
    is_before, is_after = (pl.col("month").is_in(months) for months in (before, after))
    period = pl.when(is_before).then(pl.lit("before")).when(is_after).then(pl.lit("after"))
    inhalers = evidence.footprint.lazy().filter(IS_INHALER).with_columns(period=period)
    split = split_change_by_product if by_product else split_change
    return split(inhalers.join(members, on="practice_code"), by, "before", "after").collect()


def mix_falls(
    evidence: Evidence, before: Sequence[date], after: Sequence[date], members: pl.LazyFrame, by: Sequence[str]
) -> pl.DataFrame:
    """by…, kg_low, kg_co2e, kg_high of the mix effect, where it is a fall that chance does not explain: see model/mix.py.

    Net of what replaced it: the effect is over all inhalers, those that came as well as those that went.

    before, after  twelve months each, a year apart
    members        practice_code and the columns of `by`
    """
    keys = list(by)
    inhalers = evidence.footprint.lazy().filter(IS_INHALER & pl.col("month").is_in([*before, *after]))
    parts = split_between(evidence, before, after, members, keys, by_product=True).lazy()
    drawn = evidence.intervals(mix_worlds(parts, inhalers, keys), keys)
    period = pl.when(pl.col("month").is_in(after)).then(pl.lit("after")).otherwise(pl.lit("before"))
    rows = inhalers.with_columns(period=period, month_of_year=pl.col("month").dt.month()).join(
        members, on="practice_code"
    )
    monthly = split_change(rows, [*keys, "month_of_year"], "before", "after")
    first = after[0].month
    place = (pl.col("month_of_year").cast(pl.Int64) - first) % MONTHS_IN_YEAR  # in the order of the months
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
    found = split_between(
        evidence, periods["before"], periods["after"], members, ["organisation_code"], by_product=by_product
    )
    is_asked = pl.lit(value=True) if organisation is None else pl.col("organisation_code") == organisation
    rows = found.filter(is_asked).to_dicts()
    if not rows:
        raise InputError(f"no {level} {organisation or ''} has rows in these periods.", remedy="Check the code.")
    names = {k: f"{v[0]:%Y-%m} to {v[-1]:%Y-%m}" for k, v in periods.items()}
    return [{"before": names["before"], "after": names["after"]} | row for row in rows]


def _months_in(months: Sequence[date], text: str) -> tuple[date, ...]:
    first, last = parse_months(text)
    return tuple(m for m in months if first <= m <= (last or months[-1]))
