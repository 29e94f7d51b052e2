"""A measure month by month: limits, signals, known breaks, the same month last year, the rolling year."""

from datetime import date
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.measures.trend import dispensing_days, last_year, per_dispensing_day, rolling_year
from prescarbon.model.period import count_of, months_on
from prescarbon.pipeline.evidence import everyone, gather
from prescarbon.pipeline.memberships import check_level
from prescarbon.pipeline.published import published_series
from prescarbon.pipeline.scope import organisations_in_scope
from prescarbon.pipeline.series import BY, charted_unit, charted_value, chosen_measures, signals_of, whole_only
from prescarbon.reference.definitions import reference_of
from prescarbon.tables.organisations import LEVELS, PLACE
from prescarbon.tables.schema import MONTHS_IN_YEAR


def trend(
    config: Config,
    measure: str,
    *,
    level: str,
    organisation: str | None = None,
    last_month: date | None = None,
    is_published: bool = False,
    is_plain: bool = False,
) -> list[dict[str, Any]]:
    """Month by month: value, per dispensing day for counts, rolling year, same month last year, limits, signals, breaks.

    `charted` is the value in the unit of the limits (`charted_unit`), charted_last_year the same a year earlier.

    is_published  imported published values of the measure, in their newest vintage, instead of the loaded months
    is_plain      limits as the Making Data Count tools draw them: neither season nor memory is taken out

    Raises:
        InputError: no such measure, level or organisation.
    """
    check_level(level, (*LEVELS, PLACE))
    if is_published:
        (one,) = chosen_measures(reference_of(config), [measure])
        monthly = published_series(config, one, level).lazy()
        if last_month:
            monthly = monthly.filter(pl.col("month") <= last_month)
        years = rolling_year(monthly, BY, scale=one.scale, is_per_patient=one.is_per_patient)
    else:
        evidence = gather(everyone(config), last_month=last_month, is_light=True)
        (one,) = chosen_measures(evidence, [measure])
        each_month = evidence.measure([one], [level], [(m, m) for m in evidence.months])
        monthly = whole_only(each_month.lazy()).with_columns(month="period_end").drop("period_start", "period_end")
        ends = [(months_on(m, 1 - MONTHS_IN_YEAR), m) for m in evidence.months]
        years = _rolling_years(evidence.measure([one], [level], ends).lazy())
        shown = organisations_in_scope(config, evidence.reference, evidence.memberships, level)
        if shown is not None:
            monthly = monthly.filter(pl.col("organisation_code").is_in(shown))
    if organisation:
        monthly = monthly.filter(pl.col("organisation_code") == organisation)
    held = monthly.select("month").collect()["month"]
    if held.is_empty():
        raise InputError(
            f"no {level} {organisation or ''} is in the loaded months.", remedy="Check --level and the code."
        )
    days = dispensing_days(held.min(), held.max())  # type: ignore[arg-type]
    series = per_dispensing_day(monthly, days).with_columns(charted=charted_value(one))
    before = last_year(last_year(series, BY), BY, "charted")
    found = signals_of(before, one, is_plain=is_plain).join(years, on=[*BY, "month"], how="left")
    told = found.with_columns(charted_unit=pl.lit(charted_unit(one)))
    return told.sort("organisation_code", "month").collect().to_dicts()


def _rolling_years(years: pl.LazyFrame) -> pl.LazyFrame:
    """organisation_code, level, measure_id, month, rolling_value?, rolling_months: the year that ends in each month.

    The measure's own value over those twelve months; null, and only counted, where they are not whole.
    """
    return whole_only(years).select(
        *BY, month="period_end", rolling_value="value", rolling_months=count_of("months_held", "months")
    )
