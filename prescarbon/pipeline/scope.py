"""Which practices a run is about: the configured scope as practice codes, resolved here for report and fetch alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.organisations import date_practices, in_scope
from prescarbon.model.text import without_controls
from prescarbon.pipeline.memberships import members_of
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.store.months import Store
from prescarbon.store.organisations import held_table
from prescarbon.tables.organisations import PCN_MEMBERSHIPS, PRACTICE_SNAPSHOTS, PRACTICES, SUB_ICB_PARENTS

EVERYONE = "every practice found"


@dataclass(frozen=True)
class Scope:
    """The practices of a run.

    codes  practice codes in order; None is every practice found
    words  the scope as pages and the manifest say it
    """

    codes: tuple[str, ...] | None
    words: str


def read_practices(home: Path, reference: Reference) -> pl.LazyFrame:
    """Table PRACTICES: what was imported, and the reference list for BLMK practices that no imported file names."""
    files = (held_table(home, table) for table in (PRACTICE_SNAPSHOTS, PCN_MEMBERSHIPS, SUB_ICB_PARENTS))
    imported = date_practices(*files).collect().lazy()
    fallback = reference.blmk.join(imported.select("practice_code").unique(), on="practice_code", how="anti")
    practices = pl.concat([imported, fallback]).sort("practice_code", "valid_from")
    names = without_controls(pl.col("practice_name", "pcn_name"))  # an older version's import let them in
    return PRACTICES.admit(practices.with_columns(names))


def resolve_scope(config: Config, reference: Reference, practices: pl.LazyFrame) -> Scope:
    """The configured scope over the practices known.

    practices  table PRACTICES, as `read_practices` gives it

    Raises:
        InputError: an entry is no scope, or its file of codes cannot be read.
    """
    if "all" in config.scope:
        return Scope(None, EVERYONE)
    if config.scope == ("gp",):
        is_gp = practices.filter(pl.col("setting") == "GP practice")
        return Scope(_codes(is_gp), "GP practices of the organisations files")
    # the reference list too: an imported file may call a BLMK practice closed, its past months stay in scope
    known = pl.concat([practices, reference.blmk])
    words = "GP practices of BLMK (reference/organisations)" if config.scope == ("blmk",) else ", ".join(config.scope)
    return Scope(_codes(in_scope(known, expand_scope(config.scope, reference.codes_in))), words)


def scope_codes(config: Config) -> list[str] | None:
    """Practice codes of the configured scope, for fetching; None where the scope is every practice."""
    reference = reference_of(config)
    codes = resolve_scope(config, reference, read_practices(config.home, reference)).codes
    return None if codes is None else list(codes)


def scope_with_rows(
    scope: Scope, config: Config, store: Store, months: Sequence[date]
) -> tuple[Scope, tuple[str, ...]]:
    """The scope that has rows in the months, and warnings: the default scope gives way to every practice, and says so.

    Raises:
        InputError: a scope that the user chose has no row.
    """
    if scope.codes is None:
        return scope, ()
    if store.scan(months).filter(pl.col("practice_code").is_in(scope.codes)).head(1).collect().height:
        return scope, ()
    if config.is_scope_given:
        raise InputError(
            f"no row of {', '.join(m.strftime('%Y-%m') for m in months)} belongs to the scope {scope.words}.",
            remedy="Check the codes, or use --scope all.",
        )
    warning = (
        f"None of the loaded months has a row of the default scope, {scope.words}; "
        "this run shows every practice found. Set `scope` to choose."
    )
    return Scope(None, EVERYONE), (warning,)


def organisations_in_scope(
    config: Config, reference: Reference, memberships: pl.DataFrame, level: str
) -> frozenset[str] | None:
    """The organisations of a level that have a practice of the scope the user chose; None where none was chosen.

    A scope chooses organisations and narrows none: a value of an organisation is of all its practices.

    memberships  what memberships.memberships_by_month returns, of every practice held

    Raises:
        InputError: no organisation has a practice of the scope.
    """
    if not config.is_scope_given:
        return None
    scope = resolve_scope(config, reference, read_practices(config.home, reference))
    if scope.codes is None:
        return None
    found = members_of(memberships, [level]).filter(pl.col("practice_code").is_in(scope.codes))
    codes = frozenset(found.select("organisation_code").collect()["organisation_code"])
    if not codes:
        raise InputError(
            f"no {level} has a row of the scope {scope.words}.", remedy="Check the codes, or use --scope all."
        )
    return codes


def expand_scope(scope: Sequence[str], codes_in: Callable[[Path], Sequence[str]]) -> tuple[str, ...]:
    """The scope with each "file:codes.txt" replaced by the codes in it.

    codes_in  Reference.codes_in
    """
    expanded: list[str] = []
    for entry in scope:
        kind, _, name = entry.partition(":")
        expanded += codes_in(Path(name)) if kind == "file" else [entry]
    return tuple(expanded)


def check_code(code: str, kind: str = "practice", like: str = "K81001") -> str:
    """An organisation's code in capitals.

    Raises:
        InputError: it has not the shape of an ODS code.
    """
    tidy = code.strip().upper()
    if not (tidy.isascii() and tidy.isalnum() and 3 <= len(tidy) <= 12):
        raise InputError(f"{code!r} is not a {kind} code.", remedy=f"An ODS code looks like {like}.")
    return tidy


def _codes(practices: pl.LazyFrame) -> tuple[str, ...]:
    return tuple(sorted(practices.select(pl.col("practice_code").unique()).collect()["practice_code"]))
