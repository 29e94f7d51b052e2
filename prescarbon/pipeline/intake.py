"""Files and portal → store: what import, fetch and organisations import do."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from prescarbon.config import Config, parse_months
from prescarbon.errors import PortalError, PrescarbonError
from prescarbon.pipeline.scope import scope_codes
from prescarbon.source.files import take_file
from prescarbon.source.organisation_files import kind_of
from prescarbon.source.organisations import import_organisations
from prescarbon.source.portal import Portal, PortalMonth, cheaper_route, needs_fetch
from prescarbon.store.months import MonthManifest, Store

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Taken:
    """What became of one file: `status` is published, unchanged, organisations or refused."""

    file_name: str
    status: str
    month: MonthManifest | None = None
    words: str = ""
    error: PrescarbonError | None = None


def _quiet(name: str, done: int, of: int) -> None:
    """Show nothing."""


def import_files(
    config: Config, files: Sequence[Path], *, replace: bool = False, progress: Progress = _quiet
) -> list[Taken]:
    """Publish each EPD file as a month of the store; organisation files go where `organisations import` puts them.

    A file that cannot be used is reported (status refused) and the others are still taken.
    """
    store, taken = Store(config.home), []
    for file in sorted(files, key=lambda f: (f.name, str(f))):  # any order given, the same store
        try:
            if kind := kind_of(file):
                import_organisations([file], config.home)
                taken.append(Taken(file.name, "organisations", words=kind))
                continue
            size = file.stat().st_size

            def show(done: int, name: str = file.name, of: int = size) -> None:
                progress(name, min(done, of), of)

            published = take_file(store, file, replace=replace, progress=show)
            taken.append(Taken(file.name, published.status, published.manifest))
        except PrescarbonError as error:
            taken.append(Taken(file.name, "refused", words=str(error), error=error))
    return taken


def fetch(config: Config, months: str | None, *, route: str = "auto", progress: Progress = _quiet) -> list[Taken]:
    """Fetch months that the portal has and the store has not, or that were published again.

    months  "2025-04:" or "2025-04:2025-09" or one month; None takes every month after the newest held
    route   "query" (the scope's practices alone), "file" (the whole month), or "auto": the cheaper

    Raises:
        PortalError: the portal fails, or a month asked for does not exist.
    """
    portal, store = Portal(config.portal), Store(config.home)
    offered = {m.month: m for m in portal.months()}
    held = {m.month: m for m in store.months()}
    wanted = _wanted(offered, held, months)
    codes = scope_codes(config)
    downloads = config.home / "downloads"
    taken = []
    for month in wanted:
        name, there = f"{month:%Y-%m}", offered[month]
        before = held.get(name)
        if before is not None and not needs_fetch(there, before.last_modified):
            taken.append(Taken(before.file_name, "unchanged", before))
            continue
        chosen = (
            cheaper_route(there, len(codes) if codes is not None else None, up_to=config.query_up_to)
            if route == "auto"
            else route
        )

        def show(done: int, of: int | None, name: str = name) -> None:
            progress(name, done, of or 0)

        if chosen == "query" and codes is not None:
            got = portal.fetch_practices(there, codes, downloads, progress=show)
        else:
            got = portal.fetch_file(there, downloads, progress=show)
        published = take_file(
            store,
            got.path,
            source=f"portal {chosen}",
            address=got.address,
            last_modified=got.last_modified,
            replace=before is not None,
            expect_month=month,
        )
        got.path.unlink(missing_ok=True)  # the store holds every row now
        taken.append(Taken(got.path.name, published.status, published.manifest))
    return taken


def _wanted(offered: dict[date, PortalMonth], held: dict[str, MonthManifest], months: str | None) -> list[date]:
    if not offered:
        raise PortalError("the portal lists no month of prescribing data.", remedy="Try again later.")
    newest = max(offered)
    if months is None:
        first = date.fromisoformat(f"{max(held)}-01") if held else newest
        return [m for m in sorted(offered) if m >= first]
    first, last = parse_months(months)
    asked = [m for m in sorted(offered) if first <= m <= (last or newest)]
    missing = sorted({m for m in (first, last) if m is not None and m not in offered})
    if missing or not asked:
        gone = ", ".join(f"{m:%Y-%m}" for m in missing or [first])
        raise PortalError(
            f"the portal has no month {gone}.", remedy=f"It offers {min(offered):%Y-%m} to {newest:%Y-%m}."
        )
    return asked


def refused(taken: Iterable[Taken]) -> PrescarbonError | None:
    """The first file's error, whose exit code the command takes."""
    return next((t.error for t in taken if t.error), None)


def months(config: Config) -> list[dict[str, Any]]:
    """The manifests of the months held, oldest first."""
    return [asdict(m) for m in sorted(Store(config.home).months(), key=lambda m: m.month)]


def organisations_import(config: Config, files: Sequence[Path], *, as_of: date | None) -> list[dict[str, Any]]:
    """Import organisation files; what became of each."""
    given = dict.fromkeys(files, as_of) if as_of else None
    return [asdict(taken) for taken in import_organisations(files, config.home, given)]
