"""Names of products and practices: what files of organisations say, else what the newest rows print."""

import polars as pl

from prescarbon.model.activity import presentation_names
from prescarbon.model.text import without_controls


def names_of(prescribing: pl.LazyFrame, footprint: pl.DataFrame) -> dict[str, str]:
    """series_code → name: the newest printed name of any of its codes."""
    printed = presentation_names(prescribing).collect().with_columns(without_controls(pl.col("presentation_name")))
    series = footprint.select("bnf_code", "series_code").unique().sort("series_code", "bnf_code")
    known = series.join(printed, on="bnf_code", how="left").sort("series_code", "bnf_code")
    newest = known.with_columns(is_itself=pl.col("bnf_code") == pl.col("series_code")).sort(
        "series_code", "is_itself", "bnf_code"
    )
    named = newest.group_by("series_code", maintain_order=True).agg(pl.col("presentation_name").drop_nulls().last())
    return {row["series_code"]: row["presentation_name"] or row["series_code"] for row in named.to_dicts()}


def practices_of(footprint: pl.DataFrame, in_force: pl.DataFrame, prescribing: pl.LazyFrame) -> pl.DataFrame:
    """One row a practice in the footprint: membership in force, else what the prescribing rows print."""
    codes = footprint.select("practice_code").unique().sort("practice_code")
    force = in_force.drop("month").unique("practice_code", keep="last", maintain_order=True)
    printed = (
        prescribing.group_by("practice_code")
        .agg(
            pl.col("practice_name").sort_by("month", "practice_name").last().alias("printed_name"),
            pl.col("sub_icb_code").sort_by("month", "sub_icb_code").last().alias("printed_sub_icb"),
        )
        .collect()
    )
    return (
        codes.join(force, on="practice_code", how="left")
        .join(printed, on="practice_code", how="left")
        .with_columns(
            practice_name=pl.coalesce("practice_name", without_controls(pl.col("printed_name")), "practice_code"),
            sub_icb_code=pl.coalesce("sub_icb_code", "printed_sub_icb"),
            setting=pl.col("setting").fill_null("not known"),
        )
        .drop("printed_name", "printed_sub_icb")
        .sort("practice_code")
    )
