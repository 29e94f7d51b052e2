"""What a run has to say of its data: codes nobody knows or that disagree, practices not asked for, £ and factors not known."""

from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl

from prescarbon.errors import CoverageError
from prescarbon.model.activity import IS_INHALER
from prescarbon.model.period import Period
from prescarbon.model.successors import last_days
from prescarbon.model.witness import find_disagreements
from prescarbon.pipeline.scope import Scope
from prescarbon.reference.definitions import Reference
from prescarbon.reference.reviews import review_days
from prescarbon.store.manifests import MonthManifest, practices_missing

MISSING_SHOWN = 20
OVERDUE_SHOWN = 3
OVERDUE_OF = {
    "rule": "",
    "propellant": "the propellant of ",
    "factor": "the factor of ",
    "formulary": "on the formulary ",
}


def not_held(manifests: Sequence[MonthManifest], scope: Scope) -> tuple[str, ...]:
    """Months that were never fetched for all of the scope: which, how many practices lack, and how to get them."""
    lacking = {m.month: missing for m in manifests if (missing := practices_missing(m, scope.codes))}
    if not lacking:
        return ()
    months, first, last = ", ".join(lacking), min(lacking), max(lacking)
    if scope.codes is None:
        how = f"prescarbon fetch --scope all --months {first}:{last}"
        return (
            f"{months}: held for the practices of another scope alone, not every practice; get the rest with `{how}`.",
        )
    codes = sorted(frozenset[str]().union(*lacking.values()))
    named = ", ".join(codes[:MISSING_SHOWN]) + (" …" if len(codes) > MISSING_SHOWN else "")
    return (
        f"{months}: never fetched for {len(codes)} of the {len(scope.codes)} practices of the scope ({named}), so the figures "
        f"are of part of it; get the rest with `prescarbon fetch --months {first}:{last}`.",
    )


def months_lacking(months: Sequence[date]) -> tuple[str, ...]:
    """A gap between the months that are held: sums over it are of fewer months."""
    whole = Period.of(months[0], months[-1], months)
    if whole.is_whole:
        return ()
    named = ", ".join(f"{m:%Y-%m}" for m in whole.missing)
    return (
        f"{named}: not held, so no sum over it is whole, ranked or judged; get it with `prescarbon fetch --months "
        f"{whole.missing[0]:%Y-%m}:{whole.missing[-1]:%Y-%m}` or import its file.",
    )


def not_reported(memberships: pl.DataFrame, with_rows: pl.LazyFrame, months: Sequence[date]) -> tuple[str, ...]:
    """GP practices that were open all of a month and have no row in it: the month is not whole for whom they belong to.

    memberships  what `memberships.memberships_by_month` returns
    """
    due = memberships.lazy().filter(pl.col("is_due") & pl.col("month").is_in(list(months)))
    lacking = due.join(with_rows, on=["practice_code", "month"], how="anti").group_by("practice_code")
    found = lacking.agg(pl.col("month").sort()).sort("practice_code").collect()
    if found.is_empty():
        return ()
    listed = "; ".join(
        f"{code} in {', '.join(f'{m:%Y-%m}' for m in lacks[:MISSING_SHOWN])}{' …' * (len(lacks) > MISSING_SHOWN)}"
        for code, lacks in found.head(MISSING_SHOWN).iter_rows()
    )
    more = f" and {found.height - MISSING_SHOWN} more" if found.height > MISSING_SHOWN else ""
    return (
        f"No rows although open: {listed}{more}. Sums of those months lack them, so they are not whole for their PCN, sub-ICB "
        "location, ICB and the scope.",
    )


def without_successor(
    practices: pl.LazyFrame, own: pl.DataFrame, sizes: pl.LazyFrame, links: pl.DataFrame, months: Sequence[date]
) -> tuple[str, ...]:
    """GP practices of the run that closed in its months and whose people nobody is known to have: they leave every total.

    practices  table PRACTICES; own, one row a practice of the run
    sizes      what `people.list_sizes_for` returns
    links      what `successors.date_successors` returns
    """
    began, ended = months[0], months[-1]
    is_gone = (pl.col("last_day") >= began) & (pl.col("last_day") < pl.lit(ended).dt.month_end())
    people = sizes.drop_nulls("patients").sort("month").group_by("practice_code").agg(pl.col("patients").last())
    gone = (
        last_days(practices)
        .filter(is_gone)
        .join(own.lazy().filter(pl.col("setting").cast(pl.String) == "GP practice"), on="practice_code", how="semi")
        .join(links.lazy().drop_nulls("last_day"), on="practice_code", how="anti")
        .join(people, on="practice_code", how="left", validate="1:1")
        .sort("practice_code")
        .collect()
    )
    if gone.is_empty():
        return ()
    listed = "; ".join(
        f"{code} (closed {day:%Y-%m-%d}, {'list not known' if listed is None else f'{listed:,} people'})"
        for code, day, listed in gone.head(MISSING_SHOWN).iter_rows()
    )
    return (
        f"Closed in these months, and no successor is known: {listed}. Their people end with them and their past stands alone; "
        "name who took them over in a file of `successors`.",
    )


