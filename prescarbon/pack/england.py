"""England beside a practice: inhalers of every prescriber, where the loaded months hold all of England."""

from dataclasses import dataclass

import polars as pl

from prescarbon.model.activity import IS_INHALER, is_respiratory
from prescarbon.model.measures.values import PRACTICES_OF_ENGLAND
from prescarbon.model.people import list_sizes_for
from prescarbon.model.period import Period
from prescarbon.model.successors import date_successors
from prescarbon.model.sums import DEVICE_DECIMALS, exact_sum
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.footprint import footprint_of, reduce_and_read
from prescarbon.pipeline.scope import read_practices
from prescarbon.store.months import Store
from prescarbon.store.organisations import read_list_sizes


@dataclass(frozen=True)
class England:
    """All prescribers together: a mean of everything, to be read as a landmark and no peer."""

    kg_per_inhaler: float | None
    kg_per_1000: float | None


def england_figures(evidence: Evidence, period: Period, *, practices: int = PRACTICES_OF_ENGLAND) -> England | None:
    """kg CO2e an inhaler, and per 1,000 registered people, over the period; None unless all its months hold all of England.

    practices  a month with fewer practices and cost centres is no month of England; the same number of list sizes must
               be loaded before anything is divided by people (half of them: cost centres have no list)
    """
    held = {m.first_day: m.practices for m in evidence.manifests}
    if any(held.get(month, 0) < practices for month in period.months):
        return None
    config, reference = evidence.config, evidence.reference
    respiratory = (
        Store(config.home).scan(period.months).filter(is_respiratory()).with_columns(practice_code=pl.lit("England"))
    )
    activity = reduce_and_read(respiratory, reference).filter(IS_INHALER)
    footprint = footprint_of(activity, reference, evidence.factors, evidence.spend, evidence.prices.table.lazy())
    counted = footprint.filter(pl.col("devices").is_not_null() & pl.col("kg_co2e").is_not_null())
    sums = counted.select(
        pl.col("kg_co2e").sum().cast(pl.Float64), exact_sum("devices", DEVICE_DECIMALS).alias("devices")
    )
    kg, devices = sums.row(0)
    organisations = read_practices(config.home, reference).collect().lazy()
    links = date_successors(reference.successors, organisations).collect()
    lists = list_sizes_for(read_list_sizes(config.home), [period.last], organisations, links).drop_nulls("patients")
    people, listed = lists.select(pl.col("patients").sum(), pl.len()).collect().row(0)
    return England(
        kg_per_inhaler=kg / devices if devices else None,
        kg_per_1000=kg / people * 1000 if people and listed * 2 >= practices else None,
    )
