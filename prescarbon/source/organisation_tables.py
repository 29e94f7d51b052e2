"""What each kind of organisation file holds: its cells as text → rows of one of our tables."""

import re
from collections.abc import Callable
from datetime import date
from typing import TypeAlias

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
from prescarbon.tables.schema import Table

GP_PRACTICE = "4"  # epraccur column 26, prescribing setting
STATUSES = {"A": True, "P": True, "C": False, "D": False}  # epraccur column 13: active, proposed, closed, dormant
EXTRACT = "%d%b%Y"
Typed: TypeAlias = tuple[pl.DataFrame, Table, int]  # rows with `line` and `unread`, their table, rows not needed


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


def _read_epraccur(raw: pl.DataFrame) -> Typed:
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


def _read_epcn(raw: pl.DataFrame) -> Typed:
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


def _read_map(pcn: str, pcn_name: str, sub_icb: str, icb: str) -> Callable[[pl.DataFrame], Typed]:
    """A reader of practice → PCN → ICB maps, which carry no dates; "U" or blank is a practice in no network."""

    def read(raw: pl.DataFrame) -> Typed:
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


def _read_lookup(raw: pl.DataFrame) -> Typed:
    rows = raw.select(
        "line",
        sub_icb_code="Sub ICB Location ODS Code",
        sub_icb_name="Sub ICB Location Name",
        icb_code="ICB Code",
        icb_name="Integrated Care Board Name",
    )
    return rows, SUB_ICB_PARENTS, 0


def _read_list_sizes(raw: pl.DataFrame) -> Typed:
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


def _read_imd(raw: pl.DataFrame) -> Typed:
    score = pl.col("imd_score").cast(pl.Float64, strict=False)
    rows = raw.select("line", "practice_code", _unread(imd_score=score), imd_score=score)
    return _traits(rows), PRACTICE_TRAITS, 0


def _read_qof_by_disease(raw: pl.DataFrame) -> Typed:
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


def _read_qof_by_year(raw: pl.DataFrame) -> Typed:
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


READERS: dict[str, Callable[[pl.DataFrame], Typed]] = {
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
