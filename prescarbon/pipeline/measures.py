"""Measures over the loaded months: list, show, run at any level."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.model.period import Period
from prescarbon.pipeline.evidence import everyone, gather
from prescarbon.pipeline.memberships import check_level
from prescarbon.pipeline.scope import organisations_in_scope
from prescarbon.pipeline.series import chosen_measures
from prescarbon.reference.definitions import Reference, reference_of
from prescarbon.tables.organisations import LEVELS, PLACE

LISTED = ("id", "title", "asks", "unit", "direction", "label", "source_id", "vintage")


def list_measures(config: Config) -> list[dict[str, Any]]:
    """id, question, unit, label, source and vintage of every measure."""
    return [{key: getattr(m, key) for key in LISTED} for m in reference_of(config).measures]


def show_measure(config: Config, wanted: str) -> dict[str, Any]:
    """Everything a measure's file says.

    Raises:
        InputError: there is no such measure.
    """
    found = {m.id: m for m in reference_of(config).measures}
    if wanted not in found:
        raise InputError(f"there is no measure {wanted!r}.", remedy=f"Measures: {', '.join(found)}.")
    return asdict(found[wanted])


def measure_values(
    config: Config,
    *,
    level: str,
    last_month: date | None = None,
    months: int = 1,
    only: Sequence[str] = (),
    reference: Reference | None = None,
) -> pl.DataFrame:
    """Table MEASURE_VALUES over one period for the organisations of a level: all, or those with a practice in the scope.

    A chosen scope narrows no value: each is of the whole organisation.

    months     how many calendar months the period sums, ending with last_month (default the newest loaded)
    only       ids of measures; none takes every one
    reference  the definitions where they are read already

    Raises:
        InputError: the level or a measure is none, or nothing is loaded.
    """
    check_level(level, (*LEVELS, PLACE))
    evidence = gather(everyone(config), last_month=last_month, months=months, is_light=True, reference=reference)
    chosen = chosen_measures(evidence, only) if only else evidence.reference.measures
    period = Period.ending(evidence.months[-1], months, evidence.months)
    values = evidence.measure(chosen, [level], [(period.first, period.last)])
    shown = organisations_in_scope(config, evidence.reference, evidence.memberships, level)
    return values if shown is None else values.filter(pl.col("organisation_code").is_in(shown))
