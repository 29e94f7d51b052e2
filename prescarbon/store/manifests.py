"""What a month's manifest says: written once, read with suspicion, held against the files it names."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

import polars as pl

from prescarbon import __version__
from prescarbon.errors import InputError

EVERY_OTHER = frozenset({"every other practice"})
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError)  # what a damaged Parquet raises


@dataclass(frozen=True)
class MonthManifest:
    """What one month of the store was made of. rows_in = rows_used + rows_rejected, and the same for NIC to the penny.

    practices_asked          codes that a query asked for, sorted; None: all that the published file holds
    rows_without_nic         rows used whose NIC is not in the data: they are in no sum of £
    is_synthetic             a row bears the sample's own mark, whatever the file is called
    data_hash, rejects_hash  sha256 of the Parquet; None where an older version wrote it
    """

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
    practices_asked: tuple[str, ...] | None = None
    rows_without_nic: int = 0
    is_synthetic: bool = False
    data_hash: str | None = None
    rejects_hash: str | None = None
    version: str = __version__

    @property
    def has_nic(self) -> bool:
        """False where no row used has a NIC: its £ are unknown, not zero."""
        return self.rows_without_nic < self.rows_used

    @property
    def first_day(self) -> date:
        """The first day of the month."""
        return date.fromisoformat(f"{self.month}-01")


DECLARED = get_type_hints(MonthManifest)


def practices_missing(manifest: MonthManifest, codes: Collection[str] | None) -> frozenset[str]:
    """Which of these practices the month was never asked for; empty where it holds the scope.

    codes    the scope; None is every practice
    returns  codes, or EVERY_OTHER where every practice is wanted and a query fetched only some
    """
    if manifest.practices_asked is None:
        return frozenset()
    return EVERY_OTHER if codes is None else frozenset(codes) - frozenset(manifest.practices_asked)


def read_manifest(file: Path) -> MonthManifest:
    """The manifest in a file, also one of an older version.

    Raises:
        InputError: it is cut, is no manifest, or names another month or a file elsewhere.
    """
    try:
        raw = json.loads(file.read_text("utf-8"), parse_float=Decimal)
        manifest = MonthManifest(**{name: _as_declared(name, value, DECLARED[name]) for name, value in raw.items()})
        manifest.first_day  # noqa: B018 — refuses what is no month
        files = (manifest.data, manifest.rejects)
        if manifest.month != file.stem or any(Path(n).name != n or not n.startswith(file.stem) for n in files):
            raise ValueError("it names another month or another folder")
    except KeyError as error:
        raise _no_manifest(file, f"it has a field {error} that this version does not know") from error
    except RecursionError as error:
        raise _no_manifest(file, "it is nested too deeply") from error
    except (OSError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise _no_manifest(file, str(error)) from error
    return _completed(manifest, raw, file.parent)


def _no_manifest(file: Path, why: str) -> InputError:
    return InputError(
        f"cannot be read as a month's manifest ({why}).",
        where=file.name,
        remedy="Remove it and import the month again.",
    )


def _as_declared(name: str, value: Any, declared: Any) -> Any:
    """The JSON value as the field holds it."""
    options = get_args(declared)
    if NoneType in options:
        return None if value is None else _as_declared(name, value, options[0])
    if get_origin(declared) is tuple:
        holds = get_origin(options[0]) or options[0]
        if isinstance(value, list) and all(isinstance(v, holds) for v in value):
            return tuple(value)
    elif declared is Decimal:
        if type(value) in (int, Decimal):
            return Decimal(value).quantize(Decimal("0.01"))
    elif type(value) is declared:
        return value
    raise TypeError(f"{name} cannot be {str(value)[:40]!r}")


def _completed(manifest: MonthManifest, raw: dict[str, Any], folder: Path) -> MonthManifest:
    """What an older version did not write down is found out: the practices a query brought, the sample by its name."""
    found: dict[str, Any] = {}
    if "practices_asked" not in raw and manifest.source == "portal query":
        found["practices_asked"] = _practices_in(folder / manifest.data)
    if "rows_without_nic" not in raw:
        found["rows_without_nic"] = _rows_without_nic(folder / manifest.data)
    if "is_synthetic" not in raw:
        found["is_synthetic"] = "SYNTHETIC" in manifest.file_name.upper()
    return replace(manifest, **found)


def _practices_in(file: Path) -> tuple[str, ...]:
    try:
        return tuple(pl.scan_parquet(file).select(pl.col("practice_code").unique().sort()).collect()["practice_code"])
    except UNREADABLE:
        return ()  # nothing is known to be held: the next fetch asks for all of it


def _rows_without_nic(file: Path) -> int:
    try:
        return int(pl.scan_parquet(file).select(pl.col("nic_gbp").null_count()).collect().item())
    except UNREADABLE:
        return 0  # who reads the rows says that they cannot be read


def disagreement(manifest: MonthManifest, folder: Path) -> str | None:
    """One sentence where the month's files are not what its manifest says: missing, cut, changed, other rows or £."""
    held = (
        (manifest.data, manifest.data_hash, manifest.rows_used, manifest.nic_gbp_used),
        (manifest.rejects, manifest.rejects_hash, manifest.rows_rejected, manifest.nic_gbp_rejected),
    )
    for name, hash_, rows, nic in held:
        if why := _fault(folder / name, hash_, rows, nic):
            return f"{manifest.month}: {why} Remove {manifest.month}.json and import or fetch the month again."
    return None


def _fault(file: Path, hash_: str | None, rows: int, nic: Decimal) -> str | None:
    if not file.exists():
        return f"{file.name} is missing."
    try:
        scan = pl.scan_parquet(file)
        if (found := scan.select(pl.len()).collect().item()) != rows:  # from the footer: no row is decoded yet
            return f"{found:,} rows held in {file.name}; the manifest says {rows:,}."
        if hash_ is not None and hash_of(file) != hash_:
            return f"{file.name} is not what was written: it was changed."
        gbp = scan.select(pl.col("nic_gbp").sum()).collect().item() or Decimal(0)
    except UNREADABLE:
        return f"{file.name} cannot be read: it was cut or changed."
    return None if gbp == nic else f"£{gbp} held in {file.name}; the manifest says £{nic}."


def check_rows(manifest: MonthManifest, folder: Path) -> Path:
    """The month's Parquet, its rows counted in its footer alone: quick enough for every scan.

    Raises:
        InputError: it is missing or cut, or holds another number of rows.
    """
    file = folder / manifest.data
    try:
        rows = pl.scan_parquet(file).select(pl.len()).collect().item()
    except UNREADABLE:
        rows = None
    if rows != manifest.rows_used:
        raise InputError(disagreement(manifest, folder) or f"{manifest.month}: {file.name} cannot be read.")
    return file


def hash_of(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
