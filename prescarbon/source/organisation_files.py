"""Organisation files as published → typed tables: which kind a file is, its date, its rows, what could not be used."""

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import fastexcel
import polars as pl

from prescarbon.errors import InputError
from prescarbon.tables.organisations import (
    LIST_SIZES,
    PCN_MEMBERSHIPS,
    PRACTICE_SNAPSHOTS,
    PRACTICE_TRAITS,
    SETTINGS,
    SUB_ICB_PARENTS,
)
from prescarbon.tables.schema import Table, judge

MAY_BE = "It should be epraccur, ePCN, a list-size, practice map, sub-ICB lookup, IMD or QOF file as published."
EPRACCUR_COLUMNS = 27
GP_PRACTICE = "4"  # epraccur column 26, prescribing setting
STATUSES = {"A": True, "P": True, "C": False, "D": False}  # epraccur column 13: active, proposed, closed, dormant
SEASON_MONTHS = {
    "spring": 4,
    "summer": 7,
    "autumn": 10,
    "winter": 1,
}  # a season in a file name is read as its first month
NAMED_MONTH = re.compile(r"(?<!\d)(20\d\d)[-_ ]?(0[1-9]|1[0-2])(?!\d)")
NAMED_SEASON = re.compile(r"(20\d\d)[-_ ](spring|summer|autumn|winter)", re.IGNORECASE)
EXTRACT = "%d%b%Y"
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


@dataclass(frozen=True)
class Reading:
    """What a file says: good rows of `table`, `rejected` (line, reason), and rows it holds that nothing here needs."""

    kind: str
    table: Table
    rows: pl.DataFrame
    rejected: pl.DataFrame
    rows_in: int
    rows_not_needed: int
    as_of: date
    as_of_from: str


def kind_of(path: Path) -> str | None:
    """Which organisation file this is, told by its content; None where it is none of them (or cannot be opened)."""
    try:
        if _is_workbook(path):
            return next(iter(_sheet_of_kind(path)), None)
        return _kind_of_line(_first_line(path))
    except (OSError, EOFError, ValueError, csv.Error, zipfile.BadZipFile, fastexcel.FastExcelError):
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
    frame, table, not_needed = READERS[kind](raw)
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
    return Reading(kind, table, rows, rejected, raw.height, not_needed, found, words)


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
    except (OSError, EOFError, pl.exceptions.PolarsError, fastexcel.FastExcelError) as error:
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


def _day(column: str) -> pl.Expr:
    """A day as published: 20210401, 2021-04-01 (with or without a time) or 01/04/2021."""
    text = pl.col(column).str.head(10)
    formats = ("%Y%m%d", "%Y-%m-%d", "%d/%m/%Y")
    return pl.coalesce(text.str.to_date(f, strict=False) for f in formats)


def _unread(**parsed: pl.Expr) -> pl.Expr:
    """Why a row cannot be used: a cell that has text and gives no value (published column → what it is read as)."""
    faults = [
        pl.when(pl.col(c).is_not_null() & value.is_null()).then(pl.lit(f"{c} is unreadable"))
        for c, value in parsed.items()
    ]
    return pl.coalesce(faults).alias("unread")


def _count(column: str) -> pl.Expr:
    """Whole people; 8.627 is 8,627: the file that prints decimal commas groups thousands by dots."""
    return pl.col(column).str.replace_all(r"[.,](\d{3})\b", "$1").cast(pl.Int64, strict=False)


def _read_epraccur(raw: pl.DataFrame) -> tuple[pl.DataFrame, Table, int]:
    if raw.width != EPRACCUR_COLUMNS + 1:
        raise InputError(f"epraccur has {EPRACCUR_COLUMNS} columns, this file has {raw.width - 1}.")
    setting = pl.col("column_26")
    rows = raw.select(
        "line",
        practice_code="column_1",
        practice_name="column_2",
        icb_code="column_4",
        opened=_day("column_11"),
        closed=_day("column_12"),
        is_in_use=pl.col("column_13").replace_strict(STATUSES, default=None, return_dtype=pl.Boolean),
        sub_icb_code="column_15",
        sub_icb_from=_day("column_16"),
        setting=pl.when(setting == GP_PRACTICE)
        .then(pl.lit("GP practice"))
        .when(setting.is_null())
        .then(pl.lit("not known"))
        .otherwise(pl.lit("other"))
        .cast(SETTINGS),
        unread=_unread(**{c: _day(c) for c in ("column_11", "column_12", "column_16")}),
    )
    return rows, PRACTICE_SNAPSHOTS, 0


def _read_epcn(raw: pl.DataFrame) -> tuple[pl.DataFrame, Table, int]:
    rows = raw.select(
        "line",
        practice_code="Partner Organisation Code",
        practice_name="Partner Name",
        pcn_code="PCN Code",
        pcn_name="PCN Name",
        sub_icb_code="Practice Parent Sub ICB Loc Code",
        icb_code=pl.lit(None, pl.String),
        member_from=_day("Practice to PCN Relationship Start Date"),
        member_to=_day(end := "Practice to PCN Relationship End Date"),
        unread=_unread(**{c: _day(c) for c in ("Practice to PCN Relationship Start Date", end)}),
    )
    return rows, PCN_MEMBERSHIPS, 0


