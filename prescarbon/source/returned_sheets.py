"""A workbook that came back: the text of every cell of every sheet, and where a formula hides; nothing in it is run."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import fastexcel
import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.text import CONTROL

MOST_BYTES, MOST_UNPACKED = 20_000_000, 200_000_000
PART = re.compile(r"xl/worksheets/[^/]+\.xml")
WORKBOOK, RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
CONTROLS = re.compile(CONTROL)
REMEDY = "Give the workbook that `prescarbon rules pack` wrote, filled in and saved as .xlsx."


@dataclass(frozen=True)
class ReturnedSheet:
    """One sheet: text by row and column from A1, None where a cell is empty."""

    name: str
    cells: tuple[tuple[str | None, ...], ...]


def read_returned(file: Path) -> tuple[ReturnedSheet, ...]:
    """Every sheet of an XLSX; dates as 2026-10-05.

    Raises:
        InputError: it is no workbook, is far too large, or holds a formula anywhere.
    """
    try:
        if formulas := list(_formulas(file)):
            raise InputError(
                f"holds a formula in {', '.join(formulas[:5])}.", where=file.name, remedy="Write plain text and dates."
            )
        book = fastexcel.read_excel(file)
        return tuple(_sheet(book, name) for name in book.sheet_names)
    except (
        *(OSError, EOFError, ValueError, zlib.error, zipfile.BadZipFile, ET.ParseError, NotImplementedError),
        *(RuntimeError, pl.exceptions.PolarsError, fastexcel.FastExcelError),
    ) as error:
        said = str(error).splitlines()[0] if str(error) else "empty"
        raise InputError(f"is no workbook that can be read ({said}).", where=file.name, remedy=REMEDY) from error


def _sheet(book: fastexcel.ExcelReader, name: str) -> ReturnedSheet:
    table = book.load_sheet(name, header_row=None, dtypes="string").to_polars()
    rows = [tuple((cell or "").strip().removesuffix(" 00:00:00") or None for cell in row) for row in table.iter_rows()]
    return ReturnedSheet(_shown(name), tuple(rows))


def _shown(name: str) -> str:
    """A sheet's name as a message may print it."""
    return CONTROLS.sub("", name)


def _formulas(file: Path) -> Iterator[str]:
    """Cells that hold a formula, as DV04 B7."""
    if file.stat().st_size > MOST_BYTES:
        raise ValueError("it is far larger than what was sent out")
    with zipfile.ZipFile(file) as book:
        if sum(part.file_size for part in book.infolist()) > MOST_UNPACKED:
            raise ValueError("it unpacks to far more than what was sent out")
        names = _sheet_names(book)
        for part in book.infolist():
            if PART.fullmatch(part.filename):
                with book.open(part) as text:
                    for _, node in ET.iterparse(text):
                        if node.tag.rpartition("}")[2] == "c":
                            if any(kid.tag.rpartition("}")[2] == "f" for kid in node):
                                yield f"{names.get(part.filename, part.filename)} {node.get('r', '')}"
                            node.clear()


def _sheet_names(book: zipfile.ZipFile) -> dict[str, str]:
    """Part of the file → name of the sheet in it, as whoever filled it in sees it."""
    held = set(book.namelist())
    if not {WORKBOOK, RELATIONS} <= held:
        return {}
    targets = {node.get("Id"): node.get("Target", "") for node in ET.fromstring(book.read(RELATIONS))}
    sheets = [node for node in ET.fromstring(book.read(WORKBOOK)).iter() if node.tag.rpartition("}")[2] == "sheet"]
    found = {}
    for node in sheets:
        place = next((value for key, value in node.attrib.items() if key.endswith("}id")), None)
        target = targets.get(place, "")
        found[target.lstrip("/") if target.startswith("/") else f"xl/{target}"] = _shown(node.get("name", ""))
    return found
