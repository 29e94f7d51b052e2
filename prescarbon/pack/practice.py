"""The practice pages of a run."""

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from prescarbon.pipeline.evidence import Evidence
from prescarbon.report.views.practice import MONTHS_IN_PERIOD, PracticePage, build_practice_pages


def practice_pages(evidence: Evidence) -> Iterator[PracticePage]:
    """The view of every practice in the evidence."""
    period = sorted(evidence.months)[-MONTHS_IN_PERIOD:]
    return build_practice_pages(
        evidence.footprint,
        evidence.names,
        {row["practice_code"]: row for row in evidence.practices.to_dicts()},
        _list_sizes(evidence),
        page_intervals(evidence, period),
        _notes(evidence),
    )


def page_intervals(evidence: Evidence, period: Sequence[date]) -> pl.DataFrame:
    """The intervals a practice page prints: practice_code, part, key, kg_low, kg_co2e, kg_high; see build_practice_pages."""
    foot = evidence.footprint.lazy()
    now = foot.filter(pl.col("month").is_in(period))
    is_inhaler = pl.col("reads_as") != "not an inhaler"
    parts = (
        ("total", now.filter(is_inhaler), pl.lit("inhalers")),
        ("total", now, pl.lit("all")),
        ("series", now, pl.col("series_code")),
        ("method", now, pl.col("method").cast(pl.String)),
        ("month", foot.filter(is_inhaler), pl.col("month").dt.to_string("iso")),
    )
    return pl.concat(
        evidence.intervals(rows.with_columns(part=pl.lit(part), key=key), ["practice_code", "part", "key"])
        for part, rows, key in parts
    )


def _list_sizes(evidence: Evidence) -> dict[str, tuple[float, str]]:
    """practice_code → mean list of the period's months, as the measures per 1,000 people have it, and its words."""
    period = evidence.months[-MONTHS_IN_PERIOD:]
    known = evidence.list_sizes.filter(pl.col("month").is_in(period)).drop_nulls("patients")
    rows = known.group_by("practice_code").agg(pl.col("patients").mean(), pl.col("is_carried").any())
    return {
        row["practice_code"]: (
            row["patients"],
            "mean list of the period, some months carried forward" if row["is_carried"] else "mean list of the period",
        )
        for row in rows.to_dicts()
    }


def _notes(evidence: Evidence) -> tuple[str, ...]:
    notes = []
    for m in evidence.manifests:
        if m.rows_rejected:
            notes.append(
                f"{m.month}: {m.rows_rejected:,} of {m.rows_in:,} rows in the file could not be used "
                f"(£{m.nic_gbp_rejected:,.2f}); they are listed with their reason in the store."
            )
        notes.extend(f"{m.month}: {warning}" for warning in m.warnings)
    return tuple(notes)
