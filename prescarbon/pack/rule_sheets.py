"""A pack of rules for a prescribing committee: the rules asked for, and what the loaded months hold of them, as files."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.pack.rule_words import NO_MONTHS, LocalFigures, product_names, sheet_of
from prescarbon.pipeline.evidence import gather
from prescarbon.pipeline.opportunities import at_level, prepare
from prescarbon.pipeline.rule_standing import supply_words
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.report.faces.pdf import Typesetter
from prescarbon.report.faces.rule_sheets import print_form, write_rule_workbook
from prescarbon.report.views.rule_sheet import RulePack
from prescarbon.store.atomic import publishing, writing_to
from prescarbon.store.months import Store
from prescarbon.tables.organisations import GROUP

LETTERS_PT = (9.2, 8.6, 8.0, 7.4, 7.0)  # a committee reads it on paper: as large as one sheet a rule allows


def write_rule_pack(config: Config, folder: Path, only: Collection[str] = ()) -> dict[str, Any]:
    """rules.pdf and rules.xlsx in a folder: a sheet a rule, those of `only` or all that a committee can decide on.

    Returns:
        pdf, workbook (paths), rules (ids).

    Raises:
        InputError: there is no such rule, or the folder cannot be written to.
    """
    pack = rule_pack(config, only)
    pdf, workbook = folder / "rules.pdf", folder / "rules.xlsx"
    with writing_to(folder, "Choose another folder with --to."):
        with publishing(pdf) as draft:
            draft.write_bytes(_typeset(pack))
        with publishing(workbook) as draft:
            write_rule_workbook(draft, pack)
    return {"pdf": str(pdf), "workbook": str(workbook), "rules": [sheet.rule_id for sheet in pack.sheets]}


def _typeset(pack: RulePack) -> bytes:
    form, sheets = print_form(pack), len(pack.sheets)
    return Typesetter().pdf(form, is_synthetic=pack.is_synthetic, sheets=sheets, letters=LETTERS_PT)


def rule_pack(config: Config, only: Collection[str] = ()) -> RulePack:
    """The sheets of the rules named, else of every rule that is on.

    Raises:
        InputError: there is no such rule.
    """
    reference = reference_of(config)
    rules = {rule.id: rule for rule in reference.switches.rules}
    if odd := sorted(set(only) - rules.keys()):
        raise InputError(f"there is no rule {', '.join(odd)}.", remedy="`prescarbon rules status` lists them.")
    chosen = [rules[rule_id] for rule_id in dict.fromkeys(only)] if only else [r for r in rules.values() if r.is_on]
    figures = local_figures(config, reference)
    blocked = supply_words(reference, config.as_of)
    names = product_names(reference, chosen)
    sheets = tuple(sheet_of(rule, reference, names, figures, blocked.get(rule.id), config.as_of) for rule in chosen)
    return RulePack(sheets, figures.words if figures else NO_MONTHS, bool(figures and figures.is_synthetic))


def local_figures(config: Config, reference: Reference) -> LocalFigures | None:
    """What the loaded months hold of each rule over the whole scope; None where no month is loaded."""
    if not Store(config.home).manifest_files():
        return None
    evidence = gather(replace(config, coverage_floor=0.0), is_light=True, reference=reference)
    prepared = prepare(evidence, include_off=True)
    lines = {row["rule_id"]: row for row in at_level(prepared, GROUP).lines.to_dicts()}
    some = at_level(prepared, "practice").lines.filter(pl.col("units") > 0)
    counted = dict(some.group_by("rule_id").agg(pl.col("organisation_code").n_unique()).iter_rows())
    first, last = evidence.period.first, evidence.period.last
    words = f"Local figures: {evidence.scope.words}, {first:%B %Y} to {last:%B %Y}."
    return LocalFigures(lines, counted, words, evidence.is_synthetic)
