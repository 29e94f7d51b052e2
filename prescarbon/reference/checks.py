"""Proves the definitions, what the configuration names in them, and the user's own files: every fault at once, none stops another."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from typing import Any, TypeAlias

from prescarbon.config import FILE_NAME, Config
from prescarbon.errors import Fault, PrescarbonError
from prescarbon.reference import proofs
from prescarbon.reference.definitions import (
    Reference,
    unchecked_reference,
    unknown_mixes,
    unknown_shares,
)
from prescarbon.reference.folder import DOCUMENTS, TABLES
from prescarbon.reference.formulary import formulary_sheet
from prescarbon.reference.local import (
    ActionRow,
    CampaignRow,
    ExcludedRow,
    ReturnRow,
    SuccessorRow,
    circles,
    read_codes,
)
from prescarbon.reference.measures import gather_measures
from prescarbon.reference.overrides import OVERRIDES, override_faults
from prescarbon.reference.rules import gather_rules
from prescarbon.reference.signoff import SignoffRow, signoff_faults, today
from prescarbon.reference.switches import gather_switches
from prescarbon.reference.wording import gather_wording

Proof: TypeAlias = Callable[[], Iterable[Fault]]


def reference_faults(config: Config) -> list[dict[str, Any]]:
    """Every fault of the reference folder, of what the configuration names in it, and of the user's own files.

    Returns:
        file, line (0 for a key of a TOML file), column (or dotted key), value, reason.

    Raises:
        DefinitionError: there is no such folder.
    """
    reference = unchecked_reference(config)
    faults = find_faults(reference)
    faults += _local_faults(reference, faults)
    if config.factor_set not in reference.factor_sets():
        sets = ", ".join(reference.factor_sets())
        faults.append(Fault(FILE_NAME, 0, "factor_set", config.factor_set, f"is none of the sets {sets}"))
    named = (partial(unknown_shares, config, reference), partial(unknown_mixes, config, reference))
    faults += _proven(named, faults)
    return [asdict(fault) for fault in dict.fromkeys(faults)]


def find_faults(reference: Reference) -> list[Fault]:
    """Faults of each file by itself, then those over several files wherever the files concerned are sound."""
    ours = [name for name, file in reference.set_files.items() if file not in reference.imported]
    sheets = [*map(reference.sheet, TABLES), *map(reference.set_sheet, ours)]
    faults = [fault for sheet in sheets for fault in sheet.faults]
    faults += [fault for name in DOCUMENTS for fault in reference.document(name).faults]
    for _, found in (
        gather_measures(reference.files),
        gather_switches(reference.files),
        gather_wording(reference.files),
    ):
        faults += found
    return faults + _proven([partial(prove, reference) for prove in proofs.OVER_FILES], faults)


def _local_faults(reference: Reference, known: list[Fault]) -> list[Fault]:
    """Faults of the user's own files, each by itself and against the definitions."""
    files, local = reference.files, reference.local
    named = (
        (local.excluded_products, ExcludedRow),
        (local.campaigns, CampaignRow),
        (local.kpi_returns, ReturnRow),
        (local.successors, SuccessorRow),
        (local.actions, ActionRow),
        (local.signoff, SignoffRow),
    )
    sheets = [files.sheet(file, model) for file, model in named if file]
    sheets += [formulary_sheet(files, local.formulary)] if local.formulary else []
    sheets += [reference.set_sheet(file.stem) for file in reference.imported]
    faults = [fault for sheet in sheets for fault in sheet.faults]
    faults += [fault for file in local.code_lists for fault in read_codes(files, file)[1]]
    against: list[Proof] = []
    if local.overrides:
        document = files.document(local.overrides, OVERRIDES)
        faults += document.faults
        content = document.content or {}
        against.append(lambda: override_faults(content, gather_rules(files)[0], document.name))
    for sheet in sheets:
        if not sheet.faults and sheet.model is SignoffRow:
            against.append(partial(signoff_faults, sheet, today()))
        if not sheet.faults and sheet.model in (CampaignRow, ActionRow):
            against.append(partial(reference.unknown_rules, sheet))
        if not sheet.faults and sheet.model is ReturnRow:
            against.append(partial(reference.unknown_kpis, sheet))
        if not sheet.faults and sheet.model is SuccessorRow:
            against.append(partial(circles, sheet))
    if local.formulary:
        against.append(lambda: gather_switches(files, local.formulary)[1])
    return faults + _proven(against, known + faults)


def _proven(checks: Iterable[Proof], known: list[Fault]) -> list[Fault]:
    """What the proofs find; one that cannot be made, because a file it needs is wrong, is told only where none is known."""
    found: list[Fault] = []
    for check in checks:
        try:
            found += check()
        except PrescarbonError as error:
            if not known and not found:
                found.append(Fault("reference", 0, "", "", str(error)))
    return found
