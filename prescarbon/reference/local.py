"""Reads the user's own files about switches."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.opportunities.actions import ACTIONS_SCHEMA
from prescarbon.model.opportunities.pairs import EXCLUDED_SCHEMA
from prescarbon.reference.files import read_typed
from prescarbon.tables.schema import Dtype

CAMPAIGNS_SCHEMA: dict[str, Dtype] = {"rule_id": pl.String, "started": pl.Date, "note": pl.String}


KPI_RETURNS_SCHEMA: dict[str, Dtype] = {
    "organisation_code": pl.String,
    "level": pl.String,
    "period_start": pl.Date,
    "period_end": pl.Date,
    "kpi_id": pl.String,
    "value": pl.Float64,
}


@dataclass(frozen=True)
class LocalFiles:
    """The user's own files about switches and KPIs; None where there is none."""

    formulary: Path | None = None
    excluded_products: Path | None = None
    campaigns: Path | None = None
    kpi_returns: Path | None = None


def read_kpi_returns(file: Path) -> pl.LazyFrame:
    """KPI values somebody sent in: KPI_RETURNS_SCHEMA."""
    return read_typed(file, KPI_RETURNS_SCHEMA)


def read_excluded(file: Path) -> pl.LazyFrame:
    """Products not to be suggested for a while (a shortage): EXCLUDED_SCHEMA."""
    return read_typed(file, EXCLUDED_SCHEMA)


def read_campaigns(file: Path) -> pl.LazyFrame:
    """Campaigns begun or finished: rule_id, started, note; the list then shows what is left beside what was."""
    return read_typed(file, CAMPAIGNS_SCHEMA)


def read_actions_log(file: Path) -> pl.LazyFrame:
    """What practices began, when, and whose role owns it: practice_code, rule_id, started, owner_role."""
    frame = read_typed(file, ACTIONS_SCHEMA)
    empty = frame.filter(pl.any_horizontal(pl.col("practice_code", "rule_id", "started").is_null())).collect()
    if empty.height:
        raise InputError(f"{empty.height} line(s) lack practice_code, rule_id or started.", where=file.name)
    return frame
