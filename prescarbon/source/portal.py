"""The NHSBSA Open Data Portal (CKAN): which months there are, and fetching one by file or by query."""

import re
import time
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl
import requests

from prescarbon.errors import InputError, PortalError
from prescarbon.source.download import (
    LATER,
    NO_ROOM,
    TRIES,
    NotThereError,
    Progress,
    Wait,
    download_zip,
    polite_session,
    read_json,
    show_nothing,
)
from prescarbon.store.atomic import publishing, writing_to
from prescarbon.store.months import hash_of

ADDRESS = "https://opendata.nhsbsa.net/api/3/action"
RETIRED = "english-prescribing-data-epd"  # January 2014 to June 2025
CURRENT = "english-prescribing-dataset-epd-with-snomed-code"
NAME = re.compile(r"EPD_(?:SNOMED_)?(20\d\d)(0[1-9]|1[0-2])", re.ASCII)
PRACTICE_CODE = re.compile(r"[A-Z0-9]{1,12}", re.ASCII)
ROWS_A_PRACTICE = 2_000  # England, January 2026: 18,342,436 rows of 9,279 practices and other cost centres
# Users measured in September 2026 that 32,000 rows is the most one answer holds, and that a larger one comes as status
# 200 with `records_truncated` and no records. Not relied on: a page that comes short is asked for again in halves.
ROWS_A_PAGE = 20_000
CODES_A_COUNT = 200  # keeps the address of a GET short
QUERY_UP_TO = 150  # practices: about 300,000 rows in 15 pages; beyond that the month's one file is less to ask for

Route = Literal["query", "file"]


@dataclass(frozen=True)
class PortalMonth:
    """One month as the portal lists it; `size` is its own word, null where it has none, and is not relied on."""

    month: date
    name: str
    resource_id: str
    dataset: str
    last_modified: str | None
    size: int | None


@dataclass(frozen=True)
class Fetched:
    """One file on disk in the published layout, and where it came from; `rows` is known by the query route alone."""

    path: Path
    address: str
    sha256: str
    bytes: int
    route: Route
    month: date
    last_modified: str | None
    rows: int | None = None


def needs_fetch(portal_month: PortalMonth, held_last_modified: str | None) -> bool:
    """True where the month is not held as the portal has it now: the dates differ, or the held one has none."""
    if held_last_modified is None:
        return True
    return portal_month.last_modified is not None and portal_month.last_modified != held_last_modified


