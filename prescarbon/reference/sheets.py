"""A CSV as typed rows of its model, or every fault of it with its true line: form, columns, cells, keys, order, spans."""

import csv
import io
from dataclasses import dataclass
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from prescarbon.errors import DefinitionError, Fault, PrescarbonError, faults_of, refuse
from prescarbon.reference.cells import Row, schema_of

REMEDY = "See reference/README.md."


@dataclass(frozen=True)
class Sheet:
    """A CSV, typed: its rows, the line each begins on, and its faults; no row where there is a fault."""

    name: str
    model: type[Row]
    rows: pl.DataFrame
    lines: tuple[int, ...]
    faults: tuple[Fault, ...]

    @property
    def numbered(self) -> pl.DataFrame:
        """The rows with `line`."""
        return self.rows.with_columns(line=pl.Series(self.lines, dtype=pl.Int64))


def rows_of(sheet: Sheet, error: type[PrescarbonError] = DefinitionError) -> pl.DataFrame:
    """The rows of a sheet.

    Raises:
        PrescarbonError: of the class given, naming every fault of the file.
    """
    columns = [fault for fault in sheet.faults if fault.line == 1 and fault.reason.startswith("this column")]
    should = f"The columns should be {', '.join(sheet.model.model_fields)}." if columns else ""
    refuse(sheet.faults, error, should or REMEDY)
    return sheet.rows


def read_sheet(content: bytes, name: str, model: type[Row]) -> Sheet:
    """Typed rows of a CSV, or every fault of it: columns, cells, keys that stand twice, low ≤ centre ≤ high."""
    table, lines, faults = parse_csv(content, name)
    return no_sheet(name, model, *faults) if faults else type_rows(table, lines, name, model)


def type_rows(table: pl.DataFrame, lines: tuple[int, ...], name: str, model: type[Row]) -> Sheet:
    """A table of text as rows of a model, or every fault of it.

    lines  of each row, for the faults
    """
    if faults := _wrong_columns(table, name, model):
        return no_sheet(name, model, *faults)
    try:
        shape: Any = list[model]  # type: ignore[valid-type]
        rows: list[Row] = TypeAdapter(shape).validate_python(table.to_dicts())
    except ValidationError as invalid:
        return no_sheet(name, model, *faults_of(invalid, name, lines))
    schema = schema_of(model)
    extra = {c: pl.String for c in table.columns if c not in schema}
    cells = [{**row.__dict__, **(row.__pydantic_extra__ or {})} for row in rows]
    if not cells and not model.MAY_BE_EMPTY:
        return no_sheet(name, model, Fault(name, 1, "", "", "holds no row below its header"))
    frame = pl.DataFrame(cells, schema={**schema, **extra}, orient="row")
    sheet = Sheet(name, model, frame, lines, ())
    faults = [*_doubled(sheet), *_out_of_order(sheet), *_backwards(sheet)]
    return no_sheet(name, model, *faults) if faults else sheet


def parse_csv(content: bytes, name: str) -> tuple[pl.DataFrame, tuple[int, ...], list[Fault]]:
    """A CSV as text: cells stripped, an empty one null; the line each row begins on; faults of its form."""
    text, faults = decoded(content, name)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    rows: list[list[str | None]] = []
    lines: list[int] = []
    line = 1
    try:
        for cells in reader:
            begins, line = line, reader.line_num + 1
            if not cells:
                continue
            if not header:
                header = [cell.strip() for cell in cells]
            elif len(cells) != len(header):
                faults.append(Fault(name, begins, "", "", f"has {len(cells)} cells, its header {len(header)}"))
            else:
                rows.append([cell.strip() or None for cell in cells])
                lines.append(begins)
    except csv.Error as error:
        faults.append(Fault(name, reader.line_num, "", "", f"cannot be read as CSV ({error})"))
    if not header and not faults:
        faults.append(Fault(name, 1, "", "", "holds no header"))
    for column in sorted({c for c in header if header.count(c) > 1}):
        faults.append(Fault(name, 1, column, "", "stands twice in the header"))
    if faults:
        return pl.DataFrame(), (), faults
    return pl.DataFrame(rows, schema=dict.fromkeys(header, pl.String), orient="row"), tuple(lines), []


def decoded(content: bytes, name: str) -> tuple[str, list[Fault]]:
    """The text of a file in UTF-8, with or without a byte order mark; or the line where it is none."""
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return "", [Fault(name, line, "", "", "is not UTF-8: save it as CSV UTF-8, or as plain text in UTF-8")]


def no_sheet(name: str, model: type[Row], *faults: Fault) -> Sheet:
    """A sheet without rows, because of its faults."""
    return Sheet(name, model, pl.DataFrame(schema=schema_of(model)), (), faults)


def _wrong_columns(table: pl.DataFrame, name: str, model: type[Row]) -> list[Fault]:
    needed = [column for column, known in model.model_fields.items() if known.is_required()]
    odd = [] if model.model_config["extra"] == "allow" else [c for c in table.columns if c not in model.model_fields]
    missing = [Fault(name, 1, c, "", "this column is missing") for c in needed if c not in table.columns]
    return missing + [Fault(name, 1, c, "", "this column is not one of ours") for c in odd]


def _doubled(sheet: Sheet) -> list[Fault]:
    key = list(sheet.model.KEY)
    if not key:
        return []
    twice = sheet.numbered.filter(pl.struct(key).is_duplicated() & ~pl.struct(key).is_first_distinct())
    return [
        Fault(sheet.name, row["line"], ", ".join(key), " ".join(str(row[c]) for c in key), "stands twice")
        for row in twice.iter_rows(named=True)
    ]


def _out_of_order(sheet: Sheet) -> list[Fault]:
    found = []
    for low, centre, high in sheet.model.ORDER:
        ends = sheet.numbered.select(
            "line", least=pl.coalesce(low, centre), value=centre, most=pl.coalesce(high, centre)
        )
        odd = ends.filter(~pl.col("value").is_between("least", "most"))
        for line, least, value, most in odd.iter_rows():
            found.append(Fault(sheet.name, line, centre, f"{value:g}", f"not within {least:g} and {most:g}"))
    return found


def _backwards(sheet: Sheet) -> list[Fault]:
    if not sheet.model.SPAN:
        return []
    first, last = sheet.model.SPAN
    odd = sheet.numbered.filter(pl.col(last) < pl.col(first)).select("line", last)
    return [Fault(sheet.name, line, last, str(day), "ends before it begins") for line, day in odd.iter_rows()]
