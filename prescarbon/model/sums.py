"""Sums that are exact in any order of the rows, and null where nothing is known."""

import polars as pl

KILOGRAMS = ("kg_low", "kg_co2e", "kg_high")  # always in this order
DEVICE_DECIMALS = 6  # capsules make thirds of a device


def known_sum(name: str) -> pl.Expr:
    """Σ of a column (decimals or integers); null where every value is null, because nothing unknown is zero."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)


def exact_sum(value: str | pl.Expr, decimals: int = 3) -> pl.Expr:
    """Σ of a float kept to so many decimals, as a float; null where every value is null."""
    column = pl.col(value) if isinstance(value, str) else value
    whole = (column * 10**decimals).round().cast(pl.Int64)
    return pl.when(column.count() > 0).then(whole.sum() / 10**decimals)
