"""Every table that flows, and the data dictionary printed from them."""

from collections.abc import Iterator

import polars as pl

from prescarbon.tables.measures import FIGURES, KPI_VALUES, KPIS, MEASURE_VALUES, TARGETS
from prescarbon.tables.opportunities import OPPORTUNITIES
from prescarbon.tables.organisations import (
    LIST_SIZES,
    ORGANISATION_REJECTS,
    PCN_MEMBERSHIPS,
    PRACTICE_SNAPSHOTS,
    PRACTICE_TRAITS,
    PRACTICES,
    SUB_ICB_PARENTS,
)
from prescarbon.tables.prescribing import ACTIVITY, FOOTPRINT, PRESCRIBING, PRICES, REJECTS
from prescarbon.tables.products import ERROR_PARTS, FACTORS, PRODUCTS

TABLES = (
    PRESCRIBING,
    REJECTS,
    PRACTICES,
    LIST_SIZES,
    PRODUCTS,
    FACTORS,
    ERROR_PARTS,
    ACTIVITY,
    FOOTPRINT,
    PRICES,
    OPPORTUNITIES,
    PRACTICE_SNAPSHOTS,
    PCN_MEMBERSHIPS,
    SUB_ICB_PARENTS,
    PRACTICE_TRAITS,
    ORGANISATION_REJECTS,
    MEASURE_VALUES,
    TARGETS,
    KPIS,
    KPI_VALUES,
    FIGURES,
)


def data_dictionary() -> Iterator[str]:
    """The tables as Markdown lines for docs/reference/tables.md."""
    for table in TABLES:
        yield f"## {table.name}"
        yield f"One row: {' × '.join(table.grain)}."
        yield "| column | type | unit | may be empty | meaning |"
        yield "|---|---|---|---|---|"
        for c in table.columns:
            kind = "closed list: " + ", ".join(c.dtype.categories) if isinstance(c.dtype, pl.Enum) else str(c.dtype)
            yield f"| {c.name} | {kind} | {c.unit} | {'yes' if c.may_be_null else ''} | {c.words} |"
