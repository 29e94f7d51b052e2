"""Constant prices: what one unit of each presentation cost in one base period, in the £ of the spend factors' year.

A price that moves later is no carbon, and a month that comes later moves no price. What nobody paid for prices nothing:
rows at nothing or less (corrections of earlier payments) are summed as money and are in no price.
"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from prescarbon.tables.prescribing import PRICES

COSTS: Mapping[str, str] = {
    "nic_gbp": "NIC",
    "actual_cost_gbp": "actual cost",
}  # the first that prices a product counts
REAL_GBP = pl.Decimal(18, 6)  # deflated £ to the millionth: sums are exact, in any order


def sum_sold(prescribing: pl.LazyFrame) -> pl.LazyFrame:
    """What priced rows cost, and for how many units.

    prescribing  table PRESCRIBING; month, bnf_code, total_quantity, nic_gbp and actual_cost_gbp are read of it
    returns      month × bnf_code: nic_gbp, actual_cost_gbp (£) and nic_units, actual_cost_units, over the rows where that £
                 and the quantity are above 0
    """
    sums = []
    for cost in COSTS:
        is_priced = (pl.col(cost) > 0) & (pl.col("total_quantity") > 0)
        units = pl.col("total_quantity").filter(is_priced).sum().alias(cost.replace("_gbp", "_units"))
        sums += [pl.col(cost).filter(is_priced).sum(), units]
    return prescribing.group_by("month", "bnf_code").agg(sums)


def base_prices(sold: pl.LazyFrame, first: date, last: date, deflators: pl.LazyFrame, gbp_year: int) -> pl.LazyFrame:
    """£ a unit of each presentation: Σ £ ÷ Σ units, of the base period where it was sold then.

    sold         what `sum_sold` returns, in months within and outside the base period
    first, last  first days of the base period's first and last month
    deflators    year, gdp_deflator: as `deflate` takes them
    gbp_year     the year whose £ the price is in
    returns      table PRICES, sorted by bnf_code. NIC before actual cost; the base period before the first month in which it
                 was sold, so that a later month moves no price
    """
    wide = sold.with_columns(is_base=pl.col("month").is_between(first, last))
    long = pl.concat(
        wide.select(
            "bnf_code",
            "month",
            "is_base",
            gbp=pl.col(cost).cast(pl.Float64),
            units=cost.replace("_gbp", "_units"),
            cost=pl.lit(word).cast(PRICES.schema["cost"]),
            choice=2 * at + (~pl.col("is_base")).cast(pl.Int8),
        ).filter(pl.col("units") > 0)
        for at, (cost, word) in enumerate(COSTS.items())
    )
    best = long.filter(pl.col("choice") == pl.col("choice").min().over("bnf_code"))
    chosen = best.filter(pl.col("is_base") | (pl.col("month") == pl.col("month").min().over("bnf_code")))
    years = chosen.select(year=pl.col("month").dt.year().cast(pl.Int64)).unique()
    real = (pl.col("gbp") * pl.col("ratio")).round(6).cast(REAL_GBP)
    return PRICES.admit(
        chosen.with_columns(year=pl.col("month").dt.year().cast(pl.Int64))
        .join(deflate(years, deflators, gbp_year), on="year", how="left", validate="m:1")
        .group_by("bnf_code")
        .agg(
            price_gbp=real.sum().cast(pl.Float64) / pl.col("units").sum().cast(pl.Float64),
            price_from=pl.col("month").min(),
            price_to=pl.col("month").max(),
            is_base=pl.col("is_base").first(),
            cost=pl.col("cost").first(),
        )
        .sort("bnf_code")
    )


def deflate(years: pl.LazyFrame, deflators: pl.LazyFrame, gbp_year: int) -> pl.LazyFrame:
    """year → ratio: what £1 of that year is in £ of `gbp_year`, and deflator_year: whose deflator that rests on.

    years      year
    deflators  year, gdp_deflator of the years that are known, gbp_year among them; of another the nearest stands in
    """
    known = deflators.sort("year").with_columns(deflator_year="year")
    to = deflators.filter(pl.col("year") == gbp_year).select(to="gdp_deflator")
    return (
        years.sort("year")
        .join_asof(known, on="year", strategy="nearest")
        .join(to, how="cross")
        .select("year", "deflator_year", ratio=pl.col("to") / pl.col("gdp_deflator"))
    )