def pages_needed(practices: int) -> int:
    """Pages of rows that so many practices are likely to fill."""
    return -(-practices * ROWS_A_PRACTICE // ROWS_A_PAGE)


def cheaper_route(month: PortalMonth, practices: int | None, *, up_to: int = QUERY_UP_TO) -> Route:  # noqa: ARG001  # all months cost alike so far
    """Query for a few practices, file for many; None stands for all of England, which is always the file.

    Reason: 86 practices are about 9 pages of rows; all 9,279 would be about 930, and the file holds them in one answer.
    """
    return "query" if practices is not None and practices <= up_to else "file"


class Portal:
    """The portal at an address. `wait` is called with seconds between tries; `page_rows` is the rows asked for at once."""

    def __init__(
        self,
        base_address: str = ADDRESS,
        session: requests.Session | None = None,
        *,
        wait: Wait = time.sleep,
        tries: int = TRIES,
        page_rows: int = ROWS_A_PAGE,
    ) -> None:
        """Nothing is asked yet."""
        self.base = base_address.rstrip("/")
        self.session = session or polite_session()
        self.wait, self.tries, self.page_rows = wait, tries, page_rows

    def months(self) -> list[PortalMonth]:
        """Every month there is, oldest first.

        A month in both datasets is taken from the current one: it has SNOMED codes and is the one that is corrected;
        the retired one is frozen. The retired one may be gone altogether.

        Raises:
            PortalError: the portal fails, or lists no month.
        """
        try:
            retired = self._listed(RETIRED)
        except NotThereError:
            retired = []
        found = {m.month: m for m in [*retired, *self._listed(CURRENT)]}
        if not found:
            raise PortalError("the portal lists no month of prescribing data.", remedy=LATER)
        return [found[month] for month in sorted(found)]

    def month(self, asked: date) -> PortalMonth:
        """One month.

        Raises:
            PortalError: there is none; the sentence names the newest there is.
        """
        months = self.months()
        for there in months:
            if there.month == asked:
                return there
        raise PortalError(
            f"the portal has no month {asked:%Y-%m}.", remedy=f"The newest there is {months[-1].month:%Y-%m}."
        )

    def fetch_file(self, month: PortalMonth, folder: Path, *, progress: Progress = show_nothing) -> Fetched:
        """The whole month as the published ZIP; a whole one of this version that lies there already is not fetched again.

        progress  bytes so far, bytes in all

        Raises:
            PortalError, InputError: as download_zip.
        """
        version = re.sub(r"[^0-9T]", "", (month.last_modified or "undated")[:19]) or "undated"
        final = folder / f"{month.name}-{version}.zip"
        with writing_to(folder, NO_ROOM):
            for old in folder.glob(f".{month.name}-*.zip.part*"):
                if not old.name.startswith(f".{final.name}."):
                    old.unlink(missing_ok=True)  # of a version that was published over
            if final.exists() and version != "undated" and _is_sound(final):
                address = f"{self.base}/resource_show?id={month.resource_id}"
                size = final.stat().st_size
                progress(size, size)
                return Fetched(final, address, hash_of(final), size, "file", month.month, month.last_modified)
        got = download_zip(
            self.session, lambda: self._zip_address(month), final, wait=self.wait, progress=progress, tries=self.tries
        )
        return Fetched(got.path, got.address, got.sha256, got.bytes, "file", month.month, month.last_modified)

    def fetch_practices(
        self, month: PortalMonth, practice_codes: Iterable[str], folder: Path, *, progress: Progress = show_nothing
    ) -> Fetched:
        """The rows of some practices as one CSV in the published columns, numbers as the portal writes them.

        Pages are runs of practice codes in order; each page must hold, practice by practice, the rows that were counted,
        and the counts must add up to one count of all. Rows are sorted, so the same rows give the same bytes.
        progress  rows so far, rows in all

        Raises:
            InputError: a code is not one, the practices have no row, or the folder cannot be written to.
            PortalError: the portal fails, or its answers do not add up.
        """
        codes = checked_codes(practice_codes)
        counts = self._counts(month, codes)
        total, done = sum(counts.values()), 0
        if not total:
            raise InputError(
                f"the portal has no row of the {len(codes)} practices asked for.",
                where=month.name,
                remedy="Check the practice codes or the scope.",
            )
        final, columns = folder / f"{month.name}.practices.csv", list[str]()
        with writing_to(folder, NO_ROOM), publishing(final) as draft, draft.open("wb") as file:
            for batch in self._batches(counts):
                for page in self._pages(month, batch, counts):
                    if not columns:
                        columns = page.columns
                    elif columns != page.columns:
                        raise PortalError("pages came with different columns.", where=month.name, remedy=LATER)
                    page.write_csv(file, include_header=not done)
                    done += page.height
                    progress(done, total)
        address = f"{self.base}/datastore_search_sql?resource_id={month.name}"
        size = final.stat().st_size
        return Fetched(final, address, hash_of(final), size, "query", month.month, month.last_modified, done)

    # months

    def _ask(self, action: str, **params: str) -> Any:
        address = f"{self.base}/{action}"
        answer = read_json(self.session, address, params, wait=self.wait, tries=self.tries)
        if not isinstance(answer, dict) or answer.get("success") is False or "result" not in answer:
            raise PortalError("the portal's answer has no result.", where=action, remedy=LATER)
        return answer["result"]

    def _listed(self, dataset: str) -> list[PortalMonth]:
        result = self._ask("package_show", id=dataset)
        resources = result.get("resources") if isinstance(result, dict) else None
        if not isinstance(resources, list):
            raise PortalError(f"the portal's answer on {dataset} lists no files.", where="package_show", remedy=LATER)
        months = [m for r in resources if isinstance(r, dict) and (m := _as_month(r, dataset))]
        return sorted(months, key=lambda m: (m.month, m.last_modified or ""))

    def _zip_address(self, month: PortalMonth) -> str:
        result = self._ask("resource_show", id=month.resource_id)
        address = result.get("zip_url") if isinstance(result, dict) else None
        if not isinstance(address, str) or not address:
            raise PortalError("the portal gives no address of the ZIP.", where=month.name, remedy=LATER)
        return address

    # query

    def _query(
        self, month: PortalMonth, select: str, codes: Sequence[str], tail: str = ""
    ) -> list[dict[str, Any]] | None:
        """Records; None where the portal says that it cut them."""
        places = ", ".join(f"'{code}'" for code in codes)
        sql = f"SELECT {select} FROM `{month.name}` WHERE PRACTICE_CODE IN ({places}){tail}"
        level = self._ask("datastore_search_sql", resource_id=month.name, sql=sql)
        while isinstance(level, dict):
            if str(level.get("success", "true")).lower() != "true":
                raise PortalError("the portal could not answer the query.", where=month.name, remedy=LATER)
            if str(level.get("records_truncated", "false")).lower() == "true":
                return None
            records = level.get("records")
            if isinstance(records, list) and all(isinstance(r, dict) for r in records):
                return records
            level = level.get("result")
        raise PortalError("the portal's answer holds no records.", where=month.name, remedy=LATER)

    def _counts(self, month: PortalMonth, codes: Sequence[str]) -> dict[str, int]:
        """Rows of each practice that has any, in order of code; they add up to a count of all, which cannot be cut."""
        counts: dict[str, int] = {}
        for start in range(0, len(codes), CODES_A_COUNT):
            some = codes[start : start + CODES_A_COUNT]
            each = self._query(month, "PRACTICE_CODE, COUNT(*) AS ROW_COUNT", some, " GROUP BY PRACTICE_CODE")
            all_of_them = self._query(month, "COUNT(*) AS ROW_COUNT", some)
            try:
                found = {str(r["PRACTICE_CODE"]): int(r["ROW_COUNT"]) for r in each or []}
                expected = int((all_of_them or [])[0]["ROW_COUNT"])
            except (KeyError, IndexError, TypeError, ValueError) as error:
                raise PortalError("the portal's counts cannot be read.", where=month.name, remedy=LATER) from error
            if sum(found.values()) != expected or not found.keys() <= set(some):
                raise PortalError(
                    f"counts by practice add up to {sum(found.values()):,} rows, one count of all says {expected:,}.",
                    where=month.name,
                    remedy=LATER,
                )
            counts |= found
        return dict(sorted(counts.items()))

    def _batches(self, counts: dict[str, int]) -> Iterator[list[str]]:
        """Runs of practices, in order of code, whose rows fill a page at most (a larger practice stands alone)."""
        batch: list[str] = []
        held = 0
        for code, rows in counts.items():
            if batch and held + rows > self.page_rows:
                yield batch
                batch, held = [], 0
            batch.append(code)
            held += rows
        yield batch

    def _pages(self, month: PortalMonth, batch: list[str], counts: dict[str, int]) -> Iterator[pl.DataFrame]:
        """The rows of a batch as text; a page that does not hold what was counted is asked for again in halves."""
        records = self._query(month, "*", batch)
        expected = {code: counts[code] for code in batch}
        page = _as_text(records, month.name) if records else None
        found = _rows_by_practice(page) if page is not None else {}
        if page is not None and found == expected:
            yield page
        elif len(batch) > 1:
            half = len(batch) // 2
            yield from self._pages(month, batch[:half], counts)
            yield from self._pages(month, batch[half:], counts)
        else:
            raise PortalError(
                f"practice {batch[0]}: {sum(found.values()):,} rows came of {expected[batch[0]]:,} counted.",
                where=month.name,
                remedy="Fetch the whole month with --route file, or try again later.",
            )


def checked_codes(practice_codes: Iterable[str]) -> list[str]:
    """The codes sorted, each once.

    Raises:
        InputError: one is not a practice code (it must not reach a query), or there is none.
    """
    codes = sorted(set(practice_codes))
    if odd := next((code for code in codes if not PRACTICE_CODE.fullmatch(code)), None):
        raise InputError(f"{odd!r} is not a practice code.", remedy="An ODS code looks like K81001.")
    if not codes or not codes[0]:
        raise InputError("no practice to ask for.", remedy="Check the scope.")
    return codes


def _as_month(resource: dict[str, Any], dataset: str) -> PortalMonth | None:
    """None where the resource is no month: the portal also lists notes and guides."""
    named = NAME.fullmatch(str(resource.get("name") or "").strip())
    if not named or not resource.get("id"):
        return None
    size = str(resource.get("size") or "")
    return PortalMonth(
        month=date(int(named[1]), int(named[2]), 1),
        name=named[0],
        resource_id=str(resource["id"]),
        dataset=dataset,
        last_modified=resource.get("last_modified") or resource.get("created") or None,
        size=int(size) if size.isdigit() else None,
    )


def _as_text(records: list[dict[str, Any]], name: str) -> pl.DataFrame:
    """Records as text columns in order of name, rows in order of practice and then of everything else."""
    try:
        page = pl.from_dicts(records, infer_schema_length=None)
        truths = [
            pl.col(n) for n, dtype in page.schema.items() if dtype == pl.Boolean
        ]  # UNIDENTIFIED is Y or N in a file
        page = page.with_columns(
            pl.when(truth).then(pl.lit("Y")).when(~truth).then(pl.lit("N")).name.keep() for truth in truths
        ).select(sorted(page.columns))
        return page.cast(pl.String).sort("PRACTICE_CODE", *page.columns)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise PortalError("the portal's records cannot be read as a table.", where=name, remedy=LATER) from error


def _rows_by_practice(page: pl.DataFrame) -> dict[str, int]:
    return dict(page.group_by("PRACTICE_CODE").len().iter_rows())


def _is_sound(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, OSError):
        return False
