"""What an earlier pack says of its run and holds of its tables; of an older or a damaged one, what can be relied on."""

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import BaseModel, Field, ValidationError

from prescarbon.errors import InputError
from prescarbon.pack.folder import read_manifest
from prescarbon.tables.prescribing import FOOTPRINT, PRICES
from prescarbon.tables.products import FACTORS
from prescarbon.tables.schema import Column, Table

Month = Annotated[str, Field(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")]
Kilograms = Annotated[float, Field(allow_inf_nan=False)]

COMPARED = ("month", "practice_code", "bnf_code", "kg_co2e", "factor_id")
READS_AS = Column("reads_as", pl.Enum, "What the quantity counts, in the words of its version.")
ROWS = Table("footprint", FOOTPRINT.grain, (*(c for c in FOOTPRINT.columns if c.name in COMPARED), READS_AS))


class Input(BaseModel):
    """A month that the run read."""

    month: Month
    hash: str


class PriceBase(BaseModel):
    """The base period of its constant prices."""

    first: Month
    last: Month
    months: list[Input]


class Said(BaseModel):
    """Kilograms that the run said of a month."""

    month: Month
    inhalers: Kilograms | None = None
    all: Kilograms | None = None


class Restatement(BaseModel):
    """An entry of the run's own restatement log."""

    month: Month
    what: Literal["inhalers", "all"]
    said_kg: Kilograms
    says_kg: Kilograms
    because: str


class Run(BaseModel):
    """What of a run manifest a later run is compared with."""

    months: Annotated[list[Month], Field(min_length=1)]
    inputs: list[Input]
    scope: str
    settings: dict[str, Any]
    kg_by_month: list[Said]
    restatements: list[Restatement]
    reference_sha256: str
    version: str
    price_base: PriceBase | None = None


@dataclass(frozen=True)
class Earlier:
    """An earlier pack.

    rows     of its table FOOTPRINT the columns of ROWS; None where it is not there, or is none
    factors  table FACTORS; None where it is not there, is none, or lacks a factor that the rows name
    prices   table PRICES; None where it is not there, or is none
    """

    run: Run
    rows: pl.DataFrame | None
    factors: pl.DataFrame | None
    prices: pl.DataFrame | None

    @cached_property
    def months(self) -> tuple[date, ...]:
        """First days of the months it read, oldest first."""
        return tuple(date.fromisoformat(f"{month}-01") for month in self.run.months)

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Month → hash of the file that it read."""
        return {row.month: row.hash for row in self.run.inputs}


def read_earlier(pack: Path) -> Earlier | None:
    """The pack of a folder; None where its manifest is not there, or is none that a run can be compared with."""
    try:
        run = Run.model_validate(read_manifest(pack))
    except ValidationError:
        return None
    rows, factors, prices = (_table(pack, table) for table in (ROWS, FACTORS, PRICES))
    is_covered = rows is not None and factors is not None and _covers(factors, rows)
    return Earlier(run, rows, factors if is_covered else None, prices)


def _covers(factors: pl.DataFrame, rows: pl.DataFrame) -> bool:
    return set(rows["factor_id"].drop_nulls()) <= set(factors["factor_id"])


def _table(pack: Path, table: Table) -> pl.DataFrame | None:
    """The table as its columns are declared; None where the file is not there, is none, or is empty where it may not."""
    try:
        found = table.admit(pl.scan_parquet(pack / "data" / f"{table.name}.parquet")).collect()
    except (OSError, pl.exceptions.PolarsError, InputError):
        return None
    filled = found.select(c.name for c in table.columns if not c.may_be_null)
    return found if not sum(filled.null_count().row(0)) else None
