"""Every EPD layout ever published → table PRESCRIBING, with the rows that cannot be used and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from prescarbon.errors import InputError
from prescarbon.model.text import holds_control, without_controls
from prescarbon.tables.prescribing import PRESCRIBING
from prescarbon.tables.schema import COST, GBP, QUANTITY, Dtype, judge

# our column → the names it has had, newest layout first
NAMES: dict[str, tuple[str, ...]] = {
    "month": ("YEAR_MONTH",),
    "practice_code": ("PRACTICE_CODE",),
    "practice_name": ("PRACTICE_NAME",),
    "bnf_code": ("BNF_PRESENTATION_CODE", "BNF_CODE"),
    "snomed_code": ("SNOMED_CODE",),
    "presentation_name": ("BNF_PRESENTATION_NAME", "BNF_DESCRIPTION"),
    "quantity": ("QUANTITY",),
    "items": ("ITEMS",),
    "total_quantity": ("TOTAL_QUANTITY",),
    "nic_gbp": ("NIC",),
    "actual_cost_gbp": ("ACTUAL_COST",),
    "sub_icb_code": ("PCO_CODE",),
    "icb_code": ("ICB_CODE", "STP_CODE", "AREA_TEAM_CODE"),
}
MAY_BE_ABSENT = {
    "practice_name",
    "snomed_code",
    "total_quantity",
    "nic_gbp",
    "actual_cost_gbp",
    "sub_icb_code",
    "icb_code",
}
FIGURES_MAY_BE_ABSENT = ("total_quantity", "nic_gbp", "actual_cost_gbp")
# published columns that are not read: with NAMES, every column that any layout has had
UNREAD = {
    "REGIONAL_OFFICE_NAME", "REGIONAL_OFFICE_CODE", "AREA_TEAM_NAME", "AREA_TEAM_CODE", "STP_NAME", "STP_CODE", "ICB_NAME",
    "ICB_CODE", "PCO_NAME", "ADDRESS_1", "ADDRESS_2", "ADDRESS_3", "ADDRESS_4", "POSTCODE", "BNF_CHEMICAL_SUBSTANCE",
    "BNF_CHEMICAL_SUBSTANCE_CODE", "CHEMICAL_SUBSTANCE_BNF_DESCR", "BNF_CHAPTER_PLUS_CODE", "ADQUSAGE", "ADQ_USAGE",
    "UNIDENTIFIED",
}  # fmt: skip
TEXT_MAY_BE_EMPTY = {"practice_name", "snomed_code", "sub_icb_code", "icb_code"}
NUMBERS: dict[str, Dtype] = {
    "quantity": QUANTITY,
    "items": pl.Int64,
    "total_quantity": QUANTITY,
    "nic_gbp": GBP,
    "actual_cost_gbp": COST,
}


@dataclass(frozen=True)
class Layout:
    """Which published column is which of ours; `name` says the vintage."""

    name: str
    columns: dict[str, str]

    @property
    def published(self) -> list[str]:
        """Published names of the columns that are read."""
        return list(self.columns.values())


def recognise(header: Sequence[str], file_name: str) -> Layout:
    """The layout of a header.

    Raises:
        InputError: a column stands twice, a column that no layout lacks is missing, or one that some lack is missing beside a column that none
            has, as after a renaming; the sentence names them.
    """
    plain = [name.strip().strip('"').strip().upper() for name in header]
    if twice := next((name for name in plain if name and plain.count(name) > 1), None):
        raise InputError(
            f"column {twice} stands twice in the header.",
            where=file_name,
            remedy="Remove the one that is wrong, or download the file again.",
        )
    have = dict(zip(plain, header, strict=True))
    columns = {}
    for ours, names in NAMES.items():
        found = next((have[name] for name in names if name in have), None)
        if found is not None:
            columns[ours] = found
        elif ours not in MAY_BE_ABSENT:
            raise InputError(f"no column {' or '.join(reversed(names))}.", where=file_name, remedy="Is it an EPD file?")
    known = UNREAD.union(*NAMES.values())
    strange = sorted(have.keys() - known)
    lost = [NAMES[ours][0] for ours in FIGURES_MAY_BE_ABSENT if ours not in columns]
    if strange and lost:
        raise InputError(
            f"no column {', '.join(lost)}, and {', '.join(strange)}, which no layout has.",
            where=file_name,
            remedy="Was a column renamed? Give it its published name.",
        )
    if "SNOMED_CODE" in have:
        vintage = "EPD with SNOMED code"
    elif "AREA_TEAM_CODE" in have:
        vintage = "EPD with area teams"
    else:
        vintage = "EPD"
    return Layout(vintage, columns)


def read_month_text(text: str) -> date | None:
    """2026-01, 2017_09, 202001 or 2020-01-01 → the first of that month; None where the text is no month."""
    digits = "".join(c for c in text.strip() if c not in "-_/")
    if len(digits) not in (6, 8) or not (digits.isascii() and digits.isdigit()):
        return None
    year, month = int(digits[:4]), int(digits[4:6])
    return date(year, month, 1) if 2010 <= year <= 2100 and 1 <= month <= 12 else None


def without_controls_in(raw: pl.DataFrame, layout: Layout) -> tuple[pl.DataFrame, frozenset[str]]:
    """Raw text columns without control characters in names and codes, and the texts that held one.

    A number keeps them: it is no number, and its row is rejected with the text as it stands.
    """
    texts = [published for ours, published in layout.columns.items() if ours not in NUMBERS]
    held = [raw[name].filter(raw.select(holds_control(pl.col(name)).fill_null(False)).to_series()) for name in texts]
    found = frozenset(text for column in held for text in column)
    return (raw.with_columns(without_controls(pl.col(texts))), found) if found else (raw, found)


def to_prescribing(raw: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Raw text columns → PRESCRIBING's columns plus `reason`: null where the row is good.

    raw  text columns under their published names, one row an input row
    `is_nic_rounded` says that a row's NIC was printed with parts of a penny: it is rounded half up.
    A text that is no number gives its row a reason with that text; it never turns into null silently.
    """
    texts = {
        ours: _text_or_null(published) if ours in TEXT_MAY_BE_EMPTY else pl.col(published)
        for ours, published in layout.columns.items()
    }
    months = {text: read_month_text(text or "") for text in raw[layout.columns["month"]].unique().to_list()}
    month = (
        pl.lit(next(iter(months.values())), pl.Date)
        if len(months) == 1
        else pl.col(layout.columns["month"]).replace_strict(months, return_dtype=pl.Date)
    )
    typed = {"month": month} | {
        ours: _number(text, NUMBERS[ours]) if ours in NUMBERS else text
        for ours, text in texts.items()
        if ours != "month"
    }
    if "sub_icb_code" in typed:
        typed["sub_icb_code"] = _without_trailing_zeros(typed["sub_icb_code"])
    for absent in MAY_BE_ABSENT - typed.keys():
        dtype = PRESCRIBING.schema[absent]
        typed[absent] = pl.lit(None, dtype)
    frame = raw.lazy().select(
        *(typed[c.name].alias(c.name) for c in PRESCRIBING.columns),
        *(texts[n].alias(f"{n}_text") for n in NUMBERS if n in texts),
        is_nic_rounded=_has_parts_of_a_penny(texts["nic_gbp"]) if "nic_gbp" in texts else pl.lit(False),
    )
    if "total_quantity" not in texts:
        total = (pl.col("quantity") * pl.col("items")).cast(QUANTITY, strict=False)  # too large: rejected, not a crash
        frame = frame.with_columns(total_quantity=total)
    unreadable = [
        pl.when(pl.col(n).is_null() & (pl.col(f"{n}_text") != "")).then(
            pl.format(n + " {} is no number", pl.col(f"{n}_text"))
        )
        for n in NUMBERS
        if n in texts
    ]
    judged = judge(frame, PRESCRIBING)
    reasoned = judged.with_columns(reason=pl.coalesce(*unreadable, "reason"))
    return reasoned.select(*PRESCRIBING.names, "reason", "is_nic_rounded").collect()


def _text_or_null(published: str) -> pl.Expr:
    """The cell's text; an empty cell is null."""
    cell = pl.col(published)
    return pl.when(cell != "").then(cell)


def _number(text: pl.Expr, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    if dtype == pl.Int64:
        whole = text.cast(QUANTITY, strict=False)  # "4." is how a whole number is quoted
        return pl.when(whole == whole.round(0)).then(whole).cast(pl.Int64, strict=False)
    if dtype == GBP:  # a plain cast rounds half to even
        return text.cast(COST, strict=False).round(2, mode="half_away_from_zero").cast(GBP, strict=False)
    return text.cast(dtype, strict=False)


def _has_parts_of_a_penny(text: pl.Expr) -> pl.Expr:
    return (text.cast(COST, strict=False) != _number(text, GBP)).fill_null(False)


def _without_trailing_zeros(code: pl.Expr) -> pl.Expr:
    """11M00 → 11M: CCG and sub-ICB codes are padded to five in the files."""
    return pl.when((code.str.len_bytes() == 5) & code.str.ends_with("00")).then(code.str.slice(0, 3)).otherwise(code)
