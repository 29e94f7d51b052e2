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

    nic_gbp_…                of the rows whose NIC is known; None where there are rows and none has one
    practices_asked          codes that a query asked for, sorted; None: all that the published file holds
    is_synthetic             a row bears the sample's own mark, whatever the file is called
    data_hash, rejects_hash  sha256 of the Parquet; None where an older version wrote it
    rows_…_without_nic       used, and rejected, rows whose NIC is empty or cannot be read; None: an older version
    texts_cleaned            names and codes that held control characters; None: an older version, which let them in
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
    nic_gbp_in: Decimal | None
    nic_gbp_used: Decimal | None
    nic_gbp_rejected: Decimal | None
    practices: int
    data: str
    rejects: str
    warnings: tuple[str, ...] = ()
    replaces: tuple[dict[str, Any], ...] = ()
    practices_asked: tuple[str, ...] | None = None
    is_synthetic: bool = False
    data_hash: str | None = None
    rejects_hash: str | None = None
    rows_used_without_nic: int | None = None
    rows_rejected_without_nic: int | None = None
    texts_cleaned: int | None = None
    version: str = __version__

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
    """What an older version did not write down is found out.

    The practices a query brought, the sample by its name, and £0.00 of a month whose rows have no NIC.
    """
    found: dict[str, Any] = {}
    if "practices_asked" not in raw and manifest.source == "portal query":
        found["practices_asked"] = _practices_in(folder / manifest.data)
    if "is_synthetic" not in raw:
        found["is_synthetic"] = "SYNTHETIC" in manifest.file_name.upper()
    if "rows_used_without_nic" not in raw and not manifest.nic_gbp_used and _has_no_nic(folder / manifest.data):
        found |= {
            "rows_used_without_nic": manifest.rows_used,
            "nic_gbp_used": None,
            "nic_gbp_in": manifest.nic_gbp_in or None,
        }
    return replace(manifest, **found)


def _has_no_nic(file: Path) -> bool:
    try:
        return not pl.scan_parquet(file).select(pl.col("nic_gbp").count()).collect().item()
    except UNREADABLE:
        return False


def _practices_in(file: Path) -> tuple[str, ...]:
    try:
        return tuple(pl.scan_parquet(file).select(pl.col("practice_code").unique().sort()).collect()["practice_code"])
    except UNREADABLE:
        return ()  # nothing is known to be held: the next fetch asks for all of it


def hash_of(path: Path) -> str:
    """sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
