"""Answers as files: --to."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.errors import InputError
from prescarbon.manifest import to_json
from prescarbon.pipeline.opportunities import Found
from prescarbon.pipeline.opportunities import as_json as opportunities_as_json
from prescarbon.reference.wording import read_wording
from prescarbon.report.faces.safety import formula_safe
from prescarbon.report.faces.workbook import Sheet, write_workbook
from prescarbon.store.atomic import publishing, writing_to


def write_lines(found: Found, file: Path) -> None:
    """CSV, Parquet, JSON or XLSX by the file's ending.

    Raises:
        InputError: another ending, or the file cannot be written.
    """
    writers: dict[str, Callable[[Path], object]] = {
        ".csv": lambda draft: formula_safe(found.lines).write_csv(draft),
        ".parquet": found.lines.write_parquet,
        ".json": lambda draft: draft.write_text(to_json(opportunities_as_json(found)), "utf-8"),
        ".xlsx": lambda draft: write_workbook(
            draft, _sheets(found), found.evidence.manifest("opportunities"), read_wording(found.evidence.reference.root)
        ),
    }
    if file.suffix not in writers:
        raise InputError(f"{file.name} ends in none of {', '.join(writers)}.", remedy="Choose one of these endings.")
    with writing_to(file.parent, "Choose another folder."), publishing(file) as draft:
        writers[file.suffix](draft)


def _sheets(found: Found) -> Sequence[Sheet]:
    columns = [
        ("organisation_code", "text"), ("rank", "count"), ("title", "text"), ("items", "count"), ("units", "count"),
        ("kg_theoretical_low", "kg"), ("kg_theoretical", "kg"), ("kg_theoretical_high", "kg"), ("kg_expected", "kg"),
        ("kg_to_peer", "kg"), ("cost_change_theoretical_gbp", "gbp"), ("price_basis", "text"), ("price_date", "month"),
        ("achievable_share", "share"), ("gate", "text"), ("gate_reason", "text"), ("commitment", "text"),
        ("is_draft", "text"), ("from_codes", "text"), ("to_codes", "text"), ("caveats", "text"),
    ]  # fmt: skip
    rows = found.lines.sort("organisation_code", "rank", "rule_id", nulls_last=True).select(name for name, _ in columns)
    notes = [
        "Every rule is a draft until a clinical role signs it off. Add up the counted columns of the CSV, not these."
    ]
    return [Sheet("Opportunities", columns, rows.rows(), notes)]


def values_as_json(values: pl.DataFrame) -> dict[str, Any]:
    """{"values": [...]}: measure, organisation_code, level, period, numerator, denominator, value, interval, gate."""
    rows = values.rename({"measure_id": "measure"})
    first = ["measure", "organisation_code", "level", "period_start", "period_end", "numerator", "denominator", "value"]
    return {"values": rows.select(*first, pl.exclude(first)).to_dicts()}


def write_values(values: pl.DataFrame, file: Path) -> None:
    """CSV, Parquet or JSON by the file's ending.

    Raises:
        InputError: another ending, or the file cannot be written.
    """
    _write(values, values_as_json, file)


def write_rejects(rows: pl.DataFrame, file: Path) -> None:
    """Rejected rows as CSV, Parquet or JSON by the file's ending.

    Raises:
        InputError: another ending, or the file cannot be written.
    """
    _write(rows, pl.DataFrame.to_dicts, file)


def _write(rows: pl.DataFrame, as_json: Callable[[pl.DataFrame], Any], file: Path) -> None:
    if file.suffix not in (".csv", ".parquet", ".json"):
        raise InputError(f"{file.name} ends in none of .csv, .parquet, .json.", remedy="Choose one of these endings.")
    with writing_to(file.parent, "Choose another folder."), publishing(file) as draft:
        if file.suffix == ".csv":
            formula_safe(rows).write_csv(draft)
        elif file.suffix == ".parquet":
            rows.write_parquet(draft)
        else:
            draft.write_text(to_json(as_json(rows)), "utf-8")