def _read_map(
    pcn: str, pcn_name: str, sub_icb: str, icb: str
) -> Callable[[pl.DataFrame], tuple[pl.DataFrame, Table, int]]:
    """A reader of practice → PCN → ICB maps, which carry no dates; "U" or blank is a practice in no network."""

    def read(raw: pl.DataFrame) -> tuple[pl.DataFrame, Table, int]:
        has_pcn = pl.col(pcn).is_not_null() & (pl.col(pcn) != "U")
        rows = raw.filter(has_pcn).select(
            "line",
            practice_code="PRACTICE_CODE",
            practice_name="PRACTICE_NAME",
            pcn_code=pcn,
            pcn_name=pcn_name,
            sub_icb_code=sub_icb,
            icb_code=icb,
            member_from=pl.lit(None, pl.Date),
            member_to=pl.lit(None, pl.Date),
        )
        return rows, PCN_MEMBERSHIPS, raw.height - rows.height

    return read


def _read_lookup(raw: pl.DataFrame) -> tuple[pl.DataFrame, Table, int]:
    rows = raw.select(
        "line",
        sub_icb_code="Sub ICB Location ODS Code",
        sub_icb_name="Sub ICB Location Name",
        icb_code="ICB Code",
        icb_name="Integrated Care Board Name",
    )
    return rows, SUB_ICB_PARENTS, 0


def _read_list_sizes(raw: pl.DataFrame) -> tuple[pl.DataFrame, Table, int]:
    """Rows of GP practices over all sexes and ages; the bands and the areas above are not needed."""
    total = pl.lit(True)
    for column, wanted in {"TYPE": "GP", "ORG_TYPE": "GP", "SEX": "ALL", "AGE": "ALL", "AGE_GROUP_5": "ALL"}.items():
        if column in raw.columns:
            total &= pl.col(column).fill_null("") == wanted
    code = next((c for c in ("CODE", "ORG_CODE") if c in raw.columns), None)
    if code is None:
        raise InputError("the list-size file has no column CODE or ORG_CODE.")
    day = pl.col("EXTRACT_DATE").str.to_date(EXTRACT, strict=False)
    rows = raw.filter(total).select(
        "line",
        practice_code=code,
        month=pl.coalesce(day, _day("EXTRACT_DATE")).dt.month_start(),
        patients=pl.col("NUMBER_OF_PATIENTS").cast(pl.Int64, strict=False),
        is_carried=pl.lit(False),
    )
    return rows, LIST_SIZES, raw.height - rows.height


def _traits(rows: pl.DataFrame) -> pl.DataFrame:
    missing = [c for c in PRACTICE_TRAITS.columns if c.name not in rows.columns and c.name != "as_of"]
    return rows.with_columns(pl.lit(None, c.dtype).alias(c.name) for c in missing)


def _read_imd(raw: pl.DataFrame) -> tuple[pl.DataFrame, Table, int]:
    score = pl.col("imd_score").cast(pl.Float64, strict=False)
    rows = raw.select("line", "practice_code", _unread(imd_score=score), imd_score=score)
    return _traits(rows), PRACTICE_TRAITS, 0


def _read_qof_by_disease(raw: pl.DataFrame) -> tuple[pl.DataFrame, Table, int]:
    """One row a practice and disease → one row a practice; other diseases are not needed."""
    wanted = raw.filter(pl.col("GROUP_CODE").is_in(["AST", "COPD"])).with_columns(
        _unread(REGISTER=_count("REGISTER"), PRACTICE_LIST_SIZE=_count("PRACTICE_LIST_SIZE")),
        register=_count("REGISTER"),
        people=_count("PRACTICE_LIST_SIZE"),
    )

    def of(disease: str, column: str) -> pl.Expr:
        return pl.col(column).filter(pl.col("GROUP_CODE") == disease).first()

    rows = wanted.group_by(practice_code="PRACTICE_CODE", maintain_order=True).agg(
        pl.col("line").first(),
        pl.col("unread").drop_nulls().first(),
        asthma_register=of("AST", "register"),
        asthma_list=of("AST", "people"),
        copd_register=of("COPD", "register"),
        copd_list=of("COPD", "people"),
    )
    return _traits(rows), PRACTICE_TRAITS, raw.height - wanted.height


def _read_qof_by_year(raw: pl.DataFrame) -> tuple[pl.DataFrame, Table, int]:
    """AST_N_1819 and its like → one row a practice and year, as of 31 March when registers are counted."""
    years = sorted(c.removeprefix("AST_N_") for c in raw.columns if re.fullmatch(r"AST_N_\d{4}", c))
    lacking = [f"{c}_{y}" for y in years for c in ("COPD_N", "allAges") if f"{c}_{y}" not in raw.columns]
    if lacking or not years:
        raise InputError(f"the QOF file has no column {', '.join(lacking) or 'AST_N_ with a year such as 1819'}.")
    rows = pl.concat(
        raw.select(
            "line",
            practice_code="practiceCode",
            as_of=pl.lit(date(2000 + int(y[2:]), 3, 1)),
            asthma_register=_count(f"AST_N_{y}"),
            asthma_list=_count(f"allAges_{y}"),
            copd_register=_count(f"COPD_N_{y}"),
            copd_list=_count(f"allAges_{y}"),
            unread=_unread(**{c: _count(c) for c in (f"AST_N_{y}", f"COPD_N_{y}", f"allAges_{y}")}),
        )
        for y in years
    )
    return _traits(rows), PRACTICE_TRAITS, 0


READERS: dict[str, Callable[[pl.DataFrame], tuple[pl.DataFrame, Table, int]]] = {
    "epraccur": _read_epraccur,
    "ePCN": _read_epcn,
    "list size": _read_list_sizes,
    "geography": _read_map("PCN_ODS_CODE", "PCN_NAME", "CCG_ODS_CODE", "STP_ODS_CODE"),
    "practice map": _read_map("PCN_CODE", "PCN_NAME", "CCG_CODE", "ICB22"),
    "sub-ICB lookup": _read_lookup,
    "IMD": _read_imd,
    "QOF by disease": _read_qof_by_disease,
    "QOF by year": _read_qof_by_year,
}


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
