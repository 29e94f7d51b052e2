"""Claims → what the person's treatment costs before and after, for 30 days or, as needed, for one device."""

from datetime import date

import polars as pl

from prescarbon.model.opportunities.rules import NEEDS_TARGET

DAYS = 30
FOR_A_MONTH = "for 30 days"
FOR_A_DEVICE = "for one device and what replaces it"


def month_prices(claims: pl.LazyFrame, source_prices: pl.LazyFrame, of: date) -> pl.LazyFrame:
    """Claims plus month_price_from_gbp?, month_price_to_gbp?, month_price_words?, month_price_date?.

    claims         price_gbp? of a target unit with price_date?, ratio?, units, nic_gbp?, the regimen (from_puffs,
                   from_times, to_puffs, to_times) and doses a device of both sides (`doses.with_regimen`)
    source_prices  from_code, area_source_price (£ a unit over all practices loaded)
    of             the last month of the period: what is prescribed now is priced at its NIC
    returns        £ at the dose stated; where a side is taken as needed, £ of one device and of what replaces it by the
                   ratio. Null where a price, a regimen or the doses a device are not known, or nothing takes its place
    """
    is_replaced = pl.col("kind").cast(pl.String).is_in(NEEDS_TARGET)
    is_regular = pl.col("from_times").is_not_null() & pl.col("to_times").is_not_null()
    own = pl.when(pl.col("units") > 0).then(pl.col("nic_gbp").cast(pl.Float64) / pl.col("units"))
    before = pl.coalesce(own, "area_source_price")

    def devices(side: str) -> pl.Expr:
        return pl.col(f"{side}_puffs") * pl.col(f"{side}_times") * DAYS / pl.col(f"{side}_doses_per_device")

    both = {
        "month_price_from_gbp": pl.when(is_regular).then(before * devices("from")).otherwise(before),
        "month_price_to_gbp": pl.when(is_regular)
        .then(pl.col("price_gbp") * devices("to"))
        .otherwise(pl.col("price_gbp") * pl.col("ratio")),
    }
    return (
        claims.join(source_prices, on="from_code", how="left", validate="m:1")
        .with_columns(pl.when(is_replaced).then(price).alias(name) for name, price in both.items())
        .with_columns(
            month_price_words=pl.when(is_replaced).then(
                pl.when(is_regular).then(pl.lit(FOR_A_MONTH)).otherwise(pl.lit(FOR_A_DEVICE))
            ),
            # one date for both: the older one, so that an old price is never dated new
            month_price_date=pl.when(is_replaced & pl.col("price_date").is_not_null()).then(
                pl.min_horizontal("price_date", pl.lit(of))
            ),
        )
        .drop("area_source_price")
    )
