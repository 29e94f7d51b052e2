"""The tables beside a run's pages, as Parquet and CSV, so that anyone can check or reuse what the pages say."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from prescarbon.pack.findings import Views
from prescarbon.pipeline.evidence import Evidence
from prescarbon.pipeline.memberships import GROUP
from prescarbon.pipeline.series import period_values
from prescarbon.report.faces.safety import formula_safe
from prescarbon.report.views.practice import MONTHS_IN_PERIOD, PracticePage
from prescarbon.tables.measures import FIGURES, KPI_VALUES

MEASURED_LEVELS = ("practice", "pcn", GROUP)


def write_tables(evidence: Evidence, views: Views, pages: Sequence[PracticePage], folder: Path) -> None:
    """footprint (with every column of activity), measure_values, opportunities, kpi_values, figures, practices, list_sizes.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir()
    for name, table in _tables(evidence, views, pages):
        table.rechunk().write_parquet(folder / f"{name}.parquet")
        formula_safe(table).write_csv(folder / f"{name}.csv")


def _tables(evidence: Evidence, views: Views, pages: Sequence[PracticePage]) -> Iterator[tuple[str, pl.DataFrame]]:
    period = evidence.months[-MONTHS_IN_PERIOD:]
    yield "footprint", evidence.footprint
    values = [period_values(evidence, level, period) for level in MEASURED_LEVELS]
    yield "measure_values", pl.concat(values)
    yield "opportunities", views.opportunities()
    yield "kpi_values", pl.DataFrame([{k: row[k] for k in KPI_VALUES.names} for row in views.kpis], KPI_VALUES.schema)
    yield "figures", pl.DataFrame(list(_figures(pages)), FIGURES.schema, orient="row")
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
