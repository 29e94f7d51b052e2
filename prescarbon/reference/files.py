"""The one place that opens and parses definitions: CSV and TOML, each file once, with every fault and its true line."""

import csv
import io
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl
from pydantic import TypeAdapter, ValidationError

from prescarbon.errors import DefinitionError, Fault, PrescarbonError, faults_of, refuse, shown
from prescarbon.reference.cells import Row, schema_of

Shape = TypeVar("Shape")
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


@dataclass(frozen=True)
class Document(Generic[Shape]):
    """A TOML file, typed, and its faults; no content where there is a fault."""

    name: str
    content: Shape | None
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Files:
    """What was read, so that nothing is read twice and a hash is of the very bytes that were used."""

    root: Path
    _bytes: dict[Path, bytes] = field(default_factory=dict)
    _sheets: dict[Path, Sheet] = field(default_factory=dict)
    _documents: dict[Path, Document[Any]] = field(default_factory=dict)

    def bytes_of(self, file: Path) -> bytes:
        """What the file holds.

        Raises:
            OSError: it cannot be opened.
        """
        if file not in self._bytes:
            self._bytes[file] = file.read_bytes()
        return self._bytes[file]

    def name_of(self, file: Path) -> str:
        """The file as a message names it: below the reference folder with its folder, elsewhere alone."""
        return file.relative_to(self.root).as_posix() if file.is_relative_to(self.root) else file.name

    def sheet(self, file: Path, model: type[Row]) -> Sheet:
        """A CSV whose rows are of this model."""
        if file not in self._sheets:
            name = self.name_of(file)
            try:
                found = read_sheet(self.bytes_of(file), name, model)
            except OSError as error:
                found = _no_sheet(name, model, Fault(name, 0, "", "", _unreadable(error)))
            self._sheets[file] = found
        return self._sheets[file]

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """Every CSV read so far."""
        return tuple(self._sheets.values())

    def document(self, file: Path, shape: type[Shape] | TypeAdapter[Shape], context: object = None) -> Document[Shape]:
        """A TOML file of this shape."""
        if file not in self._documents:
            name = self.name_of(file)
            try:
                self._documents[file] = read_document(self.bytes_of(file), name, shape, context)
            except OSError as error:
                self._documents[file] = Document(name, None, (Fault(name, 0, "", "", _unreadable(error)),))
        return self._documents[file]


def find_reference(root: Path | None = None) -> Path:
    """The folder: as given, else inside the installed package, else beside it in a checkout.

    Raises:
        DefinitionError: there is none.
    """
    package = Path(__file__).parents[1]
    for folder in (root,) if root else (package / "_reference", package.parent / "reference"):
        if folder and (folder / "sources.toml").is_file():
            return folder
    raise DefinitionError("no reference folder.", where=str(root or "reference"), remedy="Install prescarbon again.")


def read_sheet(content: bytes, name: str, model: type[Row]) -> Sheet:
    """Typed rows of a CSV, or every fault of it: columns, cells, keys that stand twice, low ≤ centre ≤ high."""
    table, lines, faults = parse_csv(content, name)
    return _no_sheet(name, model, *faults) if faults else type_rows(table, lines, name, model)


def type_rows(table: pl.DataFrame, lines: tuple[int, ...], name: str, model: type[Row]) -> Sheet:
    """A table of text as rows of a model, or every fault of it.

    lines  of each row, for the faults
    """
    if faults := _wrong_columns(table, name, model):
        return _no_sheet(name, model, *faults)
    try:
        rows = TypeAdapter(list[model]).validate_python(table.to_dicts())  # type: ignore[valid-type]
    except ValidationError as invalid:
        return _no_sheet(name, model, *faults_of(invalid, name, lines))
    schema = schema_of(model)
    extra = {c: pl.String for c in table.columns if c not in schema}
    cells = [{**row.__dict__, **(row.__pydantic_extra__ or {})} for row in rows]
    frame = pl.DataFrame(cells, schema={**schema, **extra}, orient="row")
    sheet = Sheet(name, model, frame, lines, ())
    faults = [*_doubled(sheet), *_out_of_order(sheet), *_backwards(sheet)]
    return _no_sheet(name, model, *faults) if faults else sheet


def parse_csv(content: bytes, name: str) -> tuple[pl.DataFrame, tuple[int, ...], list[Fault]]:
    """A CSV as text: cells stripped, an empty one null; the line each row begins on; faults of its form."""
    text, faults = _decoded(content, name)
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


def read_document(
    content: bytes, name: str, shape: type[Shape] | TypeAdapter[Shape], context: object = None
) -> Document[Shape]:
    """Typed content of a TOML file, or every fault of it."""
    raw, faults = parse_toml(content, name)
    if faults:
        return Document(name, None, tuple(faults))
    return shape_document(raw, name, shape, context)


def shape_document(
    raw: object, name: str, shape: type[Shape] | TypeAdapter[Shape], context: object = None
) -> Document[Shape]:
    """Content of a TOML file, already parsed, as the shape it should have, or every fault of it.

    context  what the validators of the shape need beside the file
    """
    adapter = shape if isinstance(shape, TypeAdapter) else TypeAdapter(shape)
    try:
        return Document(name, adapter.validate_python(raw, context=context), ())
    except ValidationError as invalid:
        return Document(name, None, tuple(faults_of(invalid, name)))


def parse_toml(content: bytes, name: str) -> tuple[dict[str, Any], list[Fault]]:
    """What a TOML file says, or the one fault that keeps it from being read, with its line."""
    text, faults = _decoded(content, name)
    try:
        return ({}, faults) if faults else (tomllib.loads(text), [])
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError, deep nesting a recursion
        said = re.search(r"line ([0-9]+)", str(error))
        line = int(said.group(1)) if said else 1
        return {}, [Fault(name, line, "", "", f"cannot be read as TOML ({shown(error)})")]


def _decoded(content: bytes, name: str) -> tuple[str, list[Fault]]:
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return "", [Fault(name, line, "", "", "is not UTF-8: save it as CSV UTF-8, or as plain text in UTF-8")]


def _unreadable(error: OSError) -> str:
    return f"cannot be read ({error.strerror or error})"


def _no_sheet(name: str, model: type[Row], *faults: Fault) -> Sheet:
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


def rows_of(sheet: Sheet, error: type[PrescarbonError] = DefinitionError) -> pl.DataFrame:
    """The rows of a sheet.

    Raises:
        PrescarbonError: of the class given, naming every fault of the file.
    """
    columns = [fault for fault in sheet.faults if fault.line == 1 and fault.reason.startswith("this column")]
    should = f"The columns should be {', '.join(sheet.model.model_fields)}." if columns else ""
    refuse(sheet.faults, error, should or REMEDY)
    return sheet.rows


def content_of(document: Document[Shape]) -> Shape:
    """What a document says.

    Raises:
        DefinitionError: naming every fault of the file.
    """
    refuse(document.faults, DefinitionError, REMEDY)
    if document.content is None:
        raise AssertionError(document.name)  # no content only where there is a fault
    return document.content
