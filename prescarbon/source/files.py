"""EPD files the user has: CSV, CSV in ZIP, CSV.GZ or Parquet; inflated, decoded and cut into chunks as they are read."""

import csv
import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import IO

import polars as pl
from isal import isal_zlib

from prescarbon.errors import InputError
from prescarbon.store.ahead import ahead
from prescarbon.store.layouts import Layout, recognise
from prescarbon.store.months import Incoming, Published, Store, hash_of

READ_AT_ONCE = 1 << 20
CHUNK_BYTES = 16 << 20  # small enough for memory, large enough that parsing dominates
PARQUET_ROWS = 250_000
LINES_BACK = 40  # how far back from a chunk's end a row's end is looked for
LINES_A_ROW = 5  # an address may hold line ends
DAMAGED = "Download it again: the file is damaged or was cut short."

Progress = Callable[[int], None]


def _quiet(done: int) -> None:
    """Show nothing."""


def take_file(
    store: Store,
    path: Path,
    *,
    source: str = "file",
    address: str | None = None,
    last_modified: str | None = None,
    replace: bool = False,
    expect_month: date | None = None,
    progress: Progress = _quiet,
) -> Published:
    """Publish an EPD file as a month of the store.

    progress  called with the bytes of the file read so far

    Raises:
        InputError: the file is no EPD file, is damaged, holds no usable row or several months; see Store.publish.
    """
    try:
        size = path.stat().st_size
        if not size:
            raise InputError("is empty.", where=path.name, remedy="Download it again.")
        reader = _Reader(path, progress)
        with closing(reader.chunks()) as chunks:
            incoming = Incoming(
                file_name=path.name,
                hash=hash_of(path),
                bytes=size,
                layout=reader.layout,
                chunks=chunks,
                encoding=lambda: reader.encoding,
                source=source,
                address=address,
                last_modified=last_modified,
            )
            return store.publish(incoming, replace=replace, expect_month=expect_month)
    except (zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, isal_zlib.IsalError) as error:  # type: ignore[misc]  # isal types it loosely
        raise InputError(f"cannot be unpacked ({error}).", where=path.name, remedy=DAMAGED) from error


