"""What is counted while the rows of a file flow by: used and rejected, £, months, practices, oddities."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import polars as pl

from prescarbon.errors import InputError
from prescarbon.store.layouts import Layout, to_prescribing, without_controls_in
from prescarbon.tables.prescribing import REJECTS
from prescarbon.tables.schema import GBP, Dtype

SYNTHETIC_MARK = "SYNTHETIC "  # every practice name that the sample writes begins with it


# lines of a file that are no row of it
BROKEN: dict[str, Dtype] = {"line": pl.Int64, "reason": pl.String, "row_text": pl.String}


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file, in the file's order.

    rows      text columns under their published names
    lines     the line each row stands on, the header being line 1; a row of a Parquet file counts as a line
    broken    line, reason, row_text of lines that are no row, in order of line
    is_clean  true where no text can hold a control character
    """

    rows: pl.DataFrame
    lines: pl.Series
    broken: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BROKEN))
    is_clean: bool = False


@dataclass(frozen=True)
class Incoming:
    """One file on its way in. `chunks` yields its rows in the file's order, and is read once.

    practices_asked  the codes a query asked for, sorted; None: the file holds all that was published
    """

    file_name: str
    hash: str
    bytes: int
    layout: Layout
    chunks: Iterator[Chunk]
    encoding: Callable[[], str]
    source: str = "file"
    address: str | None = None
    last_modified: str | None = None
    practices_asked: tuple[str, ...] | None = None


@dataclass
class Tally:
    """What is counted while the rows flow by.

    cleaned  names and codes, as the file has them, that held a control character
    """

    used: int = 0
    rejected: int = 0
    nic_used: Decimal = Decimal(0)
    nic_rejected: Decimal = Decimal(0)
    used_without_nic: int = 0
    rejected_without_nic: int = 0
    odd_totals: int = 0
    rounded_nic: int = 0
    cleaned: set[str] = field(default_factory=set)
    months: set[date] = field(default_factory=set)
    practices: set[str] = field(default_factory=set)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    is_synthetic: bool = False
    error: BaseException | None = None


def sort_out(chunk: Chunk, incoming: Incoming, tally: Tally) -> pl.DataFrame:
    """The good rows of a chunk; the tally takes the rest and the sums."""
    raw = chunk.rows
    if not chunk.is_clean:
        raw, cleaned = without_controls_in(raw, incoming.layout)
        tally.cleaned |= cleaned
    judged = to_prescribing(raw, incoming.layout)
    tally.months.update(judged["month"].drop_nulls().unique().to_list())  # a rejected row's month counts too
    tally.rounded_nic += int(judged["is_nic_rounded"].sum())
    tally.is_synthetic |= bool(judged["practice_name"].str.starts_with(SYNTHETIC_MARK).any())
    if chunk.broken.height or judged["reason"].null_count() < judged.height:
        _reject(judged, chunk, incoming, tally)
        judged = judged.filter(pl.col("reason").is_null())
    good = judged.drop("reason", "is_nic_rounded")
    tally.used += good.height
    tally.nic_used += Decimal(good["nic_gbp"].sum() or 0)
    tally.used_without_nic += good["nic_gbp"].null_count()
    tally.practices.update(good["practice_code"].unique().to_list())
    # a row's floats only: nothing is summed; half a unit of the third decimal an item is rounding
    quantity, total = pl.col("quantity").cast(pl.Float64), pl.col("total_quantity").cast(pl.Float64)
    is_odd = (quantity * pl.col("items") - total).abs() > 0.0005 * (pl.col("items") + 1) + 1e-9 * total
    tally.odd_totals += int(good.select(is_odd.sum()).item())
    return good


def _reject(judged: pl.DataFrame, chunk: Chunk, incoming: Incoming, tally: Tally) -> None:
    """Broken lines, and rows with a reason, go to the tally's rejects in order of line."""
    bad = judged.select("reason", "nic_gbp", line=chunk.lines).with_row_index("at")
    bad = bad.filter(pl.col("reason").is_not_null())
    texts = [",".join("" if v is None else str(v) for v in chunk.rows.row(at)) for at in bad["at"]]
    rows = bad.with_columns(row_text=pl.Series(texts, dtype=pl.String)).drop("at")
    both = pl.concat([rows, chunk.broken], how="diagonal").sort("line")
    tally.rejects.append(both.with_columns(source_file=pl.lit(incoming.file_name)))
    tally.rejected += both.height
    tally.nic_rejected += Decimal(both["nic_gbp"].sum() or 0)
    tally.rejected_without_nic += both["nic_gbp"].null_count()


def only_month(tally: Tally, incoming: Incoming, expect: date | None) -> date:
    """The one month that the rows of a file are of.

    Raises:
        InputError: no row is usable, there are several months, or it is not the month that was expected.
    """
    names = ", ".join(f"{m:%Y-%m}" for m in sorted(tally.months))
    if not tally.used:
        why = ""
        if tally.rejected:
            why = f"; {tally.rejected:,} rows were rejected, the first because {tally.rejects[0]['reason'][0]}"
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
    if "nic_gbp" not in incoming.layout.columns:
        warnings.append("the file has no NIC column; its £ are unknown, not zero.")
    elif tally.used_without_nic == tally.used:
        warnings.append("no used row has a NIC; its £ are unknown, not zero.")
    elif tally.used_without_nic:
        warnings.append(f"{tally.used_without_nic:,} of {tally.used:,} used rows have no NIC; £ are of the others.")
    if "nic_gbp" in incoming.layout.columns and tally.rejected_without_nic:
        warnings.append(
            f"in {tally.rejected_without_nic:,} rejected rows NIC is empty or unreadable; no sum of £ has it."
        )
    if tally.cleaned:
        warnings.append(f"{len(tally.cleaned):,} names or codes held control characters; they were cleaned.")
    if "total_quantity" not in incoming.layout.columns:
        warnings.append("the file has no TOTAL_QUANTITY column; it is QUANTITY × ITEMS.")
    return tuple(warnings)


def rejects_of(tally: Tally) -> pl.DataFrame:
    """Table REJECTS: the rows that cannot be used, in the file's order."""
    if not tally.rejects:
        return REJECTS.empty().collect()
    return pl.concat(tally.rejects).cast({"nic_gbp": GBP}).select(REJECTS.names)
