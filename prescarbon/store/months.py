"""Publish, list, scan, restate, verify: one Parquet a month, its rejects, and a manifest written last."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import polars as pl
from polars.io.plugins import register_io_source

from prescarbon.errors import InputError, PrescarbonError
from prescarbon.manifest import to_json
from prescarbon.store.ahead import ahead
from prescarbon.store.atomic import StoreError, alone, publishing, settle, writing_to
from prescarbon.store.manifests import (
    EVERY_OTHER,
    MonthManifest,
    hash_of,
    practices_missing,
    read_manifest,
)
from prescarbon.store.tally import Chunk, Incoming, Tally, check_expected, only_month, rejects_of, sort_out, warnings_of
from prescarbon.store.verification import faults_of
from prescarbon.tables.prescribing import PRESCRIBING, REJECTS

__all__ = ["EVERY_OTHER", "Chunk", "Incoming", "MonthManifest", "Published", "Store", "hash_of", "practices_missing"]
ROWS_A_GROUP = 262_144
REMEDY = "Free some space or choose another folder with --home or PRESCARBON_HOME."


@dataclass(frozen=True)
class Published:
    """What became of a file: published, restated (another file stood for its month) or unchanged."""

    status: Literal["published", "restated", "unchanged"]
    manifest: MonthManifest


class Store:
    """The months held under a home folder."""

    def __init__(self, home: Path) -> None:
        """Nothing is made or read until it is asked for."""
        self.home, self.folder = home, home / "months"

    def manifest_files(self) -> list[Path]:
        """Where the manifests lie, oldest month first; none is read."""
        return sorted(self.folder.glob("????-??.json"))

    def months(self) -> list[MonthManifest]:
        """The months held, oldest first.

        Raises:
            InputError: a manifest cannot be read.
        """
        return [read_manifest(file) for file in self.manifest_files()]

    def held(self, month: date) -> MonthManifest | None:
        """The manifest of a month, or None; InputError where it cannot be read."""
        file = self.folder / f"{month:%Y-%m}.json"
        return read_manifest(file) if file.exists() else None

    def scan(self, months: Sequence[date] | None = None) -> pl.LazyFrame:
        """Table PRESCRIBING of the months (all held, where None), as files publish it: nothing is filtered.

        Every month is verified before a row of it is read.

        Raises:
            InputError: a month's files are not what its manifest says.
        """
        held = [m for m in self.months() if months is None or m.first_day in months]
        if not held:
            return PRESCRIBING.empty()
        if faults := faults_of(held, self.home):
            more = f" {len(faults) - 1} more: `prescarbon verify` names them." if len(faults) > 1 else ""
            raise InputError(f"{faults[0]}{more}")
        return PRESCRIBING.admit(pl.scan_parquet([self.folder / m.data for m in held]))

    def rejects(self, manifest: MonthManifest) -> pl.LazyFrame:
        """Table REJECTS of one month.

        Raises:
            InputError: the month's files are not what its manifest says.
        """
        if faults := faults_of([manifest], self.home):
            raise InputError(faults[0])
        return REJECTS.admit(pl.scan_parquet(self.folder / manifest.rejects))

    def verify(self) -> list[str]:
        """One sentence for each month that does not agree with its manifest, or whose manifest cannot be read.

        Every byte held is read.
        """
        manifests, unreadable = [], []
        for file in self.manifest_files():
            try:
                manifests.append(read_manifest(file))
            except InputError as error:
                unreadable.append(str(error))
        return sorted(faults_of(manifests, self.home, afresh=True) + unreadable)

    def publish(self, incoming: Incoming, *, replace: bool = False, expect_month: date | None = None) -> Published:
        """Make a file a month of the store; a kill at any moment leaves the last good state.

        replace       restate a month that is held from another file
        expect_month  the month the file was fetched for

        Raises:
            InputError: no usable row, several months, another month than expected, or a month already held from another
                file.
            StoreError: a full disk, another prescarbon at work in the same store, or the same file is held and damaged.
        """
        with writing_to(self.folder, REMEDY), alone(self.home):
            if same := next((m for m in self.months() if m.hash == incoming.hash), None):
                check_expected(same.first_day, incoming, expect_month)
                if faults := faults_of([same], self.home, afresh=True):
                    raise StoreError(faults[0])
                return Published("unchanged", self._learn(same, incoming))
            draft = self.folder / ".incoming.part"
            try:
                tally = self._write(incoming, draft)
                month = only_month(tally, incoming, expect_month)
                before = self.held(month)
                if before is not None and not replace:
                    raise InputError(
                        f"{before.month} is already held, from {before.file_name} with another content.",
                        where=incoming.file_name,
                        remedy="Use --replace to restate the month.",
                    )
                manifest = _manifest_of(incoming, tally, month, before)
                with publishing(self.folder / manifest.rejects) as file:
                    rejects_of(tally).write_parquet(file)
                    manifest = dataclasses.replace(manifest, data_hash=hash_of(draft), rejects_hash=hash_of(file))
                settle(draft, self.folder / manifest.data)
            finally:
                draft.unlink(missing_ok=True)
            self._commit(manifest)
            self._sweep()
        return Published("restated" if before else "published", manifest)

    def _learn(self, held: MonthManifest, incoming: Incoming) -> MonthManifest:
        """The same rows came again: write down practices that were asked for and have no row, and the portal's date."""
        asked = held.practices_asked
        if asked is not None and incoming.practices_asked is not None:
            asked = tuple(sorted({*asked, *incoming.practices_asked}))
        modified = incoming.last_modified or held.last_modified
        known = dataclasses.replace(held, practices_asked=asked, last_modified=modified)
        if known != held:
            self._commit(known)
        return known

    def _commit(self, manifest: MonthManifest) -> None:
        with publishing(self.folder / f"{manifest.month}.json") as file:  # the commit point
            file.write_text(to_json(dataclasses.asdict(manifest)), "utf-8")

    def _write(self, incoming: Incoming, draft: Path) -> Tally:
        tally = Tally()

        # runs in a thread of polars, where coverage cannot look
        def rows(columns: list[str] | None, *_: object) -> Iterator[pl.DataFrame]:  # pragma: no cover
            try:
                sorted_out = (sort_out(chunk, incoming, tally) for chunk in incoming.chunks)
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

    def _sweep(self) -> None:
        """Remove what no manifest names: drafts of a killed run, and files of a restated month."""
        named = {name for m in self.months() for name in (m.data, m.rejects)}
        for file in self.folder.iterdir():
            if file.suffix in (".parquet", ".part") and file.name not in named:
                file.unlink(missing_ok=True)


def _manifest_of(incoming: Incoming, tally: Tally, month: date, before: MonthManifest | None) -> MonthManifest:
    rejected, without = tally.rejected, tally.used_without_nic + tally.rejected_without_nic
    stem = f"{month:%Y-%m}-{incoming.hash[:12]}"
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
        nic_gbp_in=_known(tally.nic_used + tally.nic_rejected, tally.used + rejected, without),
        nic_gbp_used=_known(tally.nic_used, tally.used, tally.used_without_nic),
        nic_gbp_rejected=_known(tally.nic_rejected, rejected, tally.rejected_without_nic),
        practices=len(tally.practices),
        data=f"{stem}.parquet",
        rejects=f"{stem}-rejects.parquet",
        warnings=warnings_of(tally, incoming),
        replaces=replaced,
        practices_asked=incoming.practices_asked,
        is_synthetic=tally.is_synthetic,
        rows_used_without_nic=tally.used_without_nic,
        rows_rejected_without_nic=tally.rejected_without_nic,
        texts_cleaned=len(tally.cleaned),
    )


def _known(nic: Decimal, rows: int, without: int) -> Decimal | None:
    """The sum; None where there are rows and none has a NIC."""
    return None if rows and rows == without else nic
