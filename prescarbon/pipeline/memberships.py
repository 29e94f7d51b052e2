"""Which organisation of each level a practice belongs to, month by month: worked out once a run."""

from collections.abc import Mapping, Sequence

import polars as pl

from prescarbon.errors import InputError
from prescarbon.reference.places import Place
from prescarbon.tables.organisations import GROUP, LEVELS, PLACE
from prescarbon.tables.schema import MONTHS_IN_YEAR

SCOPE = "all practices in scope"
NO_PLACE = "In no listed place"
SILENT_FROM = f"{MONTHS_IN_YEAR}mo"  # after its last rows: nobody waits any longer for a practice that no file closes
ALL_LEVELS = (*LEVELS, PLACE, GROUP)


def check_level(level: str, allowed: Sequence[str] = tuple(LEVELS)) -> None:
    """Refuse what is no level.

    Raises:
        InputError: it is none of those allowed.
    """
    if level not in allowed:
        raise InputError(f"{level!r} is no level.", remedy=f"Levels: {', '.join(allowed)}.")


def memberships_by_month(
    in_force: pl.DataFrame, with_rows: pl.DataFrame, practices: pl.DataFrame, places: Mapping[str, Place]
) -> pl.DataFrame:
    """Every practice with rows, under the organisations of every level.

    in_force   month, practice_code and the columns of PRACTICES: what organisation files say of each month
    with_rows  practice_code, month of every row in the run
    practices  one row a practice: what its own rows print, where no file names it
    returns    practice_code, month, setting, is_due and a column for each level (LEVELS, place, group) with its
               organisation's code or null. A GP practice is due in every month that it is open for from the first to the
               last day, from its first month with rows until it has had none for a year: without its rows the sums of such
               a month lack a part
    """
    ends = pl.col("month").min().alias("first"), pl.col("month").max().dt.offset_by(SILENT_FROM).alias("silent")
    reporting = with_rows.group_by("practice_code").agg(*ends)
    in_force = in_force.join(reporting, on="practice_code", validate="m:1")
    first_day, last_day = pl.col("month"), pl.col("month").dt.month_end()
    is_open = (
        pl.col("is_active")
        & (pl.coalesce("opened", first_day) <= first_day)
        & (pl.coalesce("closed", last_day) >= last_day)
    )
    is_reporting = (pl.col("month") >= pl.col("first")) & (pl.col("month") < pl.col("silent"))
    is_due = is_open & is_reporting & (pl.col("setting").cast(pl.String) == "GP practice")
    named = in_force.select(
        "practice_code", "month", pl.col("setting").cast(pl.String), is_due.alias("is_due"), *_levels(places)
    )
    nameless = with_rows.join(named, on=["practice_code", "month"], how="anti").join(practices, on="practice_code")
    from_rows = nameless.select(
        "practice_code", "month", pl.lit("not known").alias("setting"), pl.lit(False).alias("is_due"), *_levels(places)
    )
    return pl.concat([named, from_rows]).sort("practice_code", "month")


def with_gaps_of_predecessors(
    memberships: pl.DataFrame, before: pl.DataFrame, with_rows: pl.DataFrame, successor_of: Mapping[str, str]
) -> pl.DataFrame:
    """Memberships as now, and under a successor's organisations the months in which a practice it took over had no rows.

    memberships  of the practices as they are now
    before       what `memberships_by_month` says of the practices as they were
    with_rows    practice_code, month of the practices as they were
    """
    gaps = (
        before.filter(pl.col("is_due") & pl.col("practice_code").is_in(list(successor_of)))
        .join(with_rows, on=["practice_code", "month"], how="anti")
        .select("month", gone="practice_code", practice_code=pl.col("practice_code").replace(successor_of))
    )
    held = memberships.join(gaps, on=["practice_code", "month"])
    added = held.with_columns(practice_code="gone", is_due=pl.lit(value=True)).select(memberships.columns)
    return pl.concat([memberships, added]).sort("practice_code", "month")


def members_now(practices: pl.DataFrame, places: Mapping[str, Place], levels: Sequence[str]) -> pl.LazyFrame:
    """practice_code, organisation_code, level: each practice under its organisation of each level in the last month.

    A practice of no listed place stands under NO_PLACE.
    practices  one row a practice (Evidence.practices)
    """
    wide = practices.lazy().select("practice_code", *_levels(places)).with_columns(pl.col(PLACE).fill_null(NO_PLACE))
    return _one_below_the_other(wide, ["practice_code"], levels)


def members_of(memberships: pl.DataFrame, levels: Sequence[str]) -> pl.LazyFrame:
    """practice_code, month, organisation_code, level, setting, is_due: each practice under its organisation of each level.

    memberships  what `memberships_by_month` returns
    """
    return _one_below_the_other(memberships.lazy(), ["practice_code", "month", "setting", "is_due"], levels)


def whole_months(members: pl.LazyFrame, with_rows: pl.LazyFrame) -> pl.LazyFrame:
    """level, organisation_code, month, is_whole: the months in which an organisation has rows, and of every practice due.

    members    practice_code, month, organisation_code, level, is_due, as `members_of` gives them
    with_rows  practice_code, month of every row in the run
    """
    has_rows = pl.col("has_rows").fill_null(value=False)
    return (
        members.join(with_rows.with_columns(has_rows=True), on=["practice_code", "month"], how="left", validate="m:1")
        .group_by("level", "organisation_code", "month")
        .agg(has_rows.any(), is_whole=(has_rows | ~pl.col("is_due")).all())
        .filter("has_rows")
        .drop("has_rows")
        .sort("level", "organisation_code", "month")
    )


def _one_below_the_other(wide: pl.LazyFrame, keep: Sequence[str], levels: Sequence[str]) -> pl.LazyFrame:
    return pl.concat(
        wide.select(*keep, pl.col(level).alias("organisation_code"), pl.lit(level).alias("level")) for level in levels
    ).drop_nulls("organisation_code")


def _levels(places: Mapping[str, Place]) -> list[pl.Expr]:
    """A column for each level from the columns of PRACTICES."""
    place_of = {code: place.name for place in places.values() for code in place.practice_codes}
    return [
        *(pl.col(column).alias(level) for level, column in LEVELS.items()),
        pl.col("practice_code").replace_strict(place_of, default=None, return_dtype=pl.String).alias(PLACE),
        pl.lit(SCOPE).alias(GROUP),
    ]