class _Reader:
    """One file: its layout at once, its rows as chunks of text columns when asked."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self.path, self.progress, self.encoding = path, progress, "UTF-8"
        with path.open("rb") as file:
            self.magic = file.read(4)
        if self.magic == b"PAR1":
            self.header = self._parquet().collect_schema().names()
        else:
            with closing(self._bytes()) as pieces:
                self.header = self._header(next(pieces, b""))
        self.layout: Layout = recognise(self.header, path.name)

    def chunks(self) -> Generator[pl.DataFrame, None, None]:
        """Text columns of the layout, under their published names, in the file's order."""
        return self._parquet_chunks() if self.magic == b"PAR1" else self._csv_chunks()

    # Parquet

    def _parquet(self) -> pl.LazyFrame:
        try:
            plan = pl.scan_parquet(self.path)
            plan.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise InputError("cannot be read as Parquet.", where=self.path.name, remedy=DAMAGED) from error
        return plan

    def _parquet_chunks(self) -> Generator[pl.DataFrame, None, None]:
        plan = self._parquet().select(pl.col(self.layout.published).cast(pl.String))
        rows = plan.select(pl.len()).collect().item()
        for start in range(0, rows, PARQUET_ROWS):
            yield plan.slice(start, PARQUET_ROWS).collect()
            self.progress(min(self.path.stat().st_size, (start + PARQUET_ROWS) * self.path.stat().st_size // rows))

    # CSV, plain or packed

    def _bytes(self) -> Generator[bytes, None, None]:
        if self.magic.startswith(b"PK"):
            return self._unzipped()
        if self.magic.startswith(b"\x1f\x8b"):
            return self._read(lambda packed: gzip.GzipFile(fileobj=packed))
        return self._read(lambda file: file)

    def _read(self, unpack: Callable[[IO[bytes]], IO[bytes] | gzip.GzipFile]) -> Generator[bytes, None, None]:
        with self.path.open("rb") as file, unpack(file) as unpacked:
            while piece := unpacked.read(4 * READ_AT_ONCE):
                self.progress(file.tell())
                yield piece

    def _unzipped(self) -> Generator[bytes, None, None]:
        """The one CSV in a ZIP, inflated by isal (about twice as fast as zlib); size and CRC are checked at the end."""
        with zipfile.ZipFile(self.path) as archive:
            inside = [i for i in archive.infolist() if i.filename.lower().endswith(".csv")]
        if len(inside) != 1:
            raise InputError(
                f"holds {len(inside)} CSV files, not one.",
                where=self.path.name,
                remedy="Unpack it and import the EPD file.",
            )
        (info,) = inside
        if info.compress_type not in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED) or info.flag_bits & 1:
            raise InputError(
                "is packed in a way that cannot be read.", where=self.path.name, remedy="Unpack it and import the CSV."
            )
        inflate = isal_zlib.decompressobj(-15) if info.compress_type == zipfile.ZIP_DEFLATED else None
        crc, size, left = 0, 0, info.compress_size
        with self.path.open("rb") as file:
            file.seek(info.header_offset)
            name_length, extra_length = struct.unpack("<26x2H", file.read(30))
            file.seek(name_length + extra_length, io.SEEK_CUR)
            while left:
                packed = file.read(min(READ_AT_ONCE, left))
                if not packed:
                    break
                left -= len(packed)
                piece = inflate.decompress(packed) if inflate else packed
                crc, size = isal_zlib.crc32(piece, crc), size + len(piece)
                self.progress(info.compress_size - left)
                yield piece
        if left or size != info.file_size or crc != info.CRC:
            raise InputError("does not unpack to what it promises.", where=self.path.name, remedy=DAMAGED)

    def _header(self, first: bytes) -> list[str]:
        start = first[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
        if start[:1] == b"<":
            raise InputError(
                "is a web page (HTML), not an EPD file.", where=self.path.name, remedy="Download the file itself."
            )
        line = first.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0]
        if b"\x00" in line or len(line) > 100_000:
            raise InputError("is not text.", where=self.path.name, remedy="Is it an EPD file?")
        return next(csv.reader([line.decode("latin-1").rstrip("\r")]), [])

    def _csv_chunks(self) -> Generator[pl.DataFrame, None, None]:
        places = sorted((self.header.index(name), name) for name in self.layout.published)
        with closing(ahead(self._whole_lines())) as chunks:
            for number, chunk in enumerate(chunks):
                text = self._as_utf8(chunk)
                lines = text.split(b"\n", 1)[1] if number == 0 and b"\n" in text else b"" if number == 0 else text
                if lines and not lines.isspace():
                    yield self._parse(lines, places)

    def _whole_lines(self) -> Generator[bytes, None, None]:
        """Pieces cut where a row ends: a line end inside quotes is none."""
        rest: list[bytes] = []
        held = 0
        for piece in self._bytes():
            held += len(piece)
            cut = self._row_end(piece) if held >= CHUNK_BYTES else 0
            if cut:
                yield b"".join([*rest, piece[:cut]])
                rest, held = [piece[cut:]], len(piece) - cut
            else:
                rest.append(piece)
        if held:
            last = b"".join(rest)
            if (
                not last.endswith(b"\n")
                and last.rpartition(b"\n")[2].strip()
                and self._row_end(last + b"\n") <= len(last)
            ):
                raise InputError("ends in the middle of a row.", where=self.path.name, remedy=DAMAGED)
            yield last

    def _row_end(self, text: bytes) -> int:
        """Just after the last line end that closes a row: the lines before it parse as one row with all its fields.

        0 where no line end does.
        """
        ends = [text.rfind(b"\n") + 1]
        while len(ends) < LINES_BACK and ends[-1] > 0:
            ends.append(text.rfind(b"\n", 0, ends[-1] - 1) + 1)
        for last, end in enumerate(ends):
            for start in ends[last + 1 : last + 1 + LINES_A_ROW]:
                rows = list(csv.reader(io.StringIO(text[start:end].decode("latin-1"), newline="")))
                if len(rows) == 1 and len(rows[0]) == len(self.header):
                    return end
        return 0

    def _as_utf8(self, chunk: bytes) -> bytes:
        if chunk.isascii():
            return chunk
        try:
            chunk.decode("utf-8")
        except UnicodeDecodeError:
            self.encoding = "Latin-1"
            return chunk.decode("latin-1").encode("utf-8")
        return chunk.removeprefix(b"\xef\xbb\xbf")

    def _parse(self, lines: bytes, places: list[tuple[int, str]]) -> pl.DataFrame:
        try:
            table = pl.read_csv(
                lines,
                has_header=False,
                columns=[place for place, _ in places],
                infer_schema=False,
                raise_if_empty=False,
            )
        except pl.exceptions.PolarsError:
            return self._parse_slowly(lines, places)
        if table.width != len(places):
            return self._parse_slowly(lines, places)
        return table.rename(dict(zip(table.columns, (name for _, name in places), strict=True)))

    def _parse_slowly(self, lines: bytes, places: list[tuple[int, str]]) -> pl.DataFrame:
        """A chunk with rows of too many or too few fields, row by row: they keep their place and are rejected for it."""
        columns: dict[str, list[str | None]] = {name: [] for _, name in places}
        for row in csv.reader(io.StringIO(lines.decode("utf-8"), newline="")):
            for place, name in places:
                columns[name].append(row[place] if len(row) == len(self.header) else None)
        return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))
