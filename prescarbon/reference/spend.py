"""Rows of reference/factors about £: the spend factors, how far they may be out, the GDP deflators; and what is made of them."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

import polars as pl

from prescarbon.errors import Fault
from prescarbon.model.uncertainty import SPAN
from prescarbon.reference.cells import Count, Date, Flag, NotNegative, Row, Text, fitting, one_of
from prescarbon.reference.sheets import Sheet
from prescarbon.tables.products import ERROR_PARTS, FACTORS

EVERYTHING = "*"  # the spend prefix of every code
SPEND_KEY = re.compile(r"[0-9A-Z]{2,15}|\*")
PRODUCT_WIDTH = "product"
WIDTHS = ("all medicines", "chapter", PRODUCT_WIDTH)
SHARED_KEY = f"{SPAN} spend"  # the method's error: the same for all factors, and nothing says which end is likelier


class SpendRow(Row):
    """factors/spend.csv: kg a £ by BNF prefix; "*" is every code."""

    SPAN = ("valid_from", "valid_to")
    factor_id: Text
    key: Annotated[str, fitting(SPEND_KEY, "is no BNF code, beginning of one, or *")]
    category: Text
    kg_co2e: NotNegative
    width: Annotated[str, one_of(WIDTHS)]
    gbp_year: Count
    is_mapping_inferred: Flag
    valid_from: Date
    valid_to: Date
    source_id: Text
    note: Text


class WidthRow(Row):
    """factors/spend-width.csv: low is a factor divided by `times`, high is it multiplied."""

    KEY = ("width",)
    width: Annotated[str, one_of(WIDTHS)]
    times: NotNegative
    source_id: Text
    note: Text


class DeflatorRow(Row):
    """factors/gdp-deflator.csv: a calendar year's GDP deflator; empty where it is not known."""

    KEY = ("year",)
    year: Count
    gdp_deflator: NotNegative | None
    source_id: Text
    note: Text | None


def by_spend(rows: pl.DataFrame, widths: Mapping[str, float]) -> pl.LazyFrame:
    """Table FACTORS of rows of factors/spend.csv: kg CO2e a £ by BNF prefix; the longest prefix counts."""
    times = pl.col("width").replace_strict(dict(widths), return_dtype=pl.Float64)
    return FACTORS.admit(
        rows.lazy().select(
            pl.lit("spend").alias("factor_set"),
            "factor_id",
            pl.lit("spend").cast(FACTORS.schema["key_kind"]).alias("key_kind"),
            pl.when(pl.col("key") == EVERYTHING).then(pl.lit("")).otherwise("key").alias("key"),
            (pl.col("kg_co2e") / times).round(6).alias("kg_low"),
            "kg_co2e",
            (pl.col("kg_co2e") * times).round(6).alias("kg_high"),
            pl.lit("supply chain").alias("scope"),
            pl.lit("as published").alias("gwp_basis"),
            "valid_from",
            "valid_to",
            "source_id",
            "note",
        )
    )


def spend_parts(rows: pl.DataFrame) -> pl.LazyFrame:
    """Table ERROR_PARTS of the spend factors: one part for all of them, because the error is the method's."""
    nothing = {c.name: pl.lit(None, c.dtype) for c in ERROR_PARTS.columns if c.may_be_null}
    once = rows.lazy().select("factor_id").unique().sort("factor_id")
    return ERROR_PARTS.admit(once.with_columns(shared_key=pl.lit(SHARED_KEY), below=1.0, above=1.0, **nothing))


def spend_faults(spend: Sheet, widths: Sheet, deflators: Sheet) -> Iterator[Fault]:
    """What the three files must agree on: each width is there, and the £ are of one year whose deflator is known."""
    for width in sorted(set(WIDTHS) - set(widths.rows["width"])):
        yield Fault(widths.name, 1, "width", width, "stands in no row")
    for line, times in widths.numbered.filter(pl.col("times") < 1).select("line", "times").iter_rows():
        yield Fault(widths.name, line, "times", f"{times:g}", "is below 1: low would be above high")
    years = spend.rows["gbp_year"].unique().sort().to_list()
    known = set(deflators.rows.drop_nulls("gdp_deflator")["year"])
    for line, year in spend.numbered.select("line", "gbp_year").iter_rows():
        if len(years) > 1:
            yield Fault(spend.name, line, "gbp_year", str(year), "is not the year of the other rows: pin one edition")
        elif year not in known:
            yield Fault(spend.name, line, "gbp_year", str(year), "has no value in factors/gdp-deflator.csv")
