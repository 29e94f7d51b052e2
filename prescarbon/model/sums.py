"""Sums that are exact in any order and null where nothing is known."""

import polars as pl


def exact_sum(value: str | pl.Expr) -> pl.Expr:
    """Σ of a float kept to thousandths: the same in any order of the rows; null where every value is null."""
    column = pl.col(value) if isinstance(value, str) else value
    return pl.when(column.count() > 0).then((column * 1000).round().cast(pl.Int64).sum() / 1000)


KILOGRAMS = ("kg_low", "kg_co2e", "kg_high")


def known_sum(name: str) -> pl.Expr:
    """Sum of a column; null where every value is null, because nothing unknown is zero."""
    return pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)
