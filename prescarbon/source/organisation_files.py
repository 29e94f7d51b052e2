"""Organisation files as published: which kind a file is, its cells as text, its date, and what could not be used."""

import csv
import gzip
import re
import zipfile
import zlib
from datetime import date
from pathlib import Path

import fastexcel
import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.text import holds_control, without_controls
from prescarbon.source.lines import LineReader
from prescarbon.source.organisation_tables import READERS, STATUSES
from prescarbon.store.manifests import hash_of
from prescarbon.store.organisations import Reading
from prescarbon.store.tally import Chunk
from prescarbon.tables.schema import judge

MAY_BE = "It should be epraccur, ePCN, a list-size, practice map, sub-ICB lookup, IMD or QOF file as published."
EPRACCUR_COLUMNS = 27
SEASON_MONTHS = {"spring": 4, "summer": 7, "autumn": 10, "winter": 1}  # a season in a file name is its first month
NAMED_MONTH = re.compile(r"(?<!\d)(20\d\d)[-_ ]?(0[1-9]|1[0-2])(?!\d)")
NAMED_SEASON = re.compile(r"(20\d\d)[-_ ](spring|summer|autumn|winter)", re.IGNORECASE)
REQUIRED = {
    "list size": ("EXTRACT_DATE", "NUMBER_OF_PATIENTS"),
    "geography": ("PRACTICE_CODE", "PRACTICE_NAME", "PCN_ODS_CODE", "PCN_NAME", "CCG_ODS_CODE", "STP_ODS_CODE"),
    "QOF by disease": ("PRACTICE_CODE", "GROUP_CODE", "REGISTER", "PRACTICE_LIST_SIZE"),
    "IMD": ("practice_code", "imd_score", "imd_decile"),
    "QOF by year": ("practiceCode", "AST_N_", "COPD_N_"),
}
REQUIRED_IN_WORKBOOK = {
    "ePCN": ("Partner Organisation Code", "PCN Code", "Practice to PCN Relationship Start Date"),
    "practice map": ("PRACTICE_CODE", "PRACTICE_NAME", "PCN_CODE", "PCN_NAME", "CCG_CODE", "ICB22"),
    "sub-ICB lookup": ("Sub ICB Location ODS Code", "Sub ICB Location Name", "ICB Code", "Integrated Care Board Name"),
}


def kind_of(path: Path) -> str | None:
    """Which organisation file this is, told by its content; None where it is none of them (or cannot be opened)."""
    try:
        if _is_workbook(path):
            return next(iter(_sheet_of_kind(path)), None)
        return _kind_of_line(_first_line(path))
    except (OSError, EOFError, ValueError, csv.Error, zlib.error, zipfile.BadZipFile, fastexcel.FastExcelError):
        return None


def read_organisation_file(path: Path, as_of: date | None = None) -> Reading:
    """Read one file.

    as_of  month it describes; else the name says (2022-12, 2017_08, 2025-autumn as 2025-10), else its newest date.
           List sizes are dated by their own EXTRACT_DATE, QOF by year by its columns

    Raises:
        InputError: it is no organisation file, is broken, lacks a column, has no good row, or no date can be found.
    """
    kind = kind_of(path)
    if kind is None:
        raise InputError("this is no organisations file.", where=path.name, remedy=MAY_BE)
    raw, broken, cleaned = _read_text_rows(path, kind)
    try:
        frame, table, not_needed = READERS[kind](raw)
    except InputError as error:
        raise InputError(str(error), where=path.name) from error
    found, words = _date_of(path, frame, as_of)
    if "as_of" in table.names and "as_of" not in frame.columns:
        frame = frame.with_columns(as_of=pl.lit(found))
    judged = judge(frame.lazy(), table).collect()
    unread = pl.col("unread") if "unread" in frame.columns else pl.lit(None, pl.String)
    twice = pl.struct(table.grain).is_duplicated() & ~pl.struct(table.grain).is_first_distinct()
    judged = judged.with_columns(
        reason=pl.coalesce(
            unread,
            "reason",
            pl.when(~pl.col(table.grain[0]).str.contains(r"^[A-Z0-9]{3,8}$")).then(
                pl.lit(f"{table.grain[0]} is no code")
            ),
            pl.when(twice).then(pl.lit("the same row key a second time")),
        )
    )
    rows = table.admit(judged.filter(pl.col("reason").is_null()).lazy()).collect().sort(table.names)
    if rows.is_empty():
        raise InputError(f"no row of this {kind} file can be used.", where=path.name, remedy="Is it cut short?")
    unused = judged.filter(pl.col("reason").is_not_null()).select("line", "reason")
    rejected = pl.concat([unused, broken]).sort("line", "reason").unique("line", keep="first", maintain_order=True)
    return Reading(
        file_name=path.name,
        hash=hash_of(path),
        kind=kind,
        table=table,
        rows=rows,
        rejected=rejected,
        rows_in=raw.height + broken.height,
        rows_not_needed=not_needed,
        as_of=found,
        as_of_from=words,
        texts_cleaned=cleaned,
    )


