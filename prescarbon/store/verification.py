"""Is what is held still what was written? Rows, £ and hash of each Parquet against its month's manifest, before it is read.

Measuring a file reads all of it. What was measured is kept beside the store under the file's size, both its times and its
number on the disk: where any of these differs it counts for nothing. `prescarbon verify` measures everything afresh.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import polars as pl

from prescarbon.store.atomic import publishing
from prescarbon.store.manifests import UNREADABLE, MonthManifest, hash_of

MEASURED = ".measured.json"  # under the home folder
SETTLED_NS = 2_000_000_000  # a younger file may change within one tick of its clock (2 s on FAT): it is not kept


@dataclass(frozen=True)
class Contents:
    """A Parquet of the store as it lies there.

    size, changed_ns, touched_ns, number  which file it is: bytes, time of its content and of its entry, inode
    rows                                  None where it cannot be read
    nic_gbp                               £ as text; None where no row has a NIC
    is_readable                           false where the £ cannot be read
    """

    size: int
    changed_ns: int
    touched_ns: int
    number: int
    hash: str
    rows: int | None
    nic_gbp: str | None
    is_readable: bool

    @property
    def identity(self) -> tuple[int, ...]:
        """What must be the same for the rest to count."""
        return self.size, self.changed_ns, self.touched_ns, self.number


def faults_of(manifests: Iterable[MonthManifest], home: Path, *, afresh: bool = False) -> list[str]:
    """One sentence for each month that is not what its manifest says; the files lie under home/months.

    afresh  measure every file, also where it was measured before
    """
    memory = home / MEASURED
    kept = _remembered(memory)
    found = {} if afresh else dict(kept)
    faults = [fault for m in manifests if (fault := _fault_of(m, home / "months", found))]
    before = time.time_ns() - SETTLED_NS
    held = {
        n: c
        for n, c in (kept | found).items()
        if max(c.changed_ns, c.touched_ns) < before and (home / "months" / n).exists()
    }
    if held != kept:
        try:
            with publishing(memory) as draft:
                draft.write_text(json.dumps({name: asdict(contents) for name, contents in sorted(held.items())}))
        except OSError:  # a store that may only be read is measured each time
            pass
    return faults


class _Written(NamedTuple):
    """What the manifest says of one Parquet."""

    name: str
    hash: str | None
    rows: int
    nic_gbp: Decimal | None


def _fault_of(m: MonthManifest, folder: Path, found: dict[str, Contents]) -> str | None:
    """What is wrong with the month; `found` takes what was measured."""
    written = (
        _Written(m.data, m.data_hash, m.rows_used, m.nic_gbp_used),
        _Written(m.rejects, m.rejects_hash, m.rows_rejected, m.nic_gbp_rejected),
    )
    why = next((why for file in written if (why := _fault(folder, file, found))), None) or _sums(m)
    return f"{m.month}: {why} Remove {m.month}.json and import or fetch the month again." if why else None


def _sums(m: MonthManifest) -> str | None:
    """What does not add up in the manifest itself."""
    parts = [p for p in (m.nic_gbp_used, m.nic_gbp_rejected) if p is not None]
    if m.rows_in != m.rows_used + m.rows_rejected:
        return f"the manifest says {m.rows_in:,} rows in, {m.rows_used:,} used and {m.rows_rejected:,} rejected."
    if (m.nic_gbp_in or 0) != sum(parts):
        return (
            f"the manifest says {_pounds(m.nic_gbp_in)} in, {_pounds(m.nic_gbp_used)} used and "
            f"{_pounds(m.nic_gbp_rejected)} rejected."
        )
    return None


def _fault(folder: Path, written: _Written, found: dict[str, Contents]) -> str | None:
    name = written.name
    try:
        contents = found[name] = _contents(folder / name, found.get(name))
    except FileNotFoundError:
        return f"{name} is missing."
    except OSError as error:
        return f"{name} cannot be read ({error.strerror})."
    if contents.rows is not None and contents.rows != written.rows:
        return f"{contents.rows:,} rows held in {name}; the manifest says {written.rows:,}."
    if contents.rows is not None and written.hash not in (None, contents.hash):
        return f"{name} is not what was written: it was changed."
    if not contents.is_readable:
        return f"{name} cannot be read: it was cut or changed."
    held = None if contents.nic_gbp is None else Decimal(contents.nic_gbp)
    if (held or 0) != (written.nic_gbp or 0):
        return f"{_pounds(held)} held in {name}; the manifest says {_pounds(written.nic_gbp)}."
    return None


def _pounds(nic: Decimal | None) -> str:
    return "no £" if nic is None else f"£{nic}"


def _contents(file: Path, known: Contents | None) -> Contents:
    """The file as known, where it is that file; else measured."""
    about = file.stat()
    identity = (about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino)
    if known is not None and known.identity == identity:
        return known
    hash_, rows, nic = hash_of(file), None, None
    try:
        scan = pl.scan_parquet(file)
        rows = scan.select(pl.len()).collect().item()  # from the footer: no row is decoded yet
        count, nic = scan.select(count=pl.col("nic_gbp").count(), nic=pl.col("nic_gbp").sum()).collect().row(0)
    except UNREADABLE:
        return Contents(*identity, hash_, rows, None, is_readable=False)
    return Contents(*identity, hash_, rows, str(nic) if count else None, is_readable=True)


def _remembered(memory: Path) -> dict[str, Contents]:
    """What was measured, by file name; nothing where that cannot be read."""
    try:
        return {name: Contents(**kept) for name, kept in json.loads(memory.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
