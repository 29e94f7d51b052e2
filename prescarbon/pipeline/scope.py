"""Which practices a run is about."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.organisations import date_practices, in_scope
from prescarbon.reference.definitions import Reference, read_reference
from prescarbon.reference.places import default_scope
from prescarbon.store.months import Store
from prescarbon.store.organisations import _held
from prescarbon.tables.organisations import PCN_MEMBERSHIPS, PRACTICE_SNAPSHOTS, PRACTICES, SUB_ICB_PARENTS


def _scope(
    config: Config, reference: Reference, practices: pl.LazyFrame, store: Store, months: Sequence[date]
) -> tuple[list[str] | None, str, tuple[str, ...]]:
    """Practice codes to keep (None keeps all), the scope in words, and warnings."""
    if "all" in config.scope:
        return None, "every practice found", ()
    if config.scope == ("gp",):
        is_gp = practices.filter(pl.col("setting") == "GP practice")
        return sorted(is_gp.collect()["practice_code"].unique()), "GP practices of the organisations files", ()
    known = pl.concat([practices, default_scope(reference.root)], how="vertical")
    codes = sorted(in_scope(known, expand_scope(config.scope)).collect()["practice_code"].unique())
    words = "GP practices of BLMK (reference/organisations)" if config.scope == ("blmk",) else ", ".join(config.scope)
    found = store.scan(months).filter(pl.col("practice_code").is_in(codes)).head(1).collect()
    if found.height:
        return codes, words, ()
    if config.is_scope_given:
        raise InputError(
            f"no row of {', '.join(m.strftime('%Y-%m') for m in months)} belongs to the scope {words}.",
            remedy="Check the codes, or use --scope all.",
        )
    warning = (
        f"None of the loaded months has a row of the default scope, {words}; "
        "this run shows every practice found. Set `scope` to choose."
    )
    return None, "every practice found", (warning,)


def scope_codes(config: Config) -> list[str] | None:
    """Practice codes of the configured scope; None where the scope is every practice."""
    if "all" in config.scope:
        return None
    root = read_reference(config.reference).root
    known = [read_practices(config.home, root), default_scope(root)]
    codes: set[str] = set()
    for practices in known:
        codes |= set(in_scope(practices, expand_scope(config.scope)).collect()["practice_code"])
    return sorted(codes)


def check_practice_code(code: str) -> str:
    """The code in capitals.

    Raises:
        InputError: it has not the shape of an ODS code.
    """
    tidy = code.strip().upper()
    if not (tidy.isascii() and tidy.isalnum() and 3 <= len(tidy) <= 12):
        raise InputError(f"{code!r} is not a practice code.", remedy="An ODS code looks like K81001.")
    return tidy


def expand_scope(scope: Sequence[str]) -> tuple[str, ...]:
    """The scope with each "file:codes.txt" replaced by the codes in it (one a line, "#" begins a remark).

    Raises:
        InputError: the file cannot be read or holds no code.
    """
    entries: list[str] = []
    for entry in scope:
        if not entry.startswith("file:"):
            entries.append(entry)
            continue
        path = Path(entry.removeprefix("file:"))
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                "this list of codes cannot be read.", where=str(path), remedy="Give a text file."
            ) from error
        codes = [code for line in lines if (code := line.partition("#")[0].strip())]
        if not codes:
            raise InputError("this list holds no code.", where=str(path), remedy="Write one practice code a line.")
        entries.extend(codes)
    return tuple(entries)


def read_practices(home: Path, reference_root: Path) -> pl.LazyFrame:
    """Table PRACTICES: what was imported, and the reference list for BLMK practices that no imported file names."""
    snapshots = _held(home, PRACTICE_SNAPSHOTS)
    imported = date_practices(snapshots, _held(home, PCN_MEMBERSHIPS), _held(home, SUB_ICB_PARENTS)).collect().lazy()
    fallback = default_scope(reference_root).join(
        imported.select("practice_code").unique(), on="practice_code", how="anti"
    )
    return PRACTICES.admit(pl.concat([imported, fallback]).sort("practice_code", "valid_from"))