def rows_without_nic(prescribing: pl.LazyFrame, manifests: Sequence[MonthManifest]) -> tuple[str, ...]:
    """Rows of the scope whose £ are unknown: a sum of £ is of the others alone.

    prescribing  table PRESCRIBING of the scope in the months of the manifests
    """
    may_lack = [m.first_day for m in manifests if m.rows_used_without_nic != 0]  # None: an older version did not count
    if not may_lack:
        return ()
    counts = pl.len().alias("rows"), pl.col("nic_gbp").null_count().alias("without")
    found = prescribing.filter(pl.col("month").is_in(may_lack)).group_by("month").agg(counts).collect().sort("month")
    none, some = (found.filter(pl.col("without") == pl.col("rows")), found.filter(pl.col("without") < pl.col("rows")))
    some = some.filter(pl.col("without") > 0)
    named = [", ".join(f"{m:%Y-%m}" for m in part["month"]) for part in (none, some)]
    notes = []
    if named[0]:
        notes.append(f"{named[0]}: no row has a NIC; £ are unknown, not zero.")
    if named[1]:
        lack, rows = int(some["without"].sum()), int(some["rows"].sum())
        notes.append(f"{named[1]}: {lack:,} of {rows:,} used rows have no NIC; £ are of the others.")
    return tuple(notes)


def unknown_codes(footprint: pl.DataFrame, names: Mapping[str, str]) -> tuple[str, ...]:
    """A respiratory code that the reference does not hold is loud."""
    unknown = (
        footprint.filter(pl.col("reads_as") == "not known")
        .group_by("bnf_code", "series_code")
        .agg(pl.col("items").sum())
    )
    listed = [
        f"{names[r['series_code']]} ({r['bnf_code']}, {r['items']} items)" for r in unknown.sort("bnf_code").to_dicts()
    ]
    if not listed:
        return ()
    words = "; ".join(listed[:MISSING_SHOWN])
    return (f"{len(listed)} respiratory codes are not in the reference and carry no kilogram: {words}.",)


def disagreements(prescribing: pl.LazyFrame, reference: Reference) -> tuple[str, ...]:
    """SNOMED codes beside more than one product: a data note."""
    rows = find_disagreements(prescribing, reference.series).collect()
    if rows.is_empty():
        return ()
    first = rows.row(0, named=True)
    return (
        f"{rows.height} SNOMED codes stand beside BNF codes of two products in one month; BNF was used. "
        f"The first: {first['snomed_code']} in {first['month']:%Y-%m} beside {first['bnf_codes']}.",
    )


def overdue(reference: Reference, on: date, footprint: pl.DataFrame) -> tuple[str, ...]:
    """What is overdue for review on a day, grouped, in one sentence: rules, formulary rows, and of the products found here.

    footprint  table FOOTPRINT: a propellant or factor of what nobody prescribed is nothing to mind here
    """
    is_here = pl.col("id").is_in(footprint["bnf_code"].unique().to_list()) | pl.col("kind").is_in(["rule", "formulary"])
    late = review_days(reference, on).filter((pl.col("review_by") < on) & is_here)
    if late.is_empty():
        return ()
    told = []
    for (kind, day), rows in late.group_by("kind", "review_by", maintain_order=True):
        named = rows["id" if kind == "rule" else "name"].fill_null("a product").to_list()
        more = f" and {len(named) - OVERDUE_SHOWN} more" if len(named) > OVERDUE_SHOWN else ""
        told.append(f"{OVERDUE_OF[str(kind)]}{', '.join(named[:OVERDUE_SHOWN])}{more} (by {day.day} {day:%B %Y})")
    return (
        f"Overdue for review on {on.day} {on:%B %Y}: {'; '.join(told)}. Rules and lines that rest on them are drafts, and "
        "what is overdue on the formulary is no target; `prescarbon reference due` lists them all.",
    )


def check_coverage(footprint: pl.DataFrame, names: Mapping[str, str], floor: float) -> None:
    """Stop where too few inhaler items carry a factor.

    floor  least share (0–1)

    Raises:
        CoverageError: it is not reached; the sentence names the largest products without a factor.
    """
    inhalers = footprint.filter(IS_INHALER)
    items = int(inhalers["items"].sum())
    missing = inhalers.filter(pl.col("kg_co2e").is_null())
    share = 1 - int(missing["items"].sum()) / items if items else 1.0
    if share >= floor:
        return
    worst = (
        missing.group_by("series_code")
        .agg(pl.col("items").sum())
        .sort(["items", "series_code"], descending=[True, False])
    )
    listed = "; ".join(
        f"{names.get(r['series_code'], 'a product')} ({r['series_code']}, {r['items']} items)"
        for r in worst.head(MISSING_SHOWN).to_dicts()
    )
    raise CoverageError(
        f"only {share:.1%} of inhaler items carry a factor, the floor is {floor:.0%}. Without one: {listed}.",
        remedy="Add factors (`prescarbon factors import`) or lower coverage_floor.",
    )
