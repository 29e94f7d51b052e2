"""What is counted while the rows of a file flow by: used and rejected, £, months, practices, oddities."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import polars as pl

from prescarbon.errors import InputError
from prescarbon.store.layouts import Layout, to_prescribing
from prescarbon.tables.prescribing import REJECTS
from prescarbon.tables.schema import GBP

SYNTHETIC_MARK = "SYNTHETIC "  # every practice name that the sample writes begins with it


@dataclass(frozen=True)
class Incoming:
    """One file on its way in. `chunks` yields raw text columns, in the file's order, and is read once.

    practices_asked  the codes a query asked for, sorted; None: the file holds all that was published
    """

    file_name: str
    hash: str
    bytes: int
    layout: Layout
    chunks: Iterator[pl.DataFrame]
    encoding: Callable[[], str]
    source: str = "file"
    address: str | None = None
    last_modified: str | None = None
    practices_asked: tuple[str, ...] | None = None


@dataclass
class Tally:
    """What is counted while the rows flow by."""

    line: int = 1
    used: int = 0
    nic_used: Decimal = Decimal(0)
    nic_rejected: Decimal = Decimal(0)
    odd_totals: int = 0
    rounded_nic: int = 0
    unread_nic: int = 0
    without_nic: int = 0
    months: set[date] = field(default_factory=set)
    practices: set[str] = field(default_factory=set)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    is_synthetic: bool = False
    error: BaseException | None = None


def sort_out(chunk: pl.DataFrame, incoming: Incoming, tally: Tally) -> pl.DataFrame:
    """The good rows of a chunk; the tally takes the rest and the sums."""
    first_line = tally.line + 1
    tally.line += chunk.height
    judged = to_prescribing(chunk, incoming.layout)
    tally.months.update(judged["month"].drop_nulls().unique().to_list())  # a rejected row's month counts too
    tally.rounded_nic += int(judged["is_nic_rounded"].sum())
    tally.is_synthetic |= bool(judged["practice_name"].str.starts_with(SYNTHETIC_MARK).any())
    if judged["reason"].null_count() < judged.height:
        bad = (
            judged.lazy()
            .with_row_index("at")
            .filter(pl.col("reason").is_not_null())
            .select(
                source_file=pl.lit(incoming.file_name),
                line=pl.col("at").cast(pl.Int64) + first_line,
                reason="reason",
                nic_gbp="nic_gbp",
                row_text=pl.col("at"),
            )
            .collect()
        )
        texts = [",".join("" if v is None else str(v) for v in chunk.row(int(at))) for at in bad["row_text"]]
        tally.rejects.append(bad.with_columns(row_text=pl.Series(texts, dtype=pl.String)))
        tally.nic_rejected += Decimal(bad["nic_gbp"].sum() or 0)
        tally.unread_nic += bad["nic_gbp"].null_count()
        judged = judged.filter(pl.col("reason").is_null())
    good = judged.drop("reason", "is_nic_rounded")
    tally.used += good.height
    tally.nic_used += Decimal(good["nic_gbp"].sum() or 0)
    tally.without_nic += good["nic_gbp"].null_count()
    tally.practices.update(good["practice_code"].unique().to_list())
    # a row's floats only: nothing is summed; half a unit of the third decimal an item is rounding
    quantity, total = pl.col("quantity").cast(pl.Float64), pl.col("total_quantity").cast(pl.Float64)
    is_odd = (quantity * pl.col("items") - total).abs() > 0.0005 * (pl.col("items") + 1) + 1e-9 * total
    tally.odd_totals += int(good.select(is_odd.sum()).item())
    return good


def only_month(tally: Tally, incoming: Incoming, expect: date | None) -> date:
    """The one month that the rows of a file are of.

    Raises:
        InputError: no row is usable, there are several months, or it is not the month that was expected.
    """
    names = ", ".join(f"{m:%Y-%m}" for m in sorted(tally.months))
    if not tally.used:
        found = sum(b.height for b in tally.rejects)
        why = f"; {found:,} rows were rejected, the first because {tally.rejects[0]['reason'][0]}" if found else ""
        raise InputError(f"holds no usable row{why}.", where=incoming.file_name, remedy="Is it an EPD file?")
    if len(tally.months) > 1:
        raise InputError(
            f"holds {len(tally.months)} months ({names}).",
            where=incoming.file_name,
            remedy="An EPD file holds one month: split it by YEAR_MONTH and import each part.",
        )
    (month,) = tally.months
    check_expected(month, incoming, expect)
    return month


def check_expected(month: date, incoming: Incoming, expect: date | None) -> None:
    """Nothing where the month is the one expected, or none was.

    Raises:
        InputError: the file is of another month.
    """
    if expect is not None and month != expect:
        raise InputError(
            f"holds {month:%Y-%m}, not {expect:%Y-%m}.", where=incoming.file_name, remedy="Fetch it again."
        )


def warnings_of(tally: Tally, incoming: Incoming) -> tuple[str, ...]:
    """What a reader of the month's figures should know, a sentence each."""
    warnings = []
    if tally.odd_totals:
        warnings.append(f"in {tally.odd_totals:,} rows TOTAL_QUANTITY is not QUANTITY × ITEMS; the total was used.")
    if tally.rounded_nic:
        warnings.append(f"in {tally.rounded_nic:,} rows NIC had parts of a penny; it was rounded half up.")
    if "nic_gbp" in incoming.layout.columns and tally.unread_nic:
        warnings.append(f"in {tally.unread_nic:,} rejected rows NIC is empty or unreadable; no sum of £ has it.")
    if "nic_gbp" in incoming.layout.columns and tally.without_nic:
        warnings.append(f"in {tally.without_nic:,} rows NIC is empty: unknown, not zero; no sum of £ has it.")
    if "nic_gbp" not in incoming.layout.columns:
        warnings.append("the file has no NIC column; its £ are unknown, not zero.")
    if "total_quantity" not in incoming.layout.columns:
        warnings.append("the file has no TOTAL_QUANTITY column; it is QUANTITY × ITEMS.")
    return tuple(warnings)


def rejects_of(tally: Tally) -> pl.DataFrame:
    """Table REJECTS: the rows that cannot be used, in the file's order."""
    if not tally.rejects:
        return REJECTS.empty().collect()
    return pl.concat(tally.rejects).cast({"nic_gbp": GBP}).select(REJECTS.names)
