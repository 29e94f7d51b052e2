"""People registered, month by month: carried forward, ended with their practice, and moved on to its successor."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import polars as pl

from prescarbon.model.successors import last_days, lines_of_successors
from prescarbon.tables.organisations import LIST_SIZES

CODE = "practice_code"
ENDS = (CODE, "successor_code")


def list_sizes_for(
    list_sizes: pl.LazyFrame, months: Sequence[date], practices: pl.LazyFrame, links: pl.DataFrame
) -> pl.LazyFrame:
    """People registered, for every practice with a list size or a part in a merger, and every month in which it is open.

    list_sizes  table LIST_SIZES as published
    practices   table PRACTICES: after its last day a practice has no list, unless one is published for that very month and
                nobody is known to have its people
    links       practice_code, successor_code, last_day of closed practices: while the successor's newest figure is of a
                day before the merger, the closed practice's last list is added to it; a newer figure counts them already
    returns     LIST_SIZES plus from_month, the month the figure is of. is_carried where that is an earlier month or a
                closed practice's list is added; patients is null (and is_carried false) where only later figures exist, or
                the list of a practice that was taken over is not known: unknown, never a guess
    """
    known = links.drop_nulls("last_day")
    last_months = known["last_day"].dt.month_start()
    codes = pl.concat([list_sizes.select(CODE), *(known.lazy().select(c).rename({c: CODE}) for c in ENDS)])
    ends = pl.concat([last_days(practices), known.lazy().select(CODE, "last_day")])
    in_life = pl.col("last_day").is_null() | (pl.col("month") <= pl.col("last_day"))
    is_of_the_month = pl.col("from_month").eq_missing(pl.col("month")) & ~pl.col(CODE).is_in(known[CODE].implode())
    has_begun = (pl.col("opened") <= pl.col("month").dt.month_end()).fill_null(value=True)
    sizes = (
        _carried(list_sizes, codes.unique(), {*months, *last_months})
        .join(ends.group_by(CODE).agg(pl.col("last_day").min()), on=CODE, how="left", validate="m:1")
        .join(practices.group_by(CODE).agg(pl.col("opened").min()), on=CODE, how="left", validate="m:1")
        .filter(in_life | is_of_the_month)
        .filter(has_begun | pl.col("patients").is_not_null())
        .drop("last_day")
        .with_columns(own="patients")
    )
    for _ in range(max(map(len, lines_of_successors(known).values()), default=0)):
        sizes = _with_lists_taken_over(sizes, known.lazy())
    return (
        sizes.filter(pl.col("month").is_in(sorted(set(months))))
        .select(*LIST_SIZES.names, "from_month")
        .sort(CODE, "month")
    )


def _carried(list_sizes: pl.LazyFrame, codes: pl.LazyFrame, months: Collection[date]) -> pl.LazyFrame:
    """LIST_SIZES plus from_month: each practice's newest figure up to each month, whether it is open or not."""
    wanted = pl.LazyFrame({"month": sorted(months)}, schema={"month": pl.Date})
    held = list_sizes.select(CODE, "patients", from_month="month").sort("from_month", CODE)
    return (
        codes.join(wanted, how="cross")
        .sort("month", CODE)
        .join_asof(held, left_on="month", right_on="from_month", by=CODE, strategy="backward", check_sortedness=False)
        .with_columns(is_carried=(pl.col("from_month") < pl.col("month")).fill_null(value=False))
    )


def _with_lists_taken_over(sizes: pl.LazyFrame, links: pl.LazyFrame) -> pl.LazyFrame:
    """One merger further: a successor whose figure is older than the merger has the closed practice's last list beside its own.

    A successor that opened after the closure and has no figure yet has no people of its own to know of.
    """
    last_lists = sizes.select(CODE, "month", given="patients")
    given = (
        links.with_columns(month=pl.col("last_day").dt.month_start())
        .join(last_lists, on=[CODE, "month"], how="left", validate="m:1")
        .select("last_day", "given", practice_code="successor_code")
    )
    is_older = (pl.col("from_month") <= pl.col("last_day")).fill_null(value=True)
    added = (
        sizes.select(CODE, "month", "from_month", "opened")
        .join(given, on=CODE)
        .filter((pl.col("month") > pl.col("last_day")) & is_older)
        .group_by(CODE, "month")
        .agg(
            added=pl.when(pl.col("given").is_not_null().all()).then(pl.col("given").sum()),
            is_new=(
                pl.col("from_month").is_null() & (pl.col("opened") > pl.col("last_day")).fill_null(value=False)
            ).all(),
            takes_over=pl.lit(value=True),
        )
    )
    own = pl.when("is_new").then(0).otherwise("own")
    return (
        sizes.join(added, on=[CODE, "month"], how="left", validate="1:1")
        .with_columns(
            patients=pl.when("takes_over").then(own + pl.col("added")).otherwise("own"),
            is_carried=pl.col("is_carried") | pl.col("added").is_not_null(),
        )
        .drop("added", "is_new", "takes_over")
    )


def join_lists(sizes: pl.LazyFrame, successor_of: Mapping[str, str]) -> pl.LazyFrame:
    """The lists of practices with those of the practices they took over, as `list_sizes_for` gives them.

    Null where the list of one of them is unknown in the month: a sum of the others would be a smaller practice.
    """
    is_whole = pl.col("patients").is_not_null().all()
    return (
        sizes.with_columns(pl.col(CODE).replace(successor_of))
        .group_by(CODE, "month")
        .agg(
            pl.when(is_whole).then(pl.col("patients").sum()).alias("patients"),
            pl.col("is_carried").any(),
            pl.col("from_month").min(),
        )
        .sort(CODE, "month")
    )
