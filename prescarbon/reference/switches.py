"""Rules, guards and formulary together: what can only be seen over several files."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from prescarbon.errors import DefinitionError, Fault, refuse
from prescarbon.model.opportunities.rules import Guard, SwitchRule
from prescarbon.reference.doses import bands_of, dose_sheet_faults, facts_by_code
from prescarbon.reference.files import Files
from prescarbon.reference.formulary import formulary_of, formulary_sheet, licences_of, on_formulary
from prescarbon.reference.rule_doses import Bands, Facts, dose_contradictions
from prescarbon.reference.rule_keys import GuardsPart
from prescarbon.reference.rules import REMEDY, gather_rules, guard_of


@dataclass(frozen=True)
class Switches:
    """Everything the opportunity engine reads from reference/: rules, guards and the formulary."""

    rules: tuple[SwitchRule, ...]
    guards: tuple[Guard, ...]
    formulary: pl.LazyFrame


def gather_switches(files: Files, formulary: Path | None = None) -> tuple[Switches, list[Fault]]:
    """Rules, guards and formulary, checked against each other; and every fault of every file but a local formulary.

    formulary  a local formulary file instead of formulary/default.csv

    Raises:
        InputError: a wrong cell of the local formulary.
    """
    rules, faults = gather_rules(files)
    document = files.document(files.root / "switches" / "guards.toml", GuardsPart)
    guards = tuple(guard_of(part) for part in document.content.guard) if document.content else ()
    sheet = formulary_sheet(files, formulary)
    faults += document.faults + (() if formulary else sheet.faults)
    faults += dose_sheet_faults(files)
    if not faults:
        faults += over_rules(rules, facts_by_code(files), bands_of(files), licences_of(formulary_of(files, formulary)))
    return Switches(rules, guards, on_formulary(sheet.rows)), faults


def read_switches(files: Files, formulary: Path | None = None) -> Switches:
    """Rules, guards and formulary, checked against each other.

    formulary  a local formulary file instead of formulary/default.csv

    Raises:
        DefinitionError: naming every fault of every file at once.
        InputError: a wrong cell of the local formulary.
    """
    switches, faults = gather_switches(files, formulary)
    refuse(faults, DefinitionError, REMEDY)
    return switches


def over_rules(
    rules: Sequence[SwitchRule],
    facts: Facts,
    bands: Bands,
    licences: Mapping[str, tuple[int | None, str | None]],
) -> list[Fault]:
    """What can only be seen over several files: ids are unique; doses and licences are respected.

    facts, bands  as `rule_doses.dose_contradictions` takes them
    licences      bnf_code → licensed from this age (None: no limit that matters here), and a word that the rule's
                  wording must hold (such as COPD)
    """
    found = [(r.id, key, reason) for r in rules for key, reason in _of_rule(r, rules, facts, bands, licences)]
    return [Fault("switches", 0, f"{rule}.{key}", "", f"{rule}: {reason}") for rule, key, reason in sorted(set(found))]


def _of_rule(
    rule: SwitchRule,
    rules: Sequence[SwitchRule],
    facts: Facts,
    bands: Bands,
    licences: Mapping[str, tuple[int | None, str | None]],
) -> Iterator[tuple[str, str]]:
    if sum(rule.id == other.id for other in rules) > 1:
        yield "id", "two rules have this id"
    if rule.alternative_to is not None and rule.alternative_to not in {r.id for r in rules} - {rule.id}:
        yield "alternative_to", f"alternative_to {rule.alternative_to} is no other rule"
    targets = [*rule.to_codes, *rule.to_pairs.values()]
    yield from dose_contradictions(rule, facts, bands)
    words = " ".join((rule.title, rule.from_words, rule.caveats, *rule.excluded))
    for code in targets:
        age, note = licences.get(code, (None, None))
        if age is not None and not any(int(found) >= age for found in re.findall(r"under (\d+)", words)):
            yield "excluded", f"{code} is licensed from {age}, but who is left out does not say 'under {age}'"
        if note and note not in words:
            yield "excluded", f"{code} is licensed for {note} only, which the rule does not say"
