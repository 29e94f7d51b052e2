"""What is overdue for review on the day the list is read: a rule that rests on it is a draft, and why in words."""

from collections.abc import Collection
from datetime import date

import polars as pl

REVIEWS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "bnf_code": pl.String,
    "product_name": pl.String,
    "what": pl.String,
    "review_by": pl.Date,
}
NAMED = 3  # products that a reason names


def overdue_words(pairs: pl.LazyFrame, reviews: pl.LazyFrame, rule_ids: Collection[str], on: date) -> pl.LazyFrame:
    """rule_id, overdue: in words, of each rule that a source or target of has an overdue propellant or factor.

    pairs     rule_id, from_code, to_code?: those that are not refused
    reviews   REVIEWS_SCHEMA: what is "propellant" or "factor"; review_by null: no day is stated, which is overdue too
    rule_ids  rules that rest on a factor
    on        the day the list is read: a review is overdue from the day after review_by
    """
    spoken_of = pl.concat(
        [pairs.select("rule_id", bnf_code="from_code"), pairs.select("rule_id", bnf_code="to_code").drop_nulls()]
    ).unique()
    names, count = pl.col("product_name"), pl.col("product_name").list.len()
    shown = names.list.head(NAMED).list.join(", ")
    more = pl.when(count > NAMED).then(pl.format("{} and {} more", shown, count - NAMED)).otherwise(shown)
    by = pl.format(
        " was to be reviewed by {} {}", pl.col("review_by").dt.day(), pl.col("review_by").dt.strftime("%B %Y")
    )
    return (
        spoken_of.filter(pl.col("rule_id").is_in(list(rule_ids)))
        .join(reviews.filter((pl.col("review_by") < on) | pl.col("review_by").is_null()), on="bnf_code")
        .group_by("rule_id", "what", "review_by")
        .agg(pl.col("product_name").unique().sort())
        .sort("rule_id", pl.col("what") == "factor", "review_by")
        .with_columns(
            words=pl.format("the {} of {}", "what", more) + by.fill_null(pl.lit(" has no day to be reviewed by"))
        )
        .group_by("rule_id", maintain_order=True)
        .agg(overdue=pl.col("words").str.join("; "))
    )


def with_overdue(standing: pl.LazyFrame, overdue: pl.LazyFrame) -> pl.LazyFrame:
    """`rules.standing_table`, in which what is overdue makes a rule a draft too.

    overdue  what `overdue_words` returns
    """
    is_overdue = pl.col("overdue").is_not_null()
    return (
        standing.join(overdue, on="rule_id", how="left", validate="1:1")
        .with_columns(
            is_draft=pl.col("is_draft") | is_overdue,
            why_draft=pl.when(is_overdue & pl.col("why_draft").is_not_null())
            .then(pl.format("{}; {}", "why_draft", "overdue"))
            .otherwise(pl.coalesce("why_draft", "overdue")),
        )
        .drop("overdue")
    )
