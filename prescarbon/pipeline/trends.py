"""A measure month by month: limits, signals, known breaks, the same month last year, the rolling year."""

from datetime import date
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.measures.trend import dispensing_days, last_year, per_dispensing_day
from prescarbon.model.period import count_of, months_on
from prescarbon.pipeline.evidence import everyone, gather
from prescarbon.pipeline.memberships import check_level
from prescarbon.pipeline.scope import organisations_in_scope
from prescarbon.pipeline.series import BY, chosen_measures, signals_of, whole_only
from prescarbon.tables.organisations import LEVELS, PLACE
from prescarbon.tables.schema import MONTHS_IN_YEAR


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
    years = evidence.measure([one], [level], [(months_on(m, 1 - MONTHS_IN_YEAR), m) for m in evidence.months])
    monthly = whole_only(each_month.lazy()).with_columns(month="period_end")
    shown = organisations_in_scope(config, evidence.reference, evidence.memberships, level)
    if shown is not None:
        monthly = monthly.filter(pl.col("organisation_code").is_in(shown))
    if organisation:
        monthly = monthly.filter(pl.col("organisation_code") == organisation)
    days = dispensing_days(evidence.months[0], evidence.months[-1])
    series = last_year(per_dispensing_day(monthly.drop("period_start", "period_end"), days), BY)
    found = signals_of(series, one, len(evidence.months)).join(
        _rolling_years(years.lazy()), on=[*BY, "month"], how="left"
    )
    rows = found.sort("organisation_code", "month").collect().to_dicts()
    if not rows:
        raise InputError(
            f"no {level} {organisation or ''} is in the loaded months.", remedy="Check --level and the code."
        )
    return rows


def _rolling_years(years: pl.LazyFrame) -> pl.LazyFrame:
    """organisation_code, level, measure_id, month, rolling_value?, rolling_months: the year that ends in each month.

    The measure's own value over those twelve months; null, and only counted, where they are not whole.
    """
    return whole_only(years).select(
        *BY, month="period_end", rolling_value="value", rolling_months=count_of("months_held", "months")
    )
