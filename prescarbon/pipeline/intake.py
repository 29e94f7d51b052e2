"""Files and portal → store, and what is held: what import, fetch, months, rejects, verify and organisations import do."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from prescarbon.config import Config, parse_months
from prescarbon.errors import InputError, PortalError, PrescarbonError
from prescarbon.pipeline.scope import scope_codes
from prescarbon.source.files import take_file
from prescarbon.source.organisation_files import kind_of
from prescarbon.source.organisations import import_organisations
from prescarbon.source.portal import Portal, PortalMonth, cheaper_route, needs_fetch
from prescarbon.store.atomic import StoreError
from prescarbon.store.months import MonthManifest, Published, Store, practices_missing
from prescarbon.store.organisations import ImportedFile, read_organisation_rejects

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Taken:
    """What became of one file: `status` is published, restated, unchanged, organisations or refused.

    month          of a prescribing file
    organisations  of an organisations file
    error          of a file that was refused; `words` are its sentence
    """

    file_name: str
    status: str
    month: MonthManifest | None = None
    organisations: ImportedFile | None = None
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
            if kind_of(file):
                (imported,) = import_organisations([file], config.home)
                taken.append(Taken(file.name, "organisations", organisations=imported))
                continue
            size = file.stat().st_size

            def show(done: int, name: str = file.name, of: int = size) -> None:
                progress(name, min(done, of), of)

            published = take_file(store, file, replace=replace, progress=show)
            taken.append(Taken(file.name, published.status, published.manifest))
        except PrescarbonError as error:
            taken.append(_refused(file.name, error))
    return taken


def fetch(config: Config, months: str | None, *, route: str = "auto", progress: Progress = _quiet) -> list[Taken]:
    """Fetch months that the portal has and the store has not, that were published again, or that lack practices in scope.

    A month is never narrowed: what was asked for before is asked for again with the new practices.
    A month that cannot be used is reported (status refused) and the others are still taken; after a fault of the portal
    no later month is asked for.
    months  "2025-04:" or "2025-04:2025-09" or one month; None takes every month after the newest held
    route   "query" (the practices alone), "file" (the whole month), or "auto": the cheaper

    Raises:
        PortalError: the portal lists nothing, or a month asked for does not exist.
        InputError: every practice is wanted, and by query; or the scope is none. Then nothing was asked of the portal.
        DefinitionError: the months are not written so; nothing was asked then either.
    """
    span = None if months is None else parse_months(months)
    codes = scope_codes(config)
    if route == "query" and codes is None:
        raise InputError("a query cannot bring every practice.", remedy="Use --route file, or name a --scope.")
    portal, store = Portal(config.portal), Store(config.home)
    offered = {m.month: m for m in portal.months()}
    held = {m.month: m for m in store.months()}
    wanted = _wanted(offered, held, span)
    taken = []
    for month in wanted:
        there, before = offered[month], held.get(f"{month:%Y-%m}")
        is_new = before is None or needs_fetch(there, before.last_modified)
        if before is not None and not is_new and not practices_missing(before, codes):
            taken.append(Taken(before.file_name, "unchanged", before))
            continue
        try:
            published = _fetch_month(config, portal, store, there, before, codes, route, progress)
            taken.append(Taken(published.manifest.file_name, published.status, published.manifest))
        except PrescarbonError as error:
            taken.append(_refused(there.name, error))
            if isinstance(error, PortalError):
                break  # each later month would wait as long and fail too
    return taken


def _fetch_month(
    config: Config,
    portal: Portal,
    store: Store,
    there: PortalMonth,
    before: MonthManifest | None,
    codes: Sequence[str] | None,
    route: str,
    progress: Progress,
) -> Published:
    """Fetch one month for these practices and for those it was asked for before (None: every practice)."""
    asked = None if codes is None or (before and before.practices_asked is None) else sorted(codes)
    if asked is not None and before and before.practices_asked:
        asked = sorted({*asked, *before.practices_asked})
    if route == "query" and asked is None:
        raise InputError(
            "every practice is held; a query would leave most of them out.",
            where=there.name,
            remedy="Use --route file.",
        )
    if route == "auto":
        route = cheaper_route(None if asked is None else len(asked), up_to=config.query_up_to)

    def show(done: int, of: int | None) -> None:
        progress(f"{there.month:%Y-%m}", done, of or 0)

    downloads = config.home / "downloads"
    if route == "query" and asked is not None:
        got = portal.fetch_practices(there, asked, downloads, progress=show)
    else:
        got = portal.fetch_file(there, downloads, progress=show)
    try:
        published = take_file(
            store,
            got.path,
            source=f"portal {got.route}",
            address=got.address,
            last_modified=got.last_modified,
            practices_asked=got.practices_asked,
            replace=before is not None,
            expect_month=there.month,
        )
    except InputError as error:
        if not isinstance(error, StoreError):
            got.path.unlink(missing_ok=True)  # else the next fetch would take the same bad file for whole
        raise
    got.path.unlink(missing_ok=True)  # the store holds every row now
    return published


def _wanted(
    offered: dict[date, PortalMonth], held: dict[str, MonthManifest], span: tuple[date, date | None] | None
) -> list[date]:
    newest = max(offered)
    if span is None:
        first = date.fromisoformat(f"{max(held)}-01") if held else newest
        return [m for m in sorted(offered) if m >= first]
    first, last = span
    asked = [m for m in sorted(offered) if first <= m <= (last or newest)]
    missing = sorted({m for m in (first, last) if m is not None and m not in offered})
    if missing or not asked:
        gone = ", ".join(f"{m:%Y-%m}" for m in missing or [first])
        raise PortalError(
            f"the portal has no month {gone}.", remedy=f"It offers {min(offered):%Y-%m} to {newest:%Y-%m}."
        )
    return asked


def _refused(name: str, error: PrescarbonError) -> Taken:
    return Taken(name, "refused", words=str(error), error=error)


def refused(taken: Iterable[Taken]) -> PrescarbonError | None:
    """The first file's error, whose exit code the command takes."""
    return next((t.error for t in taken if t.error), None)


def months(config: Config) -> list[dict[str, Any]]:
    """The manifests of the months held, oldest first."""
    return [asdict(m) for m in Store(config.home).months()]


def rejects(config: Config, month: date) -> pl.DataFrame:
    """Table REJECTS of a month, in the file's order.

    Raises:
        InputError: the month is not held, or its files are damaged.
    """
    store = Store(config.home)
    manifest = store.held(month)
    if manifest is None:
        raise InputError(f"{month:%Y-%m} is not held.", remedy="`prescarbon months` lists the months that are.")
    return store.rejects(manifest).collect()


def organisation_rejects(config: Config) -> pl.DataFrame:
    """Table ORGANISATION_REJECTS of the organisation files held."""
    return read_organisation_rejects(config.home)


def verify(config: Config) -> tuple[int, list[str]]:
    """How many months are held, and one sentence for each that does not agree with its manifest."""
    store = Store(config.home)
    return len(store.manifest_files()), store.verify()


def organisations_import(config: Config, files: Sequence[Path], *, as_of: date | None) -> list[ImportedFile]:
    """Import organisation files; what became of each."""
    given = dict.fromkeys(files, as_of) if as_of else None
    return import_organisations(files, config.home, given)
