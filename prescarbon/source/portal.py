"""The NHSBSA Open Data Portal (CKAN): which months there are, and fetching one by file or by query."""

import re
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import requests

from prescarbon.errors import InputError, PortalError
from prescarbon.source.asking import LATER, TRIES, NotThereError, Wait, polite_session, read_json
from prescarbon.source.download import NO_ROOM, Progress, download_zip, show_nothing
from prescarbon.source.portal_query import ROWS_A_PAGE, PracticeQuery, checked_codes
from prescarbon.store.atomic import publishing, writing_to
from prescarbon.store.months import hash_of

ADDRESS = "https://opendata.nhsbsa.net/api/3/action"
RETIRED = "english-prescribing-data-epd"  # January 2014 to June 2025
CURRENT = "english-prescribing-dataset-epd-with-snomed-code"
SQL = "datastore_search_sql"
NAME = re.compile(r"EPD_(?:SNOMED_)?(20\d\d)(0[1-9]|1[0-2])", re.ASCII)
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
    """One file on disk in the published layout, and where it came from.

    rows, practices_asked  of the query route alone: rows that came, codes asked for (sorted)
    """

    path: Path
    address: str
    sha256: str
    bytes: int
    route: Route
    month: date
    last_modified: str | None
    rows: int | None = None
    practices_asked: tuple[str, ...] | None = None


def needs_fetch(portal_month: PortalMonth, held_last_modified: str | None) -> bool:
    """True where the month is not held as the portal has it now: the dates differ, or the held one has none."""
    if held_last_modified is None:
        return True
    return portal_month.last_modified is not None and portal_month.last_modified != held_last_modified


def cheaper_route(practices: int | None, *, up_to: int = QUERY_UP_TO) -> Route:
    """Query for a few practices, file for many; None stands for all of England, which is always the file.

    Reason: 86 practices are about 9 pages of rows; all 9,279 would be about 930, and the file holds them in one answer.
    """
    return "query" if practices is not None and practices <= up_to else "file"


class Portal:
    """The portal at an address. `wait` is called with seconds between tries (None: sleep); `page_rows` are asked for at once."""

    def __init__(
        self,
        base_address: str = ADDRESS,
        session: requests.Session | None = None,
        *,
        wait: Wait | None = None,
        tries: int = TRIES,
        page_rows: int = ROWS_A_PAGE,
    ) -> None:
        """Nothing is asked yet."""
        self.base = base_address.rstrip("/")
        self.session = session or polite_session()
        self.wait, self.tries, self.page_rows = wait or time.sleep, tries, page_rows

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
        query = PracticeQuery(lambda sql: self._ask(SQL, resource_id=month.name, sql=sql), month.name, self.page_rows)
        counts = query.counts(codes)
        total, done = sum(counts.values()), 0
        if not total:
            raise InputError(
                f"the portal has no row of the {len(codes)} practices asked for.",
                where=month.name,
                remedy="Check the practice codes or the scope.",
            )
        final = folder / f"{month.name}.practices.csv"
        with writing_to(folder, NO_ROOM), publishing(final) as draft, draft.open("wb") as file:
            for page in query.pages(counts):
                page.write_csv(file, include_header=not done)
                done += page.height
                progress(done, total)
        address = f"{self.base}/{SQL}?resource_id={month.name}"
        size = final.stat().st_size
        return Fetched(
            final, address, hash_of(final), size, "query", month.month, month.last_modified, done, tuple(codes)
        )

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


def _as_month(resource: dict[str, Any], dataset: str) -> PortalMonth | None:
    """None where the resource is no month: the portal also lists notes and guides."""
    named = NAME.fullmatch(str(resource.get("name") or "").strip())
    if not named or not resource.get("id"):
        return None
    size = str(resource.get("size"))
    changed = resource.get("last_modified") or resource.get("created")
    return PortalMonth(
        month=date(int(named[1]), int(named[2]), 1),
        name=named[0],
        resource_id=str(resource["id"]),
        dataset=dataset,
        last_modified=changed if isinstance(changed, str) else None,
        size=int(size) if size.isascii() and size.isdigit() else None,
    )


def _is_sound(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, OSError):
        return False
