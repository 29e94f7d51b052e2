"""The one place that opens definitions: every file once, wherever it lies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from prescarbon.errors import DefinitionError, Fault, InputError, refuse
from prescarbon.reference.cells import Row
from prescarbon.reference.documents import Document, Shape, content_of, read_document
from prescarbon.reference.sheets import Sheet, no_sheet, parse_csv, read_sheet
from prescarbon.tables.schema import Dtype


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
            try:
                self._bytes[file] = file.read_bytes()
            except ValueError as error:  # a name that no file can have
                raise OSError(str(error)) from error
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
                found = no_sheet(name, model, Fault(name, 0, "", "", _unreadable(error)))
            self._sheets[file] = found
        return self._sheets[file]

    @property
    def held(self) -> Mapping[Path, bytes]:
        """Every file read so far."""
        return self._bytes

    @property
    def are_sound(self) -> bool:
        """True where nothing read so far has a fault."""
        read: list[Sheet | Document[Any]] = [*self._sheets.values(), *self._documents.values()]
        return not any(part.faults for part in read)

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


def _unreadable(error: OSError) -> str:
    return f"cannot be read ({error.strerror or error})"


def read_text(file: Path) -> pl.DataFrame:
    """A CSV as text: cells stripped, an empty one null.

    Raises:
        InputError: it cannot be read, or its form is wrong: all faults at once.
    """
    try:
        table, _, faults = parse_csv(file.read_bytes(), file.name)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror or error}).", where=file.name) from error
    refuse(faults, InputError)
    return table


# what pipeline and pack still read by themselves, until they take Reference


def read_toml(file: Path) -> dict[str, Any]:
    """A reference file in TOML."""
    return content_of(Files(file.parent).document(file, dict[str, Any]))


def read_typed(file: Path, schema: Mapping[str, Dtype]) -> pl.LazyFrame:
    """A CSV with exactly these columns, each cell of its type; an empty cell is null."""
    cells = [pl.col(c).str.to_date() if t == pl.Date else pl.col(c).cast(t) for c, t in schema.items()]
    try:
        return read_text(file).select(cells).lazy()
    except pl.exceptions.PolarsError as error:
        raise InputError(f"cannot be read ({error}).", where=file.name) from error
