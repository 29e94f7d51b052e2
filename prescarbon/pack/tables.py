"""The tables beside a run's pages, as Parquet and CSV, so that anyone can check or reuse what the pages say."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from prescarbon.pack.findings import Findings
from prescarbon.pipeline.evidence import REPORTED_LEVELS
from prescarbon.pipeline.series import period_values
from prescarbon.report.faces.safety import formula_safe
from prescarbon.report.views.practice import PracticePage
from prescarbon.tables.measures import FIGURES, KPI_VALUES


def write_tables(findings: Findings, pages: Sequence[PracticePage], folder: Path) -> None:
    """footprint (with every column of activity), measure_values, opportunities, kpi_values, figures, factors, prices, practices, list_sizes.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir()
    for name, table in _tables(findings, pages):
        table.rechunk().write_parquet(folder / f"{name}.parquet")
        formula_safe(table).write_csv(folder / f"{name}.csv")


def _tables(findings: Findings, pages: Sequence[PracticePage]) -> Iterator[tuple[str, pl.DataFrame]]:
    evidence = findings.evidence
    yield "footprint", evidence.footprint
    values = (period_values(evidence, evidence.reference.measures, level) for level in REPORTED_LEVELS)
    yield "measure_values", pl.concat(values).collect()
    yield "opportunities", findings.opportunities()
    kpis = [{k: row[k] for k in KPI_VALUES.names} for row in findings.kpis.rows]
    yield "kpi_values", pl.DataFrame(kpis, KPI_VALUES.schema)
    yield "figures", pl.DataFrame(list(_figures(pages)), FIGURES.schema, orient="row")
    yield "factors", pl.concat([evidence.factors, evidence.spend]).collect()
    yield "prices", evidence.prices.table
    yield "practices", evidence.practices
    yield "list_sizes", evidence.list_sizes


def _figures(pages: Sequence[PracticePage]) -> Iterator[tuple[object, ...]]:
    """The headline figures of every practice page as the page shows them."""
    for page in pages:
        for strip in page.strips:
            low, central, high = (
                (strip.interval.low, strip.interval.central, strip.interval.high) if strip.interval else (None,) * 3
            )
            yield (
                page.practice_code, page.practice_name, page.pcn_code, strip.title, strip.unit, low, central, high,
                strip.pcn_median, strip.all_median, strip.england, strip.verdict,
            )  # fmt: skip