def _is_workbook(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return "xl/workbook.xml" in archive.namelist()


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if is_gzip else path.open("rb") as file:
        return file.readline(64_000).decode("latin-1").removeprefix("ï»¿").strip()


def _kind_of_line(line: str) -> str | None:
    cells = next(csv.reader([line], delimiter=";" if line.count(";") > line.count(",") else ","), [])
    for kind, needed in REQUIRED.items():
        if all(any(c == n or (n.endswith("_N_") and c.startswith(n)) for c in cells) for n in needed):
            return kind
    if len(cells) == EPRACCUR_COLUMNS and cells[12] in STATUSES and re.fullmatch(r"(\d{8})?", cells[10]):
        return "epraccur" if re.fullmatch(r"[A-Z0-9]{3,8}", cells[0]) else None
    return None


def _sheet_of_kind(path: Path) -> dict[str, str]:
    """Kind → name of the sheet that has its columns."""
    book = fastexcel.read_excel(path)
    for sheet in book.sheet_names:
        heads = {_plain_head(c) for c in book.load_sheet(sheet, n_rows=0).to_polars().columns}
        for kind, needed in REQUIRED_IN_WORKBOOK.items():
            if heads.issuperset(needed):
                return {kind: sheet}
    return {}


def _plain_head(name: str) -> str:
    return " ".join(name.split())  # published headings hold line breaks and trailing blanks


def _read_text_rows(path: Path, kind: str) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """All cells as trimmed text, empty ones null, plus `line`; lines that are no row (line, reason); texts cleaned."""
    try:
        if kind in REQUIRED_IN_WORKBOOK:
            sheet = fastexcel.read_excel(path).load_sheet(_sheet_of_kind(path)[kind], dtypes="string").to_polars()
            frame = sheet.rename({c: _plain_head(c) for c in sheet.columns})
            chunk = Chunk(frame, pl.int_range(2, 2 + frame.height, dtype=pl.Int64, eager=True))
        else:
            chunk = _read_lines(path, kind)
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError, fastexcel.FastExcelError) as error:
        raise InputError(
            f"this {kind} file is broken ({str(error).splitlines()[0]}).", where=path.name, remedy="Download it again."
        ) from error
    blank = (
        ["", ":"] if kind.startswith("QOF") else [""]
    )  # a QOF file prints ":" for a year a practice has no figure for
    trimmed = chunk.rows.with_columns(pl.all().str.strip_chars())
    cleaned = sum(trimmed.select(pl.col(c).filter(holds_control(pl.col(c))).n_unique() for c in trimmed.columns).row(0))
    text = without_controls(pl.all()) if cleaned else pl.all()
    cells = trimmed.with_columns(text).with_columns(pl.when(pl.all().is_in(blank).not_()).then(pl.all()))
    return cells.with_columns(line=chunk.lines), chunk.broken.select("line", "reason"), cleaned


def _read_lines(path: Path, kind: str) -> Chunk:
    """The lines of a text file as rows.

    Raises:
        InputError: a column stands twice in the header.
    """
    content = path.read_bytes()
    content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    try:
        decoded = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        decoded = content.decode("latin-1")
    separator = ";" if kind == "QOF by year" and decoded[:2000].count(";") > decoded[:2000].count(",") else ","
    if kind == "epraccur":  # no header: columns go by their number from 1, as the specification counts
        names, rows, first_line = [f"column_{i + 1}" for i in range(EPRACCUR_COLUMNS)], decoded, 1
    else:
        head, _, rows = decoded.partition("\n")
        names, first_line = next(csv.reader([head.rstrip("\r")], delimiter=separator)), 2
    if twice := next((name for name in names if name and names.count(name) > 1), None):
        raise InputError(
            f"column {twice} stands twice in the header.", where=path.name, remedy="Remove the one that is wrong."
        )
    named = [(at, name) for at, name in enumerate(names) if name]
    reader = LineReader(len(names), named, first_line=first_line, separator=separator)
    return reader.read(rows.encode() if rows.endswith("\n") else f"{rows}\n".encode())


def _date_of(path: Path, frame: pl.DataFrame, given: date | None) -> tuple[date, str]:
    """The month the file describes, and where that was read."""
    for own in ("month", "as_of"):
        if own in frame.columns and (newest := frame[own].max()) is not None:
            assert isinstance(newest, date)
            return newest.replace(day=1), "the file's own date"
    if given:
        return given.replace(day=1), "--as-of"
    if found := NAMED_MONTH.search(path.name):
        return date(int(found[1]), int(found[2]), 1), "the file name"
    if found := NAMED_SEASON.search(path.name):
        return date(
            int(found[1]), SEASON_MONTHS[found[2].lower()], 1
        ), f"the file name: {found[0]} read as its first month"
    if found := re.search(r"(20\d\d)[-_](\d\d)(?!\d)", path.name):  # 2020-21: a financial year, to 31 March
        return date(int(found[1]) + 1, 3, 1), f"the file name: {found[0]} read as the year to 31 March"
    days = [frame[c].max() for c, t in frame.schema.items() if t == pl.Date]
    if known := [d for d in days if isinstance(d, date)]:
        return max(known).replace(day=1), "the newest date in the file"
    if found := re.search(r"(?<!\d)(20\d\d)(?!\d)", path.name):
        return date(int(found[1]), 1, 1), f"the file name: the year {found[0]}"
    raise InputError("nothing says which month this file describes.", where=path.name, remedy="Give --as-of YYYY-MM.")
