"""Slow twins: the same answers by another way, one month or one row at a time, for tests to compare with."""

from datetime import date

import polars as pl

from prescarbon.tables.organisations import PRACTICES


def practices_in_one_month(practices: pl.LazyFrame, month: date, membership: str) -> pl.DataFrame:
    """What `practices_in_force` says of a single month: every dated row is carried along, none is looked up."""
    by = "practice_code"
    ordered = practices.unique([by, "valid_from"], keep="first", maintain_order=True).sort(by, "valid_from")
    known = ordered.with_columns(
        known_sub_icb=pl.col("sub_icb_code").fill_null(strategy="backward").over(by),
        known_icb=pl.col("icb_code").fill_null(strategy="backward").over(by),
        last_day=pl.col("valid_to").max().over(by),
    )
    has_begun = pl.col("valid_from") <= month if membership == "as then" else pl.lit(True)
    first, last_of_month = pl.lit(month), pl.lit(month).dt.month_end()
    state = (
        pl.when(pl.col("opened") > last_of_month)
        .then(pl.lit("not open yet"))
        .when(pl.col("closed") < first)
        .then(pl.lit("closed"))
        .when(pl.col("last_day") < first)
        .then(pl.lit("not in use"))
        .otherwise(pl.lit("active"))
    )
    return (
        known.with_columns(has_begun=has_begun)
        .with_columns(
            choice=pl.when("has_begun").then("valid_from").max().over(by).fill_null(pl.col("valid_from").min().over(by))
        )
        .filter(pl.col("valid_from") == pl.col("choice"))
        .with_columns(
            is_assumed=~pl.col("has_begun")
            | (pl.col("sub_icb_code").is_null() & pl.col("known_sub_icb").is_not_null()),
            sub_icb_code=pl.coalesce("sub_icb_code", "known_sub_icb"),
            icb_code=pl.coalesce("icb_code", "known_icb"),
            state=state,
        )
        .with_columns(is_active=pl.col("state") == "active")
        .select(*PRACTICES.names, "is_active", "state", "is_assumed")
        .sort(by)
        .collect()
    )
