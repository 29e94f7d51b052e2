"""What is held and how it stands: months, what an import did, faults of the reference data."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from prescarbon.config import Config
from prescarbon.errors import DefinitionError
from prescarbon.pipeline.intake import Taken
from prescarbon.reference import find_reference, read_reference
from prescarbon.reference_checks import find_faults
from prescarbon.reference_measures import read_measures
from prescarbon.reference_switches import list_faults
from prescarbon.reference_wording import read_wording
from prescarbon.source.organisations import import_organisations
from prescarbon.store.months import Store


def months(config: Config) -> list[dict[str, Any]]:
    """The manifests of the months held, oldest first."""
    return [asdict(m) for m in sorted(Store(config.home).months(), key=lambda m: m.month)]


def months_table(held: Sequence[dict[str, Any]]) -> str:
    """The months as lines of text."""
    if not held:
        return "No month is loaded yet. Run `prescarbon import FILES` or `prescarbon fetch --months 2025-04:`."
    head = f"{'month':8}{'rows in':>12}{'used':>12}{'rejected':>10}{'£ NIC in':>18}{'used':>18}{'rejected':>14}  source"
    lines = [
        f"{m['month']:8}{m['rows_in']:>12,}{m['rows_used']:>12,}{m['rows_rejected']:>10,}"
        f"{m['nic_gbp_in']:>18,.2f}{m['nic_gbp_used']:>18,.2f}{m['nic_gbp_rejected']:>14,.2f}"
        f"  {m['source']} {m['file_name']} {m['hash'][:12]}"
        for m in held
    ]
    return "\n".join([head, *lines])


def taken_line(taken: Taken) -> str:
    """What became of one file, in one line."""
    m = taken.month
    if m is None:
        return f"{taken.file_name}: {taken.status}: {taken.words}"
    words = f"{m.month} {taken.status} from {taken.file_name}: {m.rows_in:,} rows in = {m.rows_used:,} used + {m.rows_rejected:,} rejected"
    pounds = f"NIC £{m.nic_gbp_in:,.2f} in = £{m.nic_gbp_used:,.2f} used + £{m.nic_gbp_rejected:,.2f} rejected"
    return "\n  mind: ".join([f"{words}; {pounds}", *m.warnings])


def taken_json(taken: Taken) -> dict[str, Any]:
    """What became of one file, for a script."""
    manifest = asdict(taken.month) if taken.month else {}
    return {"file_name": taken.file_name, "status": taken.status, "words": taken.words, **manifest}


def reference_faults(config: Config) -> list[dict[str, Any]]:
    """Every fault of the reference data."""
    root = find_reference(config.reference)
    faults = [asdict(fault) for fault in find_faults(root)]
    other = list_faults(root, config.formulary)
    try:
        read_measures(root, set(read_reference(root).sources))
    except DefinitionError as error:
        other += str(error).splitlines()
    try:
        read_wording(root)
    except DefinitionError as error:
        other += str(error).splitlines()
    return faults + [{"file": "definitions", "line": 0, "column": "", "value": "", "reason": text} for text in other]


def organisations_import(config: Config, files: Sequence[Path], *, as_of: date | None) -> list[dict[str, Any]]:
    """Import organisation files; what became of each."""
    given = dict.fromkeys(files, as_of) if as_of else None
    return [asdict(taken) for taken in import_organisations(files, config.home, given)]


def organisations_table(taken: Sequence[dict[str, Any]]) -> str:
    """What became of each organisations file, in lines."""
    return "\n".join(", ".join(f"{key} {value}" for key, value in line.items()) for line in taken)
