"""Organisation files as published: which kind a file is, its cells as text, its date, and what could not be used."""

import csv
import gzip
import io
import re
import zipfile
import zlib
from datetime import date
from pathlib import Path

import fastexcel
import polars as pl

from prescarbon.errors import InputError
from prescarbon.source.organisation_tables import READERS, STATUSES
from prescarbon.store.manifests import hash_of
from prescarbon.store.organisations import Reading
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
    raw = _read_text_rows(path, kind)
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
    rejected = judged.filter(pl.col("reason").is_not_null()).select("line", "reason").sort("line", "reason")
    rejected = rejected.unique("line", keep="first", maintain_order=True)
    return Reading(path.name, hash_of(path), kind, table, rows, rejected, raw.height, not_needed, found, words)


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


def _read_text_rows(path: Path, kind: str) -> pl.DataFrame:
    """All cells as trimmed text, empty ones null, plus `line`."""
    try:
        if kind in REQUIRED_IN_WORKBOOK:
            sheet = fastexcel.read_excel(path).load_sheet(_sheet_of_kind(path)[kind], dtypes="string").to_polars()
            frame = sheet.rename({c: _plain_head(c) for c in sheet.columns})
        else:
            content = path.read_bytes()
            content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
            try:
                decoded = content.decode("utf-8-sig")
            except UnicodeDecodeError:
                decoded = content.decode("latin-1")
            frame = pl.read_csv(
                io.BytesIO(decoded.encode()),
                has_header=kind != "epraccur",
                separator=";"
                if kind == "QOF by year" and decoded[:2000].count(";") > decoded[:2000].count(",")
                else ",",
                infer_schema=False,
            )
            if kind == "epraccur":  # no header: columns go by their number from 1, as the specification counts
                frame.columns = [f"column_{i + 1}" for i in range(frame.width)]
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError, fastexcel.FastExcelError) as error:
        raise InputError(
            f"this {kind} file is broken ({str(error).splitlines()[0]}).", where=path.name, remedy="Download it again."
        ) from error
    blank = (
        ["", ":"] if kind.startswith("QOF") else [""]
    )  # a QOF file prints ":" for a year a practice has no figure for
    text = pl.all().str.strip_chars()
    cells = frame.with_columns(pl.when(text.is_in(blank).not_()).then(text))
    return cells.with_row_index("line", offset=1 if kind == "epraccur" else 2).with_columns(
        pl.col("line").cast(pl.Int64)
    )


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
