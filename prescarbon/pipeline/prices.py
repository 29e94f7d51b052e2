"""The constant prices of a run: one base period for every command, from the rows of every practice held."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import polars as pl

from prescarbon.config import Config, parse_months
from prescarbon.model.period import Period, months_on
from prescarbon.model.prices import base_prices, deflate, sum_sold
from prescarbon.reference.definitions import Reference
from prescarbon.report.views.numbers import month, number
from prescarbon.store.months import MonthManifest, Store
from prescarbon.tables.schema import MONTHS_IN_YEAR


@dataclass(frozen=True)
class ConstantPrices:
    """What prices a run's medicines, and what a reader should know of it.

    base       the base period
    held       the months that were read for it: those of the base period, and where a presentation was not sold then all
               others, since it takes the first month in which it was sold
    gbp_year   the year whose £ the prices are in
    table      table PRICES
    stand_ins  year → the year whose deflator stands in, because its own is not known
    """

    base: Period
    held: tuple[MonthManifest, ...]
    gbp_year: int
    table: pl.DataFrame
    stand_ins: dict[int, int]

    @cached_property
    def words(self) -> str:
        """The base period and its limits, in a few sentences."""
        base = self.base
        lack = "" if base.is_whole else f", {base.count} held"
        later = self.table.filter(~pl.col("is_base")).height
        actual = self.table.filter(pl.col("cost") == "actual cost").height
        said = [
            f"Prices of {month(base.first)} to {month(base.last)}{lack}, all practices held, in £ of {self.gbp_year}"
        ]
        if later:
            of = f"{number(later)} of {number(self.table.height)} presentations"
            said.append(f"{of} were not sold then: price of their first month")
        if actual:
            said.append(f"{number(actual)} have no NIC in the data: price by actual cost")
        for year, other in self.stand_ins.items():
            said.append(f"the GDP deflator of {year} is not known: that of {other} stands in")
        return "; ".join(said) + "."

    def as_manifest(self) -> dict[str, Any]:
        """first, last (2024-01), months (month and hash of each that was read), gbp_year and words."""
        return {
            "first": f"{self.base.first:%Y-%m}",
            "last": f"{self.base.last:%Y-%m}",
            "months": [{"month": m.month, "hash": m.hash} for m in self.held],
            "gbp_year": self.gbp_year,
            "words": self.words,
        }


def constant_prices(config: Config, reference: Reference, codes: Collection[str]) -> ConstantPrices:
    """The prices of these presentations: neither the run's months nor its scope moves one.

    codes  BNF presentation codes; others are not read
    """
    store = Store(config.home)
    manifests = store.months()
    base = base_period(config, [m.first_day for m in manifests])
    inside = [m for m in manifests if m.first_day in base.held]
    outside = [m for m in manifests if m not in inside]
    sold = _sold(store, inside, codes)
    lacking = sorted(set(codes) - set(sold.filter(pl.col("nic_units") > 0)["bnf_code"]))
    if lacking and outside:
        sold = pl.concat([sold, _sold(store, outside, lacking)])
    table = base_prices(sold.lazy(), base.first, base.last, reference.deflators, reference.gbp_year).collect()
    return ConstantPrices(
        base=base,
        held=tuple(manifests if lacking else inside),
        gbp_year=reference.gbp_year,
        table=table,
        stand_ins=_stand_ins(table, reference),
    )


def base_period(config: Config, held: Sequence[date]) -> Period:
    """The configured base period; unset, twelve calendar months from the first that is held.

    held  months of the store, oldest first, at least one
    """
    if config.price_base is not None:
        first, last = parse_months(config.price_base)
        return Period.of(first, last or first, held)
    return Period.of(held[0], months_on(held[0], MONTHS_IN_YEAR - 1), held)


def _sold(store: Store, manifests: Sequence[MonthManifest], codes: Collection[str]) -> pl.DataFrame:
    rows = store.scan([m.first_day for m in manifests]).filter(pl.col("bnf_code").is_in(sorted(codes)))
    return sum_sold(rows).collect(engine="streaming")


def _stand_ins(table: pl.DataFrame, reference: Reference) -> dict[int, int]:
    """The years that prices are of whose deflator is not known, and whose stands in."""
    ends = table.select(pl.col("price_from", "price_to").dt.year().cast(pl.Int64))
    if ends.is_empty():
        return {}
    years = range(ends["price_from"].min(), ends["price_to"].max() + 1)  # type: ignore[operator, arg-type]
    known = deflate(pl.LazyFrame({"year": years}, {"year": pl.Int64}), reference.deflators, reference.gbp_year)
    return dict(
        known.filter(pl.col("year") != pl.col("deflator_year")).select("year", "deflator_year").collect().iter_rows()
    )
