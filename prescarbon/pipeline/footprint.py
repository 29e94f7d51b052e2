"""Store → activity → kilograms: the steps that a run and its restatements both take."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.model.activity import IS_INHALER, read_quantities, reduce_to_activity
from prescarbon.model.footprint import estimate_footprint
from prescarbon.model.sums import known_sum
from prescarbon.reference.definitions import Reference
from prescarbon.store.months import Store
from prescarbon.tables.prescribing import FOOTPRINT


def run_factors(reference: Reference, config: Config) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Table FACTORS twice: those of devices in the configured set, and those of spend."""
    return reference.factors(config.factor_set, config.gwp_basis, config.brand_mix), reference.spend()


def footprint_of(
    activity: pl.DataFrame, reference: Reference, factors: pl.LazyFrame, spend: pl.LazyFrame, prices: pl.LazyFrame
) -> pl.DataFrame:
    """Table FOOTPRINT plus series_code.

    activity        table ACTIVITY
    factors, spend  table FACTORS, as `run_factors` gives them
    prices          table PRICES: constant prices
    """
    estimated = estimate_footprint(activity.lazy(), reference.products, factors, spend, prices)
    return (
        estimated.join(reference.series, on=["bnf_code"], how="left")
        .with_columns(series_code=pl.coalesce("series_code", "bnf_code"))
        .sort(FOOTPRINT.grain)
        .collect()
    )


def codes_by_spend(activity: pl.DataFrame) -> list[str]:
    """The presentations of table ACTIVITY that take the spend tier, in order: all that is no inhaler."""
    return activity.filter(~IS_INHALER)["bnf_code"].unique().sort().to_list()


def kg_by_month(footprint: pl.DataFrame) -> tuple[dict[str, Any], ...]:
    """month (2026-01), inhalers, all: central kg CO2e of a footprint; null where none is known."""
    inhaled = footprint.select("month", inhalers=pl.when(IS_INHALER).then("kg_co2e"), all="kg_co2e")
    by_month = inhaled.group_by("month").agg(known_sum("inhalers"), known_sum("all"))
    return tuple(by_month.sort("month").with_columns(pl.col("month").dt.strftime("%Y-%m")).to_dicts())


def activity_of(home: Path, reference: Reference, months: Sequence[date], codes: Sequence[str] | None) -> pl.DataFrame:
    """Table ACTIVITY of these practices (None: every one) in those of the months that are held."""
    return reduce_and_read(prescribing_of(Store(home), months, codes), reference)


def prescribing_of(store: Store, months: Sequence[date], codes: Sequence[str] | None) -> pl.LazyFrame:
    """Table PRESCRIBING of these practices (None: every one) in those of the months that are held."""
    rows = store.scan(months)
    return rows if codes is None else rows.filter(pl.col("practice_code").is_in(codes))


def reduce_and_read(prescribing: pl.LazyFrame, reference: Reference) -> pl.DataFrame:
    """Table ACTIVITY of table PRESCRIBING: the one heavy step, then how each quantity reads."""
    reduced = reduce_to_activity(prescribing).collect(engine="streaming").lazy()
    return read_quantities(reduced, reference.products, reference.not_inhalers).collect()
