"""Organisation files → the store, and back as dated practices and list sizes: any order of import gives the same bytes."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.organisations import date_practices
from prescarbon.source.organisation_files import MAY_BE, kind_of, read_organisation_file
from prescarbon.tables import (
    LIST_SIZES,
    PCN_MEMBERSHIPS,
    PRACTICE_SNAPSHOTS,
    PRACTICE_TRAITS,
    PRACTICES,
    SUB_ICB_PARENTS,
    Table,
)

__all__ = [
    "ImportedFile",
    "default_scope",
    "expand_scope",
    "import_organisations",
    "kind_of",
    "read_list_sizes",
    "read_practice_traits",
    "read_practices",
]


@dataclass(frozen=True)
class ImportedFile:
    """What became of one file. rows_in = rows_used + rows_rejected + rows_not_needed (bands, areas, other diseases)."""

    file_name: str
    status: str
    kind: str
    as_of: str
    as_of_from: str
    rows_in: int
    rows_used: int
    rows_rejected: int
    rows_not_needed: int
    reasons: Mapping[str, int]
    hash: str


def import_organisations(
    files: Sequence[Path], home: Path, as_of: Mapping[Path, date] | None = None
) -> list[ImportedFile]:
    """Write each file's typed rows and its manifest under home/organisations; the same file again changes nothing.

    as_of  file → month it describes, for snapshot files whose name does not say

    Raises:
        InputError: a file is missing, is no organisations file, or is broken; every file is read before any is written.
    """
    strangers = [f.name for f in files if kind_of(f) is None]
    if strangers:
        raise InputError("this is no organisations file.", where=", ".join(strangers), remedy=MAY_BE)
    ordered = sorted(files, key=lambda f: (f.name, str(f)))
    readings = [(f, read_organisation_file(f, (as_of or {}).get(f))) for f in ordered]
    folder = home / "organisations"
    taken = []
    for file, reading in readings:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        # the table, the month and the file's hash name it: nothing depends on what was imported before
        stem = f"{reading.table.name}-{reading.as_of:%Y-%m}-{digest[:16]}"
        is_held = (folder / f"{stem}.json").exists() and (folder / f"{stem}.parquet").exists()
        counts = reading.rejected.group_by("reason").len().sort("reason")
        fact = ImportedFile(
            file_name=file.name,
            status="unchanged" if is_held else "imported",
            kind=reading.kind,
            as_of=reading.as_of.isoformat(),
            as_of_from=reading.as_of_from,
            rows_in=reading.rows_in,
            rows_used=reading.rows_in - reading.rows_not_needed - reading.rejected.height,
            rows_rejected=reading.rejected.height,
            rows_not_needed=reading.rows_not_needed,
            reasons=dict(zip(counts["reason"], counts["len"], strict=True)),
            hash=digest,
        )
        taken.append(fact)
        if is_held:
            continue
        _make_folder(folder)
        with _publishing(folder / f"{stem}.parquet") as draft:
            reading.rows.write_parquet(draft, compression="zstd")
        manifest = asdict(fact) | {"rejected": reading.rejected.to_dicts()}
        del manifest["status"]
        with _publishing(folder / f"{stem}.json") as draft:
            draft.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return taken


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror}).", where=str(folder), remedy="Set PRESCARBON_HOME."
        ) from error


@contextmanager
def _publishing(final: Path) -> Iterator[Path]:
    """A hidden neighbour to write to; it takes the name only when the block ends well."""
    draft = final.with_name(f".{final.name}.{os.getpid()}.part")
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(final)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror}).",
            where=str(final),
            remedy="Is the disk full or the folder protected?",
        ) from error
    finally:
        draft.unlink(missing_ok=True)


def _held(home: Path, table: Table) -> pl.LazyFrame:
    """All rows of a table; where two files give one key, the fuller file counts, then the greater hash."""
    files = sorted((home / "organisations").glob(f"{table.name}-*.parquet"))
    files = [f for f in files if f.with_suffix(".json").exists()]  # the manifest comes last: without it, unfinished
    if not files:
        return table.empty()
    frames = [
        pl.scan_parquet(f)
        .with_columns(file_rows=pl.len(), file=pl.lit(f.stem))
        .select(*table.names, "file_rows", "file")
        for f in files
    ]
    # a network's dated file and an undated map of one month may both be held: the file is part of what is compared
    return table.admit(
        pl.concat(frames)
        .sort("file_rows", "file", *table.grain, descending=[True, True, *[False] * len(table.grain)])
        .unique(list(table.grain), keep="first", maintain_order=True)
        .sort(table.names)
    )


def default_scope(root: Path) -> pl.LazyFrame:
    """The dated list of BLMK's GP practices, reference/organisations/blmk.csv, as table PRACTICES.

    root  the reference folder
    """
    raw = pl.scan_csv(root / "organisations" / "blmk.csv", infer_schema=False)
    cells = [
        (pl.col(c.name).str.to_date() if c.dtype == pl.Date else pl.col(c.name).cast(c.dtype))
        for c in PRACTICES.columns
    ]
    return PRACTICES.admit(raw.select(cells))


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


def read_list_sizes(home: Path) -> pl.LazyFrame:
    """Table LIST_SIZES as imported, one row a practice and month; none imported, no rows."""
    return _held(home, LIST_SIZES)


def read_practice_traits(home: Path) -> pl.LazyFrame:
    """Table PRACTICE_TRAITS as imported: one row a practice, month and file that speaks of it."""
    return _held(home, PRACTICE_TRAITS)
