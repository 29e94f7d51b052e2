"""Evidence → files: the run folder with its pages, its tables and its manifest, published whole or not at all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.manifest import RunManifest
from prescarbon.pack.findings import Views
from prescarbon.pack.folder import Pack, replacing_folder
from prescarbon.pack.practice import practice_pages
from prescarbon.pack.restatements import find_restatements, last_manifest
from prescarbon.pack.tables import write_tables
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.reference.wording import Wording, read_wording
from prescarbon.report.faces.html import HtmlPages, IndexRow, Page, Totals
from prescarbon.report.faces.pdf import Typesetter
from prescarbon.report.faces.safety import page_name
from prescarbon.report.faces.sheets import ics_sheets, pcn_sheets, practice_sheets
from prescarbon.report.faces.slide import write_slide
from prescarbon.report.faces.workbook import Sheet, write_workbook
from prescarbon.report.views.ics import IcsPage
from prescarbon.report.views.practice import MONTHS_IN_PERIOD, MONTHS_IN_TREND

PRACTICE_PAPER = 2  # one sheet, both sides: what a practice manager prints
Progress = Callable[[int, int], None]
Named = Callable[[str, int, int], None]


def _quiet(done: int, of: int) -> None:
    """Show nothing."""


def _quiet_named(name: str, done: int, of: int) -> None:
    """Show nothing."""


def write_report(
    config: Config,
    *,
    practice: str | None = None,
    last_month: date | None = None,
    progress: Progress = _quiet,
) -> Pack:
    """Pages for every practice in scope (or one), an index, the tables and the manifest, in out/<month>/.

    Raises:
        InputError: nothing is loaded, the practice has no rows, or the folder cannot be written.
        CoverageError: too few inhaler items carry a factor.
    """
    evidence = gather(config, last_month=last_month, months=MONTHS_IN_TREND)
    if practice is not None and practice not in set(evidence.practices["practice_code"]):
        raise InputError(
            f"practice {practice} has no rows in {evidence.manifests[0].month} to {evidence.manifests[-1].month} within the scope.",
            remedy="Check the code, or use --scope all.",
        )
    manifest = evidence.manifest("report")
    manifest = replace(manifest, restatements=tuple(find_restatements(last_manifest(config.out), manifest)))
    final = config.out / evidence.manifests[-1].month
    with replacing_folder(final) as draft:
        rows = _write_pages(evidence, manifest, draft, practice, progress)
        (draft / "manifest.json").write_text(manifest.to_json(), "utf-8")
    return Pack(final, final / "index.html", tuple(final / row.address for row in rows), evidence.warnings)


@dataclass(frozen=True)
class Faces:
    """Writes a page's faces side by side: HTML, the same page as PDF, its tables as a workbook."""

    folder: Path
    manifest: RunManifest
    words: Wording
    typesetter: Typesetter

    def write(
        self, address: Path, made: Page, sheets: Sequence[Sheet], notes: Sequence[str] = (), paper: int | None = None
    ) -> None:
        """Write one page; the PDF and the workbook stand in pdf/ and workbook/ under the same name.

        paper  sheets of A4 that the PDF may fill
        """
        page = self.folder / address
        page.parent.mkdir(exist_ok=True)
        page.write_text(made.html, "utf-8")
        for face in ("pdf", "workbook"):
            (self.folder / face / address.parent).mkdir(parents=True, exist_ok=True)
        pdf = self.typesetter.pdf(made.paper, is_synthetic=self.manifest.is_synthetic, sheets=paper)
        (self.folder / "pdf" / address.with_suffix(".pdf")).write_bytes(pdf)
        workbook = self.folder / "workbook" / address.with_suffix(".xlsx")
        write_workbook(workbook, sheets, self.manifest, self.words, notes)


def _write_pages(
    evidence: Evidence, manifest: RunManifest, folder: Path, practice: str | None, progress: Progress
) -> list[IndexRow]:
    """Every face of every page, the board slide and the tables; the practices in order of PCN and name."""
    words = read_wording(evidence.reference.root)
    html, faces = HtmlPages(manifest, words), Faces(folder, manifest, words, Typesetter())
    views = Views(evidence, list(practice_pages(evidence)), words)
    pages = list(views.practices())
    pcns = list(views.pcns(pages))
    shown = [p for p in pages if practice is None or p.practice_code == practice]
    steps = len(shown) + len(pcns) + 1
    rows = []
    for done, page in enumerate(shown, start=1):
        address = Path("practice") / page_name(page.practice_code)
        faces.write(address, html.practice(page), practice_sheets(page, words), page.notes, PRACTICE_PAPER)
        rows.append(IndexRow(page, address.as_posix()))
        progress(done, steps)
    for done, pcn in enumerate(pcns, start=len(shown) + 1):
        faces.write(Path("pcn") / page_name(pcn.pcn_code), html.pcn(pcn), pcn_sheets(pcn, words))
        progress(done, steps)
    ics = views.ics(pages, pcns)
    faces.write(Path("ics.html"), html.ics(ics), ics_sheets(ics, words))
    write_slide(folder / "board.pptx", ics, manifest, words)
    totals = _totals(evidence, ics)
    ordered = sorted(rows, key=lambda r: (r.page.pcn_name or "~", r.page.practice_name, r.page.practice_code))
    addresses = {pcn.pcn_code: f"pcn/{page_name(pcn.pcn_code)}" for pcn in pcns}
    (folder / "index.html").write_text(html.index(ordered, totals, addresses), "utf-8")
    write_tables(evidence, views, pages, folder / "data")
    progress(steps, steps)
    return rows


def _totals(evidence: Evidence, ics: IcsPage) -> Totals:
    period = sorted(evidence.months)[-MONTHS_IN_PERIOD:]
    now = evidence.footprint.filter(pl.col("month").is_in(period))
    return Totals(
        period=tuple(period),
        inhaler_kg=ics.inhaler_kg,
        total_kg=ics.total_kg,
        nic_gbp=Decimal(now["nic_gbp"].sum() or 0),
        items=int(now["items"].sum()),
    )
