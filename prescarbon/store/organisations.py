"""What is held of organisations: each file's typed rows and its manifest, written whole, read back as tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.errors import InputError
from prescarbon.manifest import to_json
from prescarbon.store.atomic import alone, publishing, writing_to
from prescarbon.store.manifests import UNREADABLE
from prescarbon.tables.organisations import LIST_SIZES, ORGANISATION_REJECTS, PRACTICE_TRAITS
from prescarbon.tables.schema import Table

REMEDY = "Free some space or choose another folder with --home or PRESCARBON_HOME."


@dataclass(frozen=True)
class Reading:
    """What a file says: good rows of `table`, `rejected` (line, reason), and rows it holds that nothing here needs.

    texts_cleaned  cells, each text once a column, that held control characters
    """

    file_name: str
    hash: str
    kind: str
    table: Table
    rows: pl.DataFrame
    rejected: pl.DataFrame
    rows_in: int
    rows_not_needed: int
    as_of: date
    as_of_from: str
    texts_cleaned: int


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
    texts_cleaned: int


def publish_organisations(readings: Sequence[Reading], home: Path) -> list[ImportedFile]:
    """Write each reading's rows and, last, its manifest under home/organisations; the same file again changes nothing.

    Any order gives the same bytes: the table, the month and the file's hash name what is written.

    Raises:
        InputError: the folder cannot be written to, or another prescarbon is at work in the same store.
    """
    folder = home / "organisations"
    with writing_to(folder, REMEDY), alone(home):
        return [_publish(reading, folder) for reading in readings]


def _publish(reading: Reading, folder: Path) -> ImportedFile:
    stem = f"{reading.table.name}-{reading.as_of:%Y-%m}-{reading.hash[:16]}"
    rows, manifest = folder / f"{stem}.parquet", folder / f"{stem}.json"
    is_held = manifest.exists() and rows.exists()
    counts = reading.rejected.group_by("reason").len().sort("reason")
    fact = ImportedFile(
        file_name=reading.file_name,
        status="unchanged" if is_held else "imported",
        kind=reading.kind,
        as_of=reading.as_of.isoformat(),
        as_of_from=reading.as_of_from,
        rows_in=reading.rows_in,
        rows_used=reading.rows_in - reading.rows_not_needed - reading.rejected.height,
        rows_rejected=reading.rejected.height,
        rows_not_needed=reading.rows_not_needed,
        reasons=dict(zip(counts["reason"], counts["len"], strict=True)),
        hash=reading.hash,
        texts_cleaned=reading.texts_cleaned,
    )
    if is_held:
        return fact
    with publishing(rows) as draft:
        reading.rows.write_parquet(draft, compression="zstd")
    written = asdict(fact) | {"rejected": reading.rejected.to_dicts()}
    del written["status"]
    with publishing(manifest) as draft:  # the commit point
        draft.write_text(to_json(written), "utf-8")
    return fact


def read_organisation_rejects(home: Path) -> pl.DataFrame:
    """Table ORGANISATION_REJECTS of every file held, in order of file and line.

    Raises:
        InputError: a manifest cannot be read.
    """
    found = [_rejected(file) for file in sorted((home / "organisations").glob("*.json"))]
    return pl.concat([ORGANISATION_REJECTS.empty().collect(), *found]).sort("source_file", "as_of", "line")


def _rejected(manifest: Path) -> pl.DataFrame:
    try:
        held: dict[str, Any] = json.loads(manifest.read_text("utf-8"))
        fixed = {"source_file": held["file_name"], "kind": held["kind"], "as_of": date.fromisoformat(held["as_of"])}
        rows = [fixed | {"line": r["line"], "reason": r["reason"]} for r in held["rejected"]]
        return pl.DataFrame(rows, schema=ORGANISATION_REJECTS.schema)
    except (OSError, ValueError, TypeError, KeyError, RecursionError, pl.exceptions.PolarsError) as error:
        raise InputError(
            "cannot be read as an organisation file's manifest.",
            where=manifest.name,
            remedy="Remove it and import the file again.",
        ) from error


def held_table(home: Path, table: Table) -> pl.LazyFrame:
    """All rows of a table; where two files give one key, the fuller file counts, then the greater hash.

    Raises:
        InputError: a Parquet is cut or is no such table.
    """
    files = sorted((home / "organisations").glob(f"{table.name}-*.parquet"))
    files = [f for f in files if f.with_suffix(".json").exists()]  # the manifest comes last: without it, unfinished
    if not files:
        return table.empty()
    frames = [
        _scan(f, table).with_columns(file_rows=pl.len(), file=pl.lit(f.stem)).select(*table.names, "file_rows", "file")
        for f in files
    ]
    # a network's dated file and an undated map of one month may both be held: the file is part of what is compared
    return table.admit(
        pl.concat(frames)
        .sort("file_rows", "file", *table.grain, descending=[True, True, *[False] * len(table.grain)])
        .unique(list(table.grain), keep="first", maintain_order=True)
        .sort(table.names)
    )


def _scan(file: Path, table: Table) -> pl.LazyFrame:
    try:
        return table.admit(pl.scan_parquet(file))
    except (*UNREADABLE, InputError) as error:
        raise InputError(
            f"cannot be read as {table.name}.",
            where=file.name,
            remedy=f"Remove {file.stem}.json and import the file again.",
        ) from error


def read_list_sizes(home: Path) -> pl.LazyFrame:
    """Table LIST_SIZES as imported, one row a practice and month; none imported, no rows."""
    return held_table(home, LIST_SIZES)


def read_practice_traits(home: Path) -> pl.LazyFrame:
    """Table PRACTICE_TRAITS as imported: one row a practice, month and file that speaks of it."""
    return held_table(home, PRACTICE_TRAITS)
