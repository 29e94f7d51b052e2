"""Views → XLSX: typed cells, frozen headers, filters, a notes sheet; text from data is never a formula; no clock inside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter

from prescarbon.manifest import RunManifest
from prescarbon.reference.wording import Wording
from prescarbon.report.views.parts import nic_words

NOTES_WIDTH = 120
LINE = 15  # points a line of a row
FIXED = datetime(2000, 1, 1)  # noqa: DTZ001 — the workbook's made-on date: any one date, always the same
FORMATS: dict[str, dict[str, Any]] = {
    "head": {"bold": True, "font_color": "#FFFFFF", "bg_color": "#003087", "text_wrap": True},
    "text": {"text_wrap": True, "align": "left", "indent": 1},
    "code": {"align": "left", "indent": 1},
    "word": {"text_wrap": True, "align": "left", "indent": 1},
    "long": {"text_wrap": True, "align": "left", "indent": 1},
    "note": {"text_wrap": True, "italic": True},
    "kg": {"num_format": "#,##0.0"},
    "gbp": {"num_format": "£#,##0.00"},
    "count": {"num_format": "#,##0"},
    "number": {"num_format": "#,##0.00"},
    "share": {"num_format": "0.0%"},
    "month": {"num_format": "mmm yyyy"},
    "day": {"num_format": "d mmmm yyyy"},
    "synthetic": {"bold": True, "bg_color": "#FFEB3B"},
}
WIDTHS = {"text": 34, "long": 60, "code": 18, "month": 11, "day": 18}
WIDE = 14  # columns: beyond this a sheet prints two pages wide, so that it can be read


@dataclass(frozen=True)
class Sheet:
    """One sheet: columns as (heading, format of FORMATS), and rows of plain values; None stays an empty cell."""

    name: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]
    notes: Sequence[str] = field(default_factory=tuple)


def write_workbook(
    file: Path, sheets: Sequence[Sheet], manifest: RunManifest, words: Wording, notes: Sequence[str] = ()
) -> None:
    """Write the sheets, then a Notes sheet with the manifest; the same values give the same bytes.

    Raises:
        OSError: the file cannot be written.
    """
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with xlsxwriter.Workbook(str(file), options) as book:
        book.set_properties({"title": "prescarbon", "comments": f"prescarbon {manifest.version}", "created": FIXED})
        formats = {name: book.add_format({"valign": "top", **look}) for name, look in FORMATS.items()}
        for sheet in sheets:
            _write_sheet(book.add_worksheet(sheet.name[:31]), sheet, formats, is_synthetic=manifest.is_synthetic)
        _write_notes(book.add_worksheet("Notes"), manifest, words, notes, formats)


def _write_sheet(page: Any, sheet: Sheet, formats: Mapping[str, Any], *, is_synthetic: bool) -> None:
    top = 0
    for note in (["SYNTHETIC data: nothing here is real."] if is_synthetic else []) + list(sheet.notes):
        last = min(len(sheet.columns), WIDE) - 1
        look = formats["synthetic" if top == 0 and is_synthetic else "note"]
        page.merge_range(top, 0, top, last, note, look)
        page.set_row(top, LINE * _lines(note, sum(_width(look) for _, look in sheet.columns[: last + 1])))
        top += 1
    for at, (heading, look) in enumerate(sheet.columns):
        page.write_string(top, at, heading, formats["head"])
        page.set_column(at, at, _width(look))
    page.set_row(top, LINE * max(_lines(heading, _width(look)) for heading, look in sheet.columns))
    for row_at, row in enumerate(sheet.rows, start=top + 1):
        for at, value in enumerate(row):
            _write_cell(page, row_at, at, value, formats[sheet.columns[at][1]])
        texts = [(v, look) for v, (_, look) in zip(row, sheet.columns, strict=True) if isinstance(v, str)]
        page.set_row(row_at, LINE * max([1, *(_lines(text, _width(look)) for text, look in texts)]))
    if not sheet.rows:
        page.write_string(top + 1, 0, "none", formats["text"])
    page.freeze_panes(top + 1, 1)
    if sheet.rows:
        page.autofilter(top, 0, top + len(sheet.rows), len(sheet.columns) - 1)
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(2 if len(sheet.columns) > WIDE else 1, 0)
    page.repeat_rows(top)


def _width(look: str) -> int:
    return WIDTHS.get(look, 13)


def _lines(text: str, width: int) -> int:
    """About how many lines a wrapped text takes: programs that open the file do not all work it out."""
    return 1 + len(text) // max(1, width - 2)


def _write_cell(page: Any, row: int, column: int, value: Any, look: Any) -> None:
    if value is None:
        page.write_blank(row, column, None, look)
    elif isinstance(value, bool):
        page.write_boolean(row, column, value, look)
    elif isinstance(value, int | float | Decimal):
        page.write_number(row, column, float(value), look)
    elif isinstance(value, date):
        page.write_datetime(row, column, value, look)
    else:
        page.write_string(row, column, str(value), look)


def _write_notes(
    page: Any, manifest: RunManifest, words: Wording, notes: Sequence[str], formats: Mapping[str, Any]
) -> None:
    page.set_column(0, 0, 26)
    page.set_column(1, 1, NOTES_WIDTH)
    facts = [
        ("Program", f"prescarbon {manifest.version}"),
        ("Months", ", ".join(manifest.months)),
        ("Scope", manifest.scope),
        (
            "Factors",
            f"{manifest.factor_set} set, GWP100 of {manifest.gwp_basis}; reference data {manifest.reference_sha256}",
        ),
        ("Rows", f"{manifest.rows_in:,} in = {manifest.rows_used:,} used + {manifest.rows_rejected:,} rejected"),
        ("NIC", nic_words(manifest)),
        *((("Constant prices", manifest.price_base["words"]),) if manifest.price_base else ()),
        *((f"Input {i['month']}", f"{i['file_name']}, sha256 {i['hash']}") for i in manifest.inputs),
        ("Low to high", words["page"]["interval"]),
        ("Empty cells", "Not known. Nothing unknown is zero."),
        ("Mind", words["page"]["care"]),
        ("Licence", words["page"]["licence"]),
        *(("Mind", text) for text in (*manifest.warnings, *notes)),
    ]
    if manifest.is_synthetic:
        facts.insert(0, ("SYNTHETIC", words["page"]["synthetic"]))
    for row, (name, text) in enumerate(facts):
        page.write_string(row, 0, name, formats["head"])
        page.write_string(row, 1, text, formats["text"])
        page.set_row(row, LINE * _lines(text, NOTES_WIDTH))
    page.set_landscape()
    page.set_paper(9)
    page.fit_to_pages(1, 0)
