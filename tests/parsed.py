"""Definitions from literal tables, as the readers of reference/ make them from files."""

from collections.abc import Mapping

import polars as pl

from prescarbon.errors import DefinitionError, refuse
from prescarbon.model.measures.definition import Measure
from prescarbon.model.opportunities.rules import Guard, SwitchRule
from prescarbon.reference.documents import shape_document
from prescarbon.reference.measures import REMEDY, MeasurePart, measure_of, over_keys
from prescarbon.reference.rules import GuardPart, RulePart, guard_of, rule_of


def parse_measure(raw: object, codes: Mapping[str, pl.DataFrame], where: str) -> Measure:
    """A measure, or every fault of it."""
    document = shape_document(raw, where, MeasurePart, codes)
    refuse(document.faults, DefinitionError, REMEDY)
    measure = measure_of(document.content, codes)
    refuse(over_keys(measure, where), DefinitionError, REMEDY)
    return measure


def parse_rule(raw: object, where: str) -> SwitchRule:
    """A rule, or every fault of it."""
    rule, faults = rule_of(shape_document(raw, where, RulePart))
    refuse(faults, DefinitionError)
    return rule


def parse_guard(raw: object, where: str) -> Guard:
    """A guard, or every fault of it."""
    document = shape_document(raw, where, GuardPart)
    refuse(document.faults, DefinitionError)
    return guard_of(document.content)
