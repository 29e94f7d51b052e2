"""Who belonged where, and when: snapshots → dated practices → the practices of a month and of a scope."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from prescarbon.errors import InputError
from prescarbon.tables.organisations import LEVELS, PRACTICES, SETTINGS
from prescarbon.tables.schema import FOREVER

# commissioner codes of BLMK: the sub-ICB location since 1 April 2021 and the three CCGs before (epraccur, columns 15 and 16)
BLMK_SUB_ICB_CODES = ("M1J4Y", "06F", "06P", "04F")
SCOPE_COLUMNS = {level: column for level, column in LEVELS.items() if level != "practice"}  # a practice is its code
PRACTICE_CODE = re.compile(r"[A-Z0-9]{3,8}")
AS_NOW = "as now"
MEMBERSHIPS = ("as then", AS_NOW)
MERGED = ["practice_name", "setting", "pcn_code", "pcn_name", "sub_icb_code", "icb_code"]


def date_practices(snapshots: pl.LazyFrame, memberships: pl.LazyFrame, parents: pl.LazyFrame) -> pl.LazyFrame:
    """Snapshots of organisation files as dated, gapless rows.

    snapshots    table PRACTICE_SNAPSHOTS, one row a practice and as_of
    memberships  table PCN_MEMBERSHIPS: a file with start dates says all it knows, the newest that names a practice is
                 believed; one without (a map) counts from its as-of date, for practices that no dated file names
    parents      table SUB_ICB_PARENTS, used where a practice's own file names no ICB
    returns      table PRACTICES; sub_icb_code is null before the first day for which a source gives one; valid_to of the
                 last row is the day the practice closed, the day before a file first called it not active, or 9999-12-31
    """
    snapshots = _with_undescribed(snapshots, memberships).sort("practice_code", "as_of")
    by = "practice_code"
    before = {name: pl.col(name).shift(1).over(by) for name in ("as_of", "sub_icb_code")}
    is_first = before["as_of"].is_null()
    moved = pl.col("sub_icb_code").ne_missing(before["sub_icb_code"]) & (pl.col("sub_icb_from") > before["as_of"])
    dated = snapshots.with_columns(
        start=pl.when((is_first | moved) & (pl.col("sub_icb_from") <= pl.col("as_of")))
        .then("sub_icb_from")
        .otherwise("as_of")
    )
    ends = dated.group_by(by).agg(
        pl.col("opened", "closed").sort_by("as_of").last(),
        first=pl.min_horizontal(pl.col("opened").min(), pl.col("start").min()),
        silent=pl.when(pl.col("is_in_use").sort_by("as_of").last().not_())
        .then(
            pl.col("as_of")
            .filter(pl.col("as_of") > pl.col("as_of").filter("is_in_use").max().fill_null(date.min))
            .min()
        )
        .otherwise(None),
    )
    ends = ends.with_columns(
        end=pl.max_horizontal(pl.coalesce("closed", pl.col("silent") - timedelta(days=1), pl.lit(FOREVER)), "first")
    ).select(by, "opened", "closed", "first", "end")
    members = _believed(memberships)
    points = (
        pl.concat(
            [
                dated.select(by, valid_from="start"),
                ends.select(by, valid_from="first"),
                members.select(by, valid_from="member_from"),
                members.filter(pl.col("member_to") < FOREVER).select(
                    by, valid_from=pl.col("member_to") + timedelta(days=1)
                ),
            ]
        )
        .unique()
        .join(ends, on=by, validate="m:1")
        .filter(pl.col("valid_from").is_between("first", "end"))
        .sort("valid_from", by)
    )
    in_pcn = (
        points.select(by, "valid_from")
        .join(members, on=by)
        .filter(pl.col("valid_from").is_between("member_from", "member_to"))
        .sort("member_from", "pcn_code", descending=[True, False])
        .group_by(by, "valid_from", maintain_order=True)
        .agg(pl.col("pcn_code", "pcn_name").first())
    )
    described = points.join_asof(
        dated.select(by, "start", "practice_name", "setting", "sub_icb_code", "icb_code").sort("start", by),
        left_on="valid_from",
        right_on="start",
        by=by,
        strategy="backward",
        check_sortedness=False,
    )
    rows = (
        described.join(in_pcn, on=[by, "valid_from"], how="left", validate="1:1")
        .join(_newest_parents(parents), on="sub_icb_code", how="left", validate="m:1")
        .sort(by, "valid_from")
        .with_columns(
            pl.col("practice_name", "setting").fill_null(strategy="backward").over(by),
            icb_code=pl.coalesce("icb_code", "icb_of_sub_icb"),
        )
    )
    changed = pl.any_horizontal(
        pl.col(by).ne_missing(pl.col(by).shift(1)), *(pl.col(c).ne_missing(pl.col(c).shift(1)) for c in MERGED)
    )
    next_from = pl.col("valid_from").shift(-1).over(by)
    return PRACTICES.admit(
        rows.filter(changed).with_columns(valid_to=pl.coalesce(next_from - timedelta(days=1), "end"))
    )


def _with_undescribed(snapshots: pl.LazyFrame, memberships: pl.LazyFrame) -> pl.LazyFrame:
    """Snapshots, and a thin one for each practice that only a PCN file names: its setting is not known."""
    newest = memberships.sort("as_of", "member_from", "pcn_code").group_by("practice_code", maintain_order=True).last()
    thin = newest.join(snapshots.select("practice_code"), on="practice_code", how="anti").select(
        "practice_code",
        "as_of",
        "practice_name",
        pl.lit("not known").cast(SETTINGS).alias("setting"),
        "sub_icb_code",
        "icb_code",
        pl.lit(True).alias("is_in_use"),
    )
    return pl.concat([snapshots, thin], how="diagonal")


def _believed(memberships: pl.LazyFrame) -> pl.LazyFrame:
    newest_dated = pl.col("as_of").filter(pl.col("member_from").is_not_null()).max().over("practice_code")
    is_dated = pl.col("member_from").is_not_null() & (pl.col("as_of") == newest_dated)
    return memberships.filter(is_dated | newest_dated.is_null()).select(
        "practice_code",
        "pcn_code",
        "pcn_name",
        pl.coalesce("member_from", "as_of").alias("member_from"),
        pl.col("member_to").fill_null(FOREVER),
    )


def _newest_parents(parents: pl.LazyFrame) -> pl.LazyFrame:
    newest = parents.sort("as_of", "icb_code").group_by("sub_icb_code", maintain_order=True).last()
    return newest.select("sub_icb_code", icb_of_sub_icb="icb_code")


def practices_in_force(practices: pl.LazyFrame, months: Sequence[date], membership: str = "as then") -> pl.LazyFrame:
    """One row a practice × month: what held on the first day of each month, or holds now.

    practices   table PRACTICES, from one or several lists (the first row of equal dates counts)
    months      firsts of months, in any order
    membership  "as then": the newest row that starts by that day, else the earliest; "as now": the newest row
    returns     month, then PRACTICES plus is_active (open in the month), state (active, not open yet, closed, not in
                use) and is_assumed (no source reaches back to the month: the earliest later sub-ICB location is used);
                sorted by month and practice_code

    Raises:
        InputError: membership is another word.
    """
    if membership not in MEMBERSHIPS:
        raise InputError(f"{membership!r} is no membership.", where="membership", remedy='Use "as then" or "as now".')
    by = "practice_code"
    known = (
        practices.unique([by, "valid_from"], keep="first", maintain_order=True)
        .sort(by, "valid_from")
        .with_columns(
            known_sub_icb=pl.col("sub_icb_code").fill_null(strategy="backward").over(by),
            known_icb=pl.col("icb_code").fill_null(strategy="backward").over(by),
            last_day=pl.col("valid_to").max().over(by),
        )
    )
    wanted = pl.LazyFrame({"month": sorted(set(months))}, schema={"month": pl.Date})
    earliest = known.group_by(by).agg(earliest=pl.col("valid_from").min(), newest=pl.col("valid_from").max())
    begun = known.select(by, begun="valid_from").sort("begun", by)
    is_as_then = membership == "as then"
    chosen = (
        earliest.join(wanted, how="cross")
        .sort("month", by)
        .join_asof(begun, left_on="month", right_on="begun", by=by, strategy="backward", check_sortedness=False)
        .select(
            "month",
            by,
            # the newest row that has begun; where none has, the earliest
            valid_from=pl.coalesce("begun", "earliest") if is_as_then else "newest",
            has_begun=pl.col("begun").is_not_null() if is_as_then else pl.lit(True),
        )
    )
    state = (
        pl.when(pl.col("opened") > pl.col("month").dt.month_end())
        .then(pl.lit("not open yet"))
        .when(pl.col("closed") < pl.col("month"))
        .then(pl.lit("closed"))
        .when(pl.col("last_day") < pl.col("month"))
        .then(pl.lit("not in use"))
        .otherwise(pl.lit("active"))
    )
    return (
        chosen.join(known, on=[by, "valid_from"], how="left", validate="m:1")
        .with_columns(
            is_assumed=~pl.col("has_begun")
            | (pl.col("sub_icb_code").is_null() & pl.col("known_sub_icb").is_not_null()),
            sub_icb_code=pl.coalesce("sub_icb_code", "known_sub_icb"),
            icb_code=pl.coalesce("icb_code", "known_icb"),
            state=state,
        )
        .with_columns(is_active=pl.col("state") == "active")
        .select("month", *PRACTICES.names, "is_active", "state", "is_assumed")
        .sort("month", by)
    )


def in_scope(practices: pl.LazyFrame, scope: Sequence[str]) -> pl.LazyFrame:
    """All dated rows of the practices that the scope names, at any date: a total does not move because a parent did.

    practices  table PRACTICES
    scope      any of: "all"; "blmk" (GP practices with a BLMK commissioner); "pcn:U…", "sub-icb:…", "icb:…"; a practice
               code, kept (setting not known) although no organisations file names it
    returns    PRACTICES

    Raises:
        InputError: an entry is none of these.
    """
    keep, codes = [pl.lit(False)], set()
    for entry in scope:
        kind, _, value = entry.partition(":")
        if entry == "all":
            keep.append(pl.lit(True))
        elif entry == "blmk":
            keep.append(pl.col("sub_icb_code").is_in(BLMK_SUB_ICB_CODES) & (pl.col("setting") == "GP practice"))
        elif value and kind in SCOPE_COLUMNS:
            keep.append(pl.col(SCOPE_COLUMNS[kind]) == value.strip().upper())
        elif PRACTICE_CODE.fullmatch(entry.strip().upper()):
            codes.add(entry.strip().upper())
        else:
            raise InputError(
                f"{entry!r} is no scope.",
                where="scope",
                remedy='Use blmk, gp or all alone, a practice code such as E81031, "pcn:…", "sub-icb:…", "icb:…" or "file:codes.txt".',
            )
    wanted = pl.any_horizontal(*keep, pl.col("practice_code").is_in(sorted(codes))).fill_null(False)
    found = practices.filter(wanted.any().over("practice_code"))
    asked = pl.LazyFrame({"practice_code": sorted(codes)}, schema={"practice_code": pl.String})
    unknown = asked.join(practices.select("practice_code"), on="practice_code", how="anti").select(
        *(
            pl.lit(None, c.dtype).alias(c.name) if c.name != "practice_code" else pl.col(c.name)
            for c in PRACTICES.columns
        )
    )
    unknown = unknown.with_columns(
        practice_name=pl.col("practice_code"),
        setting=pl.lit("not known").cast(SETTINGS),
        valid_from=pl.lit(date.min),
        valid_to=pl.lit(FOREVER),
    )
    return pl.concat([PRACTICES.admit(found), PRACTICES.admit(unknown)]).sort("practice_code", "valid_from")
