"""Text from data is hostile until escaped: file names and spreadsheet cells (HTML is escaped by the templates)."""

import hashlib
import re

import polars as pl

SAFE_CODE = re.compile(r"[A-Z0-9]{1,12}")
FORMULA_STARTS = ["=", "+", "-", "@", "\t", "\r"]


def page_name(code: str) -> str:
    """A file name for an organisation's page: its code where that is plain, else a hash of it."""
    if SAFE_CODE.fullmatch(code):
        return f"{code}.html"
    return f"other-{hashlib.sha256(code.encode()).hexdigest()[:12]}.html"


def codes_name(rule_id: str) -> str:
    """A file name for the codes of a rule."""
    return page_name(rule_id).replace(".html", ".csv")


def formula_safe(table: pl.DataFrame) -> pl.DataFrame:
    """The table with an apostrophe before text cells that a spreadsheet would run as a formula."""
    return table.with_columns(
        pl.when(pl.any_horizontal(pl.col(name).str.starts_with(start) for start in FORMULA_STARTS))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name, dtype in table.schema.items()
        if dtype == pl.String
    )
