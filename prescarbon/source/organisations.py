"""Organisation files → the store, and back as dated practices and list sizes: any order of import gives the same bytes."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from prescarbon.errors import InputError
from prescarbon.source.organisation_files import MAY_BE, kind_of, read_organisation_file


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
