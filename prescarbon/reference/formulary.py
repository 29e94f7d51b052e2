"""The formulary: which products may be offered, from when, with licence age, disease and dated pack price."""

from pathlib import Path
from typing import Annotated

import polars as pl

from prescarbon.errors import DefinitionError, InputError
from prescarbon.model.opportunities.pairs import FORMULARY_SCHEMA
from prescarbon.reference.cells import Code, Count, Date, Flag, Money, Row, Text, one_of
from prescarbon.reference.files import Files
from prescarbon.reference.sheets import Sheet, rows_of

ON, OFF = "on", "off"
STATUSES = (ON, OFF)  # empty: on


class FormularyRow(Row):
    """formulary/default.csv, or the user's own: FORMULARY_SCHEMA, and columns of the user's own that may be absent."""

    KEY = ("bnf_code", "on_from")
    SPAN = ("on_from", "on_to")
    bnf_code: Code
    product_name: Text | None
    on_from: Date
    on_to: Date
    licensed_from_age: Count | None
    licence_note: Text | None
    pack_price_gbp: Money | None
    price_date: Date | None
    price_source_url: Text | None
    source_url: Text | None
    review_by: Date
    status: Annotated[str, one_of(STATUSES)] | None = None
    indication: Text | None = None
    is_mart: Flag | None = None
    is_air: Flag | None = None
    smpc_read: Date | None = None
    supply_checked: Date | None = None


def formulary_sheet(files: Files, own: Path | None) -> Sheet:
    """The user's own formulary where one is named, else the shipped one."""
    return files.sheet(own or files.root / "formulary" / "default.csv", FormularyRow)


def formulary_of(files: Files, own: Path | None) -> pl.LazyFrame:
    """FORMULARY_SCHEMA.

    Raises:
        InputError: a wrong cell of the user's own formulary.
        DefinitionError: a wrong cell of the shipped one.
    """
    rows = rows_of(formulary_sheet(files, own), InputError if own else DefinitionError)
    return on_formulary(rows).select(list(FORMULARY_SCHEMA))


def on_formulary(rows: pl.DataFrame) -> pl.LazyFrame:
    """The rows of a formulary that are on: those without a status are."""
    return rows.lazy().filter(pl.col("status").fill_null(ON) == ON)


def licences_of(formulary: pl.LazyFrame) -> dict[str, tuple[int | None, str | None]]:
    """bnf_code → licensed from this age, and the disease it is licensed for."""
    stated = formulary.select("bnf_code", "licensed_from_age", "licence_note").collect().iter_rows()
    return {code: (age, note) for code, age, note in stated}
