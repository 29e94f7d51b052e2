"""BNF and SNOMED codes witness each other: one product in one month has one BNF series, whichever code names it."""

import polars as pl


def find_disagreements(prescribing: pl.LazyFrame, series: pl.LazyFrame) -> pl.LazyFrame:
    """SNOMED codes that stand beside BNF codes of more than one product in one month.

    prescribing  table PRESCRIBING; rows without a SNOMED code bear no witness
    series       bnf_code → series_code: a January change of code is no disagreement
    returns      month, snomed_code, bnf_codes (with a blank between), items, sorted
    """
    beside = (
        prescribing.filter(pl.col("snomed_code").is_not_null())
        .group_by("month", "snomed_code", "bnf_code")
        .agg(pl.col("items").sum())
        .join(series, on="bnf_code", how="left")
        .with_columns(series_code=pl.coalesce("series_code", "bnf_code"))
    )
    return (
        beside.group_by("month", "snomed_code")
        .agg(
            pl.col("series_code").n_unique().alias("products"),
            pl.col("bnf_code").unique().sort().str.join(" ").alias("bnf_codes"),
            pl.col("items").sum(),
        )
        .filter(pl.col("products") > 1)
        .drop("products")
        .sort("month", "snomed_code")
    )
