"""Organisation files → readings → the store: every file is read before any is written."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from prescarbon.errors import InputError
from prescarbon.source.organisation_files import MAY_BE, kind_of, read_organisation_file
from prescarbon.store.organisations import ImportedFile, publish_organisations


def import_organisations(
    files: Sequence[Path], home: Path, as_of: Mapping[Path, date] | None = None
) -> list[ImportedFile]:
    """Put each file's typed rows into the store; what became of each, in order of name.

    as_of  file → month it describes, for snapshot files whose name does not say

    Raises:
        InputError: a file is missing, is no organisations file, or is broken; see publish_organisations.
    """
    strangers = [f.name for f in files if kind_of(f) is None]
    if strangers:
        raise InputError("this is no organisations file.", where=", ".join(strangers), remedy=MAY_BE)
    ordered = sorted(files, key=lambda f: (f.name, str(f)))
    readings = [read_organisation_file(f, (as_of or {}).get(f)) for f in ordered]
    return publish_organisations(readings, home)
