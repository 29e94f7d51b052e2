"""EPD files the user has, CSV (also packed) or Parquet → chunks of text columns: decoded and cut where lines end."""

import csv
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path

import polars as pl

from prescarbon.errors import InputError
from prescarbon.source.lines import LineReader
from prescarbon.source.unpacking import DAMAGED, reading, unpacked
from prescarbon.store.ahead import ahead
from prescarbon.store.layouts import Layout, recognise
from prescarbon.store.months import Chunk, Incoming, Published, Store, hash_of

CHUNK_BYTES = 16 << 20  # small enough for memory, large enough that parsing dominates
PARQUET_ROWS = 250_000

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
    practices_asked: tuple[str, ...] | None = None,
    replace: bool = False,
    expect_month: date | None = None,
    progress: Progress = _quiet,
) -> Published:
    """Publish an EPD file as a month of the store.

    practices_asked  the codes a query asked for, sorted; None: the file holds all that was published
    progress         called with the bytes of the file read so far

    Raises:
        InputError: the file is no EPD file, is damaged, holds no usable row or several months; see Store.publish.
    """
    with reading(path):
        size = path.stat().st_size
        sha256 = hash_of(path)
    if not size:
        raise InputError("is empty.", where=path.name, remedy="Download it again.")
    reader = _Reader(path, progress)
    with closing(reader.chunks()) as chunks:
        incoming = Incoming(
            file_name=path.name,
            hash=sha256,
            bytes=size,
            layout=reader.layout,
            chunks=chunks,
            encoding=lambda: reader.encoding,
            source=source,
            address=address,
            last_modified=last_modified,
            practices_asked=practices_asked,
        )
        return store.publish(incoming, replace=replace, expect_month=expect_month)


class _Reader:
    """One file: its layout at once, its rows as chunks of text columns when asked."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self.path, self.progress, self.encoding = path, progress, "UTF-8"
        with reading(path), path.open("rb") as file:
            self.is_parquet = file.read(4) == b"PAR1"
        if self.is_parquet:
            self.header = self._parquet().collect_schema().names()
        else:
            with closing(unpacked(self.path, self.progress)) as pieces:
                self.header = self._header(next(pieces, b""))
        self.layout: Layout = recognise(self.header, path.name)
        self.lines = LineReader(
            len(self.header), sorted((self.header.index(name), name) for name in self.layout.published)
        )

    def chunks(self) -> Generator[Chunk, None, None]:
        """The rows with the text columns of the layout, in the file's order."""
        return self._parquet_chunks() if self.is_parquet else self._csv_chunks()

    def _parquet(self) -> pl.LazyFrame:
        with self._reading_parquet():
            plan = pl.scan_parquet(self.path)
            plan.collect_schema()
        return plan

    @contextmanager
    def _reading_parquet(self) -> Iterator[None]:
        try:
            yield
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
            raise InputError("cannot be read as Parquet.", where=self.path.name, remedy=DAMAGED) from error

    def _parquet_chunks(self) -> Generator[Chunk, None, None]:
        size = self.path.stat().st_size
        with self._reading_parquet():
            scan = self._parquet()
            for name, dtype in scan.select(self.layout.published).collect_schema().items():
                if dtype.is_nested() or dtype in (pl.Binary, pl.Object):
                    raise InputError(
                        f"column {name} holds {dtype}, not text or numbers.",
                        where=self.path.name,
                        remedy="Is it an EPD file?",
                    )
            plan = scan.select(pl.col(self.layout.published).cast(pl.String))
            rows = plan.select(pl.len()).collect().item()
            for start in range(0, rows, PARQUET_ROWS):
                some = plan.slice(start, PARQUET_ROWS).collect()
                yield Chunk(some, pl.int_range(start + 2, start + 2 + some.height, dtype=pl.Int64, eager=True))
                self.progress(min(size, (start + PARQUET_ROWS) * size // rows))

    def _header(self, first: bytes) -> list[str]:
        start = first[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
        if start[:1] == b"<":
            raise InputError(
                "is a web page (HTML), not an EPD file.", where=self.path.name, remedy="Download the file itself."
            )
        line = first.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].rstrip(b"\r")
        if b"\r" in line:
            raise InputError(
                "ends its lines with a carriage return alone.",
                where=self.path.name,
                remedy="Save it as CSV with line ends as published (CR LF or LF).",
            )
        if b"\x00" in line or len(line) > 100_000:
            raise InputError("is not text.", where=self.path.name, remedy="Is it an EPD file?")
        return next(csv.reader([line.decode("latin-1")]), [])

    def _csv_chunks(self) -> Generator[Chunk, None, None]:
        with closing(ahead(self._whole_lines())) as pieces:
            for number, piece in enumerate(pieces):
                text = self._as_utf8(piece)
                if lines := text if number else text.partition(b"\n")[2]:
                    yield self.lines.read(lines)

    def _whole_lines(self) -> Generator[bytes, None, None]:
        """Pieces cut where a line ends; the last line may lack its end, but no field."""
        rest: list[bytes] = []
        held = 0
        for piece in unpacked(self.path, self.progress):
            held += len(piece)
            cut = piece.rfind(b"\n") + 1 if held >= CHUNK_BYTES else 0
            if cut:
                yield b"".join([*rest, piece[:cut]])
                rest, held = [piece[cut:]], len(piece) - cut
            else:
                rest.append(piece)
        if held:
            last = b"".join(rest)
            if not last.endswith(b"\n"):
                line = last.rpartition(b"\n")[2]
                if line.strip() and not self.lines.is_whole(line):
                    raise InputError("ends in the middle of a row.", where=self.path.name, remedy=DAMAGED)
                last += b"\n"
            yield last

    def _as_utf8(self, chunk: bytes) -> bytes:
        if chunk.isascii():
            return chunk
        try:
            chunk.decode("utf-8")
        except UnicodeDecodeError:
            self.encoding = "Latin-1"
            return chunk.decode("latin-1").encode("utf-8")
        return chunk.removeprefix(b"\xef\xbb\xbf")
