"""A line is a row: each line of a CSV is used with all its fields, or told with its number and what is wrong with it.

EPD files hold no row that runs over two lines. So a quote may hide no line end: where the rows that a parser makes are
not as many as the lines, or a row has other fields than the header, each line is looked at by itself.
"""

import csv
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from prescarbon.store.tally import BROKEN, Chunk

END = b"\x1f"  # put at the end of every line as one more field: it stands in its place only where all the others do
END_COLUMN = END.decode()  # no published name
LINE_END, BLANK, DELETE = 10, 32, 127  # bytes: below the blank, and the last of ASCII, are controls
ODD_QUOTE = "a quote opens or closes that has no partner on its line"
BAD_QUOTES = "its quotes cannot be read"
_Line = tuple[int, bytes]


class LineReader:
    """Lines of one CSV, in order, as chunks of rows."""

    def __init__(
        self, width: int, places: Sequence[tuple[int, str]], *, first_line: int = 2, separator: str = ","
    ) -> None:
        """A reader at the first line of rows.

        width       fields of a row
        places      field number (from 0) and name of the columns to read, in order of number
        first_line  2 where line 1 is the header
        """
        self.width, self.line, self.separator = width, first_line, separator
        self.names = [name for _, name in places]
        self.places = [place for place, _ in places]

    def read(self, text: bytes) -> Chunk:
        """The next lines, UTF-8, each with its end. A blank line is no row."""
        first, lines, controls = self.line, *_counted(text)
        if controls:
            text = text.replace(b"\r\n", b"\n")
            lines, controls = _counted(text)
        self.line += lines
        is_clean = not controls and text.isascii()
        table = self._parsed(text) if is_clean or END not in text else None
        if table is not None and table.height == lines and table[END_COLUMN].eq_missing(END_COLUMN).all():
            numbers = pl.int_range(first, first + lines, dtype=pl.Int64, eager=True)
            return Chunk(table.drop(END_COLUMN), numbers, is_clean=is_clean)
        return self._one_by_one(text, first, is_clean=is_clean)

    def is_whole(self, line: bytes) -> bool:
        """True where the line has all its fields and every quote its partner."""
        return line.count(b'"') % 2 == 0 and self._fields(line.decode("latin-1")) == self.width

    def _parsed(self, text: bytes) -> pl.DataFrame | None:
        """The columns to read and END_COLUMN; None where a quote stands as none may."""
        schema = {f"column_{place}": pl.String for place in range(self.width + 1)}
        try:
            table = pl.read_csv(
                text.replace(b"\n", self.separator.encode() + END + b"\n"),
                separator=self.separator,
                has_header=False,
                schema=schema,
                columns=[*self.places, self.width],
                missing_columns="insert",
                extra_columns="ignore",
            )
        except pl.exceptions.PolarsError:
            return None
        return table.rename(dict(zip(table.columns, [*self.names, END_COLUMN], strict=True)))

    def _one_by_one(self, text: bytes, first: int, *, is_clean: bool) -> Chunk:
        """The same lines where something is wrong with one of them."""
        sound: list[_Line] = []
        faults: list[tuple[int, str, str]] = []
        for number, line in enumerate(text.split(b"\n"), start=first):
            if line.count(b'"') % 2:
                faults.append((number, ODD_QUOTE, line.decode()))
            elif END in line and not self.is_whole(line):
                faults.append((number, self._fault(line), line.decode()))
            elif line.strip():
                sound.append((number, line))
        lines = dict(sound)
        tables = list(self._read_together(sound))
        rows = pl.concat([table for _, table in tables]) if tables else self._nothing()
        numbers = pl.Series([n for some, _ in tables for n, _ in some], dtype=pl.Int64)
        is_row = rows[END_COLUMN].eq_missing(END_COLUMN)
        lost = lines.keys() - set(numbers.filter(is_row).to_list())
        faults += [(number, self._fault(lines[number]), lines[number].decode()) for number in lost]
        broken = pl.DataFrame(sorted(faults), schema=BROKEN, orient="row")
        return Chunk(rows.filter(is_row).drop(END_COLUMN), numbers.filter(is_row), broken, is_clean=is_clean)

    def _read_together(self, lines: list[_Line]) -> Iterator[tuple[list[_Line], pl.DataFrame]]:
        """Lines and the table of them, a row each; halved until what no parser takes stands alone and is left out."""
        if not lines:
            return
        table = self._parsed(b"\n".join(line for _, line in lines) + b"\n")
        if table is not None and table.height == len(lines):
            yield lines, table
        elif len(lines) > 1:
            half = len(lines) // 2
            yield from self._read_together(lines[:half])
            yield from self._read_together(lines[half:])

    def _nothing(self) -> pl.DataFrame:
        return pl.DataFrame(schema=dict.fromkeys([*self.names, END_COLUMN], pl.String))

    def _fault(self, line: bytes) -> str:
        fields = self._fields(line.decode())
        if fields == self.width:
            return BAD_QUOTES
        return f"{fields} field{'s' if fields != 1 else ''}, a row has {self.width}"

    def _fields(self, line: str) -> int:
        """How many fields the line has."""
        try:
            return len(next(csv.reader([line], delimiter=self.separator), []))
        except csv.Error:  # a field longer than any reader takes
            return line.count(self.separator) + 1


def _counted(text: bytes) -> tuple[int, int]:
    """Line ends, and other bytes that are control characters: told of the bytes together, so that it costs little."""
    codes = np.frombuffer(text, np.uint8)
    ends = int(np.count_nonzero(codes == LINE_END))
    return ends, int(np.count_nonzero(codes < BLANK)) - ends + int(np.count_nonzero(codes == DELETE))
