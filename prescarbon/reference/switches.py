"""Rules, guards and formulary together: what can only be seen over several files."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from prescarbon.errors import DefinitionError, Fault, refuse
from prescarbon.model.opportunities.rules import Guard, SwitchRule
from prescarbon.reference.files import Files
from prescarbon.reference.formulary import formulary_of, formulary_sheet, licences_of, on_formulary
from prescarbon.reference.rule_keys import DoseRow, GuardsPart
from prescarbon.reference.rules import REMEDY, gather_rules, guard_of
from prescarbon.reference.sheets import Sheet


@dataclass(frozen=True)
class Switches:
    """Everything the opportunity engine reads from reference/: rules, guards and the formulary."""

    rules: tuple[SwitchRule, ...]
    guards: tuple[Guard, ...]
    formulary: pl.LazyFrame


def dose_sheet(files: Files) -> Sheet:
    """switches/dose-categories.csv."""
    return files.sheet(files.root / "switches" / "dose-categories.csv", DoseRow)


def gather_switches(files: Files, formulary: Path | None = None) -> tuple[Switches, list[Fault]]:
    """Rules, guards and formulary, checked against each other; and every fault of every file but a local formulary.

    formulary  a local formulary file instead of formulary/default.csv

    Raises:
        InputError: a wrong cell of the local formulary.
    """
    rules, faults = gather_rules(files)
    document = files.document(files.root / "switches" / "guards.toml", GuardsPart)
    guards = tuple(guard_of(part) for part in document.content.guard) if document.content else ()
    doses, sheet = dose_sheet(files), formulary_sheet(files, formulary)
    faults += document.faults + doses.faults + (() if formulary else sheet.faults)
    if not faults:
        frame = formulary_of(files, formulary)
        faults += over_rules(
            rules, dict(doses.rows.select("bnf_code", "dose_category").iter_rows()), licences_of(frame)
        )
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
    dose_categories: Mapping[str, str],
    licences: Mapping[str, tuple[int | None, str | None]],
) -> list[Fault]:
    """What can only be seen over several files: ids are unique; strengths and licences are respected.

    dose_categories  bnf_code → low, moderate or high at the usual dose
    licences         bnf_code → licensed from this age (None: no limit that matters here), and a word that the rule's
                     wording must hold (such as COPD)
    """
    found = [(r.id, key, reason) for r in rules for key, reason in _of_rule(r, rules, dose_categories, licences)]
    return [Fault("switches", 0, f"{rule}.{key}", "", f"{rule}: {reason}") for rule, key, reason in sorted(set(found))]


def _of_rule(
    rule: SwitchRule,
    rules: Sequence[SwitchRule],
    dose_categories: Mapping[str, str],
    licences: Mapping[str, tuple[int | None, str | None]],
) -> Iterator[tuple[str, str]]:
    if sum(rule.id == other.id for other in rules) > 1:
        yield "id", "two rules have this id"
    if rule.alternative_to is not None and rule.alternative_to not in {r.id for r in rules} - {rule.id}:
        yield "alternative_to", f"alternative_to {rule.alternative_to} is no other rule"
    targets = [*rule.to_codes, *rule.to_pairs.values()]
    if rule.is_like_for_like:
        categories = {code: dose_categories[code] for code in (*rule.from_codes, *targets) if code in dose_categories}
        if len(set(categories.values())) > 1:
            named = ", ".join(f"{code} {category}" for code, category in sorted(categories.items()))
            yield "is_like_for_like", f"like-for-like across dose categories ({named})"
        elif categories and rule.category_from not in (*categories.values(), "not applicable"):
            reason = f"category_from is {rule.category_from}, the codes are {', '.join(categories.values())}"
            yield "dose.category_from", reason
    words = " ".join((rule.title, rule.from_words, rule.caveats, *rule.excluded))
    for code in targets:
        age, note = licences.get(code, (None, None))
        if age is not None and not any(int(found) >= age for found in re.findall(r"under (\d+)", words)):
            yield "excluded", f"{code} is licensed from {age}, but who is left out does not say 'under {age}'"
        if note and note not in words:
            yield "excluded", f"{code} is licensed for {note} only, which the rule does not say"
