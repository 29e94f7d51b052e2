"""Publish, list, scan, restate, verify: one Parquet a month, its rejects, and a manifest written last."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import filelock
import polars as pl
from polars.io.plugins import register_io_source

from prescarbon import __version__
from prescarbon.errors import InputError, PrescarbonError
from prescarbon.manifest import to_json
from prescarbon.store.ahead import ahead
from prescarbon.store.atomic import publishing, settle, writing_to
from prescarbon.store.layouts import Layout, to_prescribing
from prescarbon.tables.prescribing import PRESCRIBING, REJECTS
from prescarbon.tables.schema import GBP

ROWS_A_GROUP = 262_144
REMEDY = "Free some space or choose another folder with --home or PRESCARBON_HOME."


@dataclass(frozen=True)
class Incoming:
    """One file on its way in. `chunks` yields raw text columns, in the file's order, and is read once."""

    file_name: str
    hash: str
    bytes: int
    layout: Layout
    chunks: Iterator[pl.DataFrame]
    encoding: Callable[[], str]
    source: str = "file"
    address: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class MonthManifest:
    """What one month of the store was made of. rows_in = rows_used + rows_rejected, and the same for NIC to the penny."""

    month: str
    source: str
    file_name: str
    address: str | None
    bytes: int
    hash: str
    layout: str
    encoding: str
    last_modified: str | None
    rows_in: int
    rows_used: int
    rows_rejected: int
    nic_gbp_in: Decimal
    nic_gbp_used: Decimal
    nic_gbp_rejected: Decimal
    practices: int
    data: str
    rejects: str
    warnings: tuple[str, ...] = ()
    replaces: tuple[dict[str, Any], ...] = ()
    version: str = __version__


@dataclass(frozen=True)
class Published:
    """What became of a file: published, restated (another file stood for its month) or unchanged."""

    status: Literal["published", "restated", "unchanged"]
    manifest: MonthManifest


@dataclass
class _Tally:
    """What is counted while the rows flow by."""

    line: int = 1
    used: int = 0
    nic_used: Decimal = Decimal(0)
    nic_rejected: Decimal = Decimal(0)
    odd_totals: int = 0
    rounded_nic: int = 0
    unread_nic: int = 0
    months: set[date] = field(default_factory=set)
    practices: set[str] = field(default_factory=set)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    error: BaseException | None = None


class Store:
    """The months held under a home folder."""

    def __init__(self, home: Path) -> None:
        """Nothing is made or read until it is asked for."""
        self.folder = home / "months"

    def months(self) -> list[MonthManifest]:
        """The months held, oldest first.

        Raises:
            InputError: a manifest cannot be read.
        """
        return [self._manifest(file) for file in sorted(self.folder.glob("????-??.json"))]

    def held(self, month: date) -> MonthManifest | None:
        """The manifest of a month, or None."""
        file = self.folder / f"{month:%Y-%m}.json"
        return self._manifest(file) if file.exists() else None

    def scan(self, months: Sequence[date] | None = None) -> pl.LazyFrame:
        """Table PRESCRIBING of the months (all held, where None), as files publish it: nothing is filtered."""
        held = [m for m in self.months() if months is None or date.fromisoformat(f"{m.month}-01") in months]
        if not held:
            return PRESCRIBING.empty()
        return PRESCRIBING.admit(pl.scan_parquet([self.folder / m.data for m in held]))

    def rejects(self, manifest: MonthManifest) -> pl.LazyFrame:
        """Table REJECTS of one month."""
        return REJECTS.admit(pl.scan_parquet(self.folder / manifest.rejects))

    def verify(self) -> list[str]:
        """One sentence for each month whose rows or £ do not agree with its manifest."""
        wrong = []
        for m in self.months():
            rows, nic = pl.scan_parquet(self.folder / m.data).select(pl.len(), pl.col("nic_gbp").sum()).collect().row(0)
            if (rows, nic or Decimal(0)) != (m.rows_used, m.nic_gbp_used):
                wrong.append(
                    f"{m.month}: {rows:,} rows, £{nic} held; the manifest says {m.rows_used:,}, £{m.nic_gbp_used}."
                )
        return wrong

    def publish(self, incoming: Incoming, *, replace: bool = False, expect_month: date | None = None) -> Published:
        """Make a file a month of the store; a kill at any moment leaves the last good state.

        replace       restate a month that is held from another file
        expect_month  the month the file was fetched for

        Raises:
            InputError: no usable row, several months, another month than expected, a month already held from another
                file, a full disk, or another prescarbon at work in the same store.
        """
        with writing_to(self.folder, REMEDY), self._alone():
            if same := next((m for m in self.months() if m.hash == incoming.hash), None):
                return Published("unchanged", same)
            draft = self.folder / ".incoming.part"
            try:
                tally = self._write(incoming, draft)
                month = _one_month(tally, incoming, expect_month)
                before = self.held(month)
                if before is not None and not replace:
                    raise InputError(
                        f"{before.month} is already held, from {before.file_name} with another content.",
                        where=incoming.file_name,
                        remedy="Use --replace to restate the month.",
                    )
                manifest = _manifest_of(incoming, tally, month, before)
                with publishing(self.folder / manifest.rejects) as file:
                    _rejects(tally).write_parquet(file)
                settle(draft, self.folder / manifest.data)
            finally:
                draft.unlink(missing_ok=True)
            with publishing(self.folder / f"{manifest.month}.json") as file:  # the commit point
                file.write_text(to_json(asdict(manifest)), "utf-8")
            self._sweep()
        return Published("restated" if before else "published", manifest)

    def _write(self, incoming: Incoming, draft: Path) -> _Tally:
        tally = _Tally()

        def rows(columns: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:
            try:
                sorted_out = (_sort_out(chunk, incoming, tally) for chunk in incoming.chunks)
                with closing(ahead(sorted_out)) as frames:
                    for good in frames:
                        yield good.select(columns) if columns else good
            except BaseException as error:  # polars would wrap it; the sentence must reach the user whole
                tally.error = error
                raise

        plan = register_io_source(rows, schema=pl.Schema(PRESCRIBING.schema), is_pure=True)
        try:
            plan.sink_parquet(
                draft, compression="zstd", compression_level=1, row_group_size=ROWS_A_GROUP, engine="streaming"
            )
        except Exception as error:
            if isinstance(tally.error, PrescarbonError | OSError):
                raise tally.error from error
            if tally.error is None and "os error 28" in str(error).lower():
                raise OSError(28, "No space left on device") from error
            raise
        return tally

    def _manifest(self, file: Path) -> MonthManifest:
        try:
            raw = json.loads(file.read_text("utf-8"), parse_float=Decimal)
            raw = {k: Decimal(v).quantize(Decimal("0.01")) if k.startswith("nic_gbp") else v for k, v in raw.items()}
            return MonthManifest(**raw | {k: tuple(raw[k]) for k in ("warnings", "replaces")})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"cannot be read as a month's manifest ({error}).",
                where=file.name,
                remedy="Remove it and import the month again.",
            ) from error

    def _alone(self) -> filelock.AcquireReturnProxy[Any]:
        try:
            return filelock.FileLock(self.folder / ".lock", timeout=0).acquire()
        except filelock.Timeout as error:
            raise InputError("another prescarbon is writing to this store.", remedy="Wait until it ends.") from error

    def _sweep(self) -> None:
        """Remove what no manifest names: drafts of a killed run, and files of a restated month."""
        named = {name for m in self.months() for name in (m.data, m.rejects)}
        for file in self.folder.iterdir():
            if file.suffix in (".parquet", ".part") and file.name not in named:
                file.unlink(missing_ok=True)


