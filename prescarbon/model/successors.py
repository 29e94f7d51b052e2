"""Who took over from a practice that closed: dated links, followed to the practice that is open in the end."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl

from prescarbon.tables.schema import FOREVER


def date_successors(named: pl.LazyFrame, practices: pl.LazyFrame) -> pl.LazyFrame:
    """practice_code, successor_code, last_day?: the last day of each practice that is named as closed.

    named      practice_code, successor_code, merged_on? (first day with the successor)
    practices  table PRACTICES: where merged_on is empty, the day that the organisation files close the practice
    last_day   null where neither gives a day: such a link holds on no day
    """
    return named.join(last_days(practices), on="practice_code", how="left", validate="m:1").select(
        "practice_code",
        "successor_code",
        last_day=pl.coalesce(
            pl.col("merged_on") - timedelta(days=1), pl.when(pl.col("last_day") < FOREVER).then("last_day")
        ),
    )


def closed_by(in_force: pl.LazyFrame, links: pl.LazyFrame) -> pl.LazyFrame:
    """Practices of each month with the day they closed: of a merger, where that is earlier than the organisation files'.

    in_force  what `organisations.practices_in_force` returns
    links     what `date_successors` returns
    """
    columns = in_force.collect_schema().names()
    closed = pl.min_horizontal("closed", "last_day")
    return (
        in_force.join(links.select("practice_code", "last_day"), on="practice_code", how="left", validate="m:1")
        .with_columns(closed=closed, is_active=pl.col("is_active") & (closed >= pl.col("month")).fill_null(value=True))
        .with_columns(state=pl.when(closed < pl.col("month")).then(pl.lit("closed")).otherwise("state"))
        .select(columns)
    )


def last_days(practices: pl.LazyFrame) -> pl.LazyFrame:
    """practice_code, last_day: the day a practice closed or was last called in use; 9999-12-31 where it is open."""
    return practices.group_by("practice_code").agg(last_day=pl.col("valid_to").max())


def lines_of_successors(links: pl.DataFrame) -> Mapping[str, Sequence[str]]:
    """practice_code → who took its people over, and who took over from that one, to the practice that has them in the end.

    links  practice_code (once), successor_code, without a circle: `reference check` refuses one
    """
    next_of = dict(links.select("practice_code", "successor_code").iter_rows())
    found: dict[str, list[str]] = {}
    for code in next_of:
        line = [next_of[code]]
        while line[-1] in next_of:
            line.append(next_of[line[-1]])
        found[code] = line
    return found
