"""What a table is: columns, dtype, unit, meaning, grain and rule; and the columns that several tables share."""

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import polars as pl

from prescarbon.errors import InputError

Dtype: TypeAlias = pl.DataType | type[pl.DataType]

GBP = pl.Decimal(18, 2)
COST = pl.Decimal(18, 5)
QUANTITY = pl.Decimal(18, 3)
KG = pl.Decimal(18, 6)  # whole milligrams: sums are exact, in any order
EXACT = pl.Decimal(18, 6)  # numerators and denominators of measures
MONTHS_IN_YEAR = 12
FOREVER = date(9999, 12, 31)  # valid_to of a row that holds until further notice
# ranked: fit to be ordered; shown: printed without a rank; listed: in the tables only, or a gate fails
GATES = pl.Enum(["ranked", "shown", "listed"])


@dataclass(frozen=True)
class Column:
    """One column: name, dtype, the data dictionary's sentence, unit, and when a value is good."""

    name: str
    dtype: Dtype
    words: str
    unit: str = ""
    may_be_null: bool = False
    holds: pl.Expr | None = None


@dataclass(frozen=True)
class Table:
    """One table: its name, what makes one row, and its columns."""

    name: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """Column names in order."""
        return [c.name for c in self.columns]

    @property
    def schema(self) -> dict[str, Dtype]:
        """Name to dtype, for an empty frame or a literal one."""
        return {c.name: c.dtype for c in self.columns}

    def admit(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The frame with exactly our columns; InputError names every column that is missing or of another type."""
        have = frame.collect_schema()
        wrong = [
            f"{c.name} should be {c.dtype}, is {have.get(c.name, 'missing')}"
            for c in self.columns
            if have.get(c.name) != c.dtype
        ]
        if wrong:
            raise InputError("; ".join(wrong), where=f"table {self.name}")
        return frame.select(self.names)

    def empty(self) -> pl.LazyFrame:
        """No rows, all columns."""
        return pl.LazyFrame(schema=self.schema)


def judge(rows: pl.LazyFrame, table: Table) -> pl.LazyFrame:
    """Rows plus `reason`: null where the row is good, else the first rule of the table that it breaks."""
    faults = [pl.lit(None, pl.String)]
    for c in table.columns:
        if not c.may_be_null:
            faults.append(pl.when(pl.col(c.name).is_null()).then(pl.lit(f"{c.name} is empty or unreadable")))
        if c.holds is not None:
            faults.append(pl.when(~c.holds).then(pl.lit(f"{c.name} out of range")))
    return rows.with_columns(reason=pl.coalesce(faults))


MONTH = Column("month", pl.Date, "First day of the month the prescriptions were dispensed in.")
PRACTICE = Column("practice_code", pl.String, "ODS code of the practice or cost centre that prescribed.")
BNF = Column(
    "bnf_code",
    pl.String,
    "BNF presentation code as published that month: 15 characters, or 11 digits for an appliance.",
)
VALID_FROM = Column("valid_from", pl.Date, "First day on which the row holds.")
VALID_TO = Column("valid_to", pl.Date, "Last day on which the row holds (inclusive).")
SOURCE = Column("source_id", pl.String, "The source, a section of sources.toml.")