def _sort_out(chunk: pl.DataFrame, incoming: Incoming, tally: _Tally) -> pl.DataFrame:
    """The good rows of a chunk; the tally takes the rest and the sums."""
    first_line = tally.line + 1
    tally.line += chunk.height
    judged = to_prescribing(chunk, incoming.layout)
    tally.months.update(judged["month"].drop_nulls().unique().to_list())  # a rejected row's month counts too
    tally.rounded_nic += int(judged["is_nic_rounded"].sum())
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
    tally.practices.update(good["practice_code"].unique().to_list())
    # a row's floats only: nothing is summed; half a unit of the third decimal an item is rounding
    quantity, total = pl.col("quantity").cast(pl.Float64), pl.col("total_quantity").cast(pl.Float64)
    is_odd = (quantity * pl.col("items") - total).abs() > 0.0005 * (pl.col("items") + 1) + 1e-9 * total
    tally.odd_totals += int(good.select(is_odd.sum()).item())
    return good


def _one_month(tally: _Tally, incoming: Incoming, expect: date | None) -> date:
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
    if expect is not None and month != expect:
        raise InputError(f"holds {names}, not {expect:%Y-%m}.", where=incoming.file_name, remedy="Fetch it again.")
    return month


def _manifest_of(incoming: Incoming, tally: _Tally, month: date, before: MonthManifest | None) -> MonthManifest:
    rejected = sum(frame.height for frame in tally.rejects)
    stem = f"{month:%Y-%m}-{incoming.hash[:12]}"
    warnings = []
    if tally.odd_totals:
        warnings.append(f"in {tally.odd_totals:,} rows TOTAL_QUANTITY is not QUANTITY × ITEMS; the total was used.")
    if tally.rounded_nic:
        warnings.append(f"in {tally.rounded_nic:,} rows NIC had parts of a penny; it was rounded half up.")
    if "nic_gbp" in incoming.layout.columns and tally.unread_nic:
        warnings.append(f"in {tally.unread_nic:,} rejected rows NIC is empty or unreadable; no sum of £ has it.")
    if "nic_gbp" not in incoming.layout.columns:
        warnings.append("the file has no NIC column; its £ are unknown, not zero.")
    if "total_quantity" not in incoming.layout.columns:
        warnings.append("the file has no TOTAL_QUANTITY column; it is QUANTITY × ITEMS.")
    replaced: tuple[dict[str, Any], ...] = ()
    if before is not None:
        now = {
            "hash": before.hash,
            "file_name": before.file_name,
            "rows_used": before.rows_used,
            "nic_gbp_used": before.nic_gbp_used,
        }
        replaced = (*before.replaces, now)
    return MonthManifest(
        month=f"{month:%Y-%m}",
        source=incoming.source,
        file_name=incoming.file_name,
        address=incoming.address,
        bytes=incoming.bytes,
        hash=incoming.hash,
        layout=incoming.layout.name,
        encoding=incoming.encoding(),
        last_modified=incoming.last_modified,
        rows_in=tally.used + rejected,
        rows_used=tally.used,
        rows_rejected=rejected,
        nic_gbp_in=tally.nic_used + tally.nic_rejected,
        nic_gbp_used=tally.nic_used,
        nic_gbp_rejected=tally.nic_rejected,
        practices=len(tally.practices),
        data=f"{stem}.parquet",
        rejects=f"{stem}-rejects.parquet",
        warnings=tuple(warnings),
        replaces=replaced,
    )


def _rejects(tally: _Tally) -> pl.DataFrame:
    if not tally.rejects:
        return REJECTS.empty().collect()
    return pl.concat(tally.rejects).cast({"nic_gbp": GBP}).select(REJECTS.names)


def hash_of(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
