"""Answers as files: --to."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.errors import InputError
from prescarbon.manifest import to_json
from prescarbon.pipeline.opportunities import Found
from prescarbon.pipeline.opportunities import as_json as opportunities_as_json
from prescarbon.report.faces.safety import formula_safe
from prescarbon.report.faces.workbook import Sheet, write_workbook
from prescarbon.store.atomic import publishing, writing_to

Writer = Callable[[Path], object]


def write_lines(found: Found, file: Path) -> None:
    """Opportunities as CSV, Parquet, JSON or XLSX, by the file's ending.

    Raises:
        InputError: another ending, or the file cannot be written.
    """
    told = found.evidence

    def workbook(draft: Path) -> None:
        write_workbook(draft, _sheets(found), told.manifest("opportunities"), told.reference.wording)

    _write(file, found.lines, opportunities_as_json(found), {".xlsx": workbook})


def write_values(values: pl.DataFrame, file: Path) -> None:
    """Measure values as CSV, Parquet or JSON, by the file's ending.

    Raises:
        InputError: another ending, or the file cannot be written.
    """
    _write(file, values, values_as_json(values), {})


def write_codes(codes: pl.DataFrame, file: Path) -> None:
    """The codes of a rule as CSV, Parquet or JSON, by the file's ending.

    Raises:
        InputError: another ending, or the file cannot be written.
    """
    _write(file, codes, codes.to_dicts(), {})


def write_rejects(rows: pl.DataFrame, file: Path) -> None:
    """Rejected rows as CSV, Parquet or JSON, by the file's ending.

    Raises:
        InputError: another ending, or the file cannot be written.
    """
    _write(file, rows, rows.to_dicts(), {})


def _write(file: Path, table: pl.DataFrame, told: Any, more: Mapping[str, Writer]) -> None:
    writers: dict[str, Writer] = {
        ".csv": lambda draft: formula_safe(table).write_csv(draft),
        ".parquet": lambda draft: table.rechunk().write_parquet(draft),  # as it lay in memory, its bytes would differ
        ".json": lambda draft: draft.write_text(to_json(told), "utf-8"),
        **more,
    }
    if file.suffix not in writers:
        raise InputError(f"{file.name} ends in none of {', '.join(writers)}.", remedy="Choose one of these endings.")
    with writing_to(file.parent, "Choose another folder."), publishing(file) as draft:
        writers[file.suffix](draft)


def _sheets(found: Found) -> Sequence[Sheet]:
    columns = [
        ("organisation_code", "text"), ("rank", "count"), ("title", "text"), ("items", "count"), ("units", "count"),
        ("why_draft", "text"), ("signed_by", "text"), ("signed_on", "day"), ("review_by", "day"), ("from_words", "text"),
        ("from_products", "text"), ("to_words", "text"), ("dose_from", "text"), ("dose_to", "text"), ("dose_words", "text"),
        ("not_for", "long"), ("checks", "long"), ("licence", "text"), ("month_price_from_gbp", "gbp"),
        ("month_price_to_gbp", "gbp"), ("month_price_words", "text"), ("month_price_date", "month"),
        ("gbp_per_tonne", "gbp"), ("evidence", "long"), ("evidence_url", "text"),
        ("kg_theoretical_low", "kg"), ("kg_theoretical", "kg"), ("kg_theoretical_high", "kg"), ("kg_to_peer", "kg"),
        ("kg_attended", "kg"), ("achievable_share", "share"), ("achievable_source", "text"),
        ("cost_change_theoretical_gbp", "gbp"), ("price_basis", "text"), ("price_date", "month"),
        ("gate", "text"), ("gate_reason", "text"), ("commitment", "text"),
        ("is_draft", "text"), ("from_codes", "text"), ("to_codes", "text"), ("caveats", "long"),
    ]  # fmt: skip
    rows = found.lines.sort("organisation_code", "rank", "rule_id", nulls_last=True).select(name for name, _ in columns)
    notes = [
        "A rule is a draft where why_draft says why, else signed_by says who signed it. Add up the counted columns of the CSV, not these."
    ]
    return [Sheet("Opportunities", columns, rows.rows(), notes)]


def values_as_json(values: pl.DataFrame) -> dict[str, Any]:
    """{"values": [...]}: measure, organisation_code, level, period, numerator, denominator, value, interval, gate."""
    rows = values.rename({"measure_id": "measure"})
    first = ["measure", "organisation_code", "level", "period_start", "period_end", "numerator", "denominator", "value"]
    return {"values": rows.select(*first, pl.exclude(first)).to_dicts()}
