"""Evidence → files: every page in every face, the index, the board slide, the tables and the manifest of one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from prescarbon.config import Config
from prescarbon.manifest import RunManifest
from prescarbon.model.opportunities.rules import is_none_signed
from prescarbon.model.sums import known_sum
from prescarbon.pack.figures import MONTHS_IN_TREND
from prescarbon.pack.folder import MANIFEST, Pack, adding_to_folder, last_pack, read_manifest, replacing_folder
from prescarbon.pack.ics import ics_page
from prescarbon.pack.restatements import find_restatements
from prescarbon.pack.same_run import check_same_run
from prescarbon.pack.tables import write_tables
from prescarbon.pack.views import Views, make_views, part_of, pcn_address, practice_address
from prescarbon.pipeline.evidence import gather
from prescarbon.pipeline.memberships import SCOPE
from prescarbon.reference.wording import Wording
from prescarbon.report.faces.html import HtmlPages, IndexRow, Page, Totals
from prescarbon.report.faces.pdf import Typesetter
from prescarbon.report.faces.safety import codes_name, formula_safe
from prescarbon.report.faces.sheets import ics_sheets, pcn_sheets, practice_sheets
from prescarbon.report.faces.slide import write_slide
from prescarbon.report.faces.workbook import Sheet, write_workbook
from prescarbon.report.views.ics import IcsPage
from prescarbon.report.views.pcn import PcnPage
from prescarbon.report.views.practice import PracticePage
from prescarbon.tables.organisations import GROUP

CODES = "codes"
PRACTICE_PAPER = 2  # one sheet, both sides: what a practice manager prints
Progress = Callable[[int, int], None]


def show_nothing(done: int, of: int) -> None:
    """A progress that shows nothing."""


def write_report(
    config: Config,
    *,
    practice: str | None = None,
    pcn: str | None = None,
    last_month: date | None = None,
    months: int = MONTHS_IN_TREND,
    last: Path | None = None,
    progress: Progress = show_nothing,
) -> Pack:
    """The pack of a month in out/<month>/: every page in every face, index, slide, tables, manifest.

    practice  this practice's pages alone: they join the pack they belong to, or begin one
    pcn       this PCN's pages and its practices' alone, likewise
    months    how many months back the run reads
    last      folder of the earlier pack that restatements are told against; None is the newest under `out`

    Raises:
        InputError: nothing is loaded, the practice or PCN has no rows, the pack that is there came of other inputs or
            settings, or the folder cannot be written.
        CoverageError: too few inhaler items carry a factor.
    """
    evidence = gather(config, last_month=last_month, months=months)
    views = make_views(evidence)
    restatements = find_restatements(last or last_pack(config.out), evidence)
    manifest = replace(evidence.manifest("report"), restatements=tuple(restatements))
    final = config.out / evidence.manifests[-1].month
    is_whole = practice is None and pcn is None
    part = views if is_whole else part_of(views, practice, pcn)
    if not is_whole:
        check_same_run(final, manifest)
    with replacing_folder(final) if is_whole else adding_to_folder(final) as draft:
        words = views.findings.words
        html = HtmlPages(manifest, words, is_none_signed=is_none_signed(evidence.reference.switches.rules))
        faces = Faces(draft, manifest, words, html, Typesetter())
        if is_whole:
            _write_whole(views, faces, progress)
        else:
            _write_part(views, part, faces, final, progress)
        if is_whole or read_manifest(final) is None:
            (draft / MANIFEST).write_text(replace(manifest, is_whole=is_whole).to_json(), "utf-8")
    pages = tuple(final / practice_address(page) for page in part.pages)
    whole = evidence.footing_of(GROUP, SCOPE)
    said = whole.coverage_words(views.findings.words["page"]) if whole else ""
    return Pack(final, final / "index.html", pages, manifest.warnings, manifest.coverage_of_inhalers, said)


@dataclass(frozen=True)
class Faces:
    """Writes a page's faces side by side: HTML, the same page as PDF, its tables as a workbook."""

    folder: Path
    manifest: RunManifest
    words: Wording
    html: HtmlPages
    typesetter: Typesetter

    def practice(self, page: PracticePage) -> None:
        """A practice's faces."""
        sheets = practice_sheets(page, self.words)
        self._write(practice_address(page), self.html.practice(page), sheets, page, page.notes, PRACTICE_PAPER)

    def pcn(self, page: PcnPage) -> None:
        """A PCN's faces."""
        self._write(pcn_address(page), self.html.pcn(page), pcn_sheets(page, self.words), page)

    def ics(self, page: IcsPage) -> None:
        """The SRO's faces and the slide for the board."""
        self._write(Path("ics.html"), self.html.ics(page), ics_sheets(page, self.words), page)
        write_slide(self.folder / "board.pptx", page, self.manifest, self.words)

    def _write(
        self,
        address: Path,
        made: Page,
        sheets: Sequence[Sheet],
        view: PracticePage | PcnPage | IcsPage,
        notes: Sequence[str] = (),
        paper: int | None = None,
    ) -> None:
        """The PDF and the workbook stand in pdf/ and workbook/ under the page's name; the PDF may fill `paper` sheets."""
        page = self.folder / address
        page.parent.mkdir(exist_ok=True)
        page.write_text(made.html, "utf-8")
        for face in ("pdf", "workbook"):
            (self.folder / face / address.parent).mkdir(parents=True, exist_ok=True)
        is_draft, is_synthetic = any(a.is_draft for a in view.actions), self.manifest.is_synthetic
        pdf = self.typesetter.pdf(
            made.paper, is_synthetic=is_synthetic, sheets=paper, shorter=made.shorter, is_draft=is_draft
        )
        (self.folder / "pdf" / address.with_suffix(".pdf")).write_bytes(pdf)
        workbook = self.folder / "workbook" / address.with_suffix(".xlsx")
        write_workbook(workbook, sheets, self.manifest, self.words, notes)


def _write_whole(views: Views, faces: Faces, progress: Progress) -> None:
    """Everything."""
    _write_pages(views, faces, progress, of=len(views.pages) + len(views.pcns) + 1)
    ics = ics_page(views.findings, views.pages, views.pcns)
    faces.ics(ics)
    _write_codes(views, [*views.pages, *views.pcns, ics], faces.folder)
    _write_index(views, faces)
    write_tables(views.findings, views.pages, faces.folder / "data")
    progress(len(views.pages) + len(views.pcns) + 1, len(views.pages) + len(views.pcns) + 1)


def _write_part(views: Views, part: Views, faces: Faces, final: Path, progress: Progress) -> None:
    """The pages of the part; a pack that was never whole gets an index of the practices it has by then."""
    _write_pages(part, faces, progress, of=len(part.pages) + len(part.pcns))
    _write_codes(views, [*part.pages, *part.pcns], faces.folder)
    if not (final / "ics.html").exists():
        held = replace(
            views,
            pages=tuple(p for p in views.pages if p in part.pages or (final / practice_address(p)).exists()),
            pcns=tuple(p for p in views.pcns if p in part.pcns or (final / pcn_address(p)).exists()),
        )
        _write_index(held, faces, part_of=len(views.pages))


def _write_pages(views: Views, faces: Faces, progress: Progress, *, of: int) -> None:
    for done, page in enumerate(views.pages, start=1):
        faces.practice(page)
        progress(done, of)
    for done, pcn in enumerate(views.pcns, start=len(views.pages) + 1):
        faces.pcn(pcn)
        progress(done, of)


def _write_codes(views: Views, pages: Sequence[PracticePage | PcnPage | IcsPage], folder: Path) -> None:
    """codes/<rule>.csv of every line on the pages: what a clinical system needs of it."""
    shown = {action.rule_id for page in pages for action in page.actions}
    if shown:
        (folder / CODES).mkdir()
    for rule in sorted(shown):
        formula_safe(views.findings.code_lists[rule]).write_csv(folder / CODES / codes_name(rule))


def _write_index(views: Views, faces: Faces, *, part_of: int | None = None) -> None:
    """The index over the practices of the views, in order of PCN and name.

    part_of  how many practices the run has, where the views are of some of them
    """
    ordered = sorted(views.pages, key=lambda p: (p.pcn_name or "~", p.practice_name, p.practice_code))
    rows = [IndexRow(page, practice_address(page).as_posix()) for page in ordered]
    pcns = {pcn.pcn_code: pcn_address(pcn).as_posix() for pcn in views.pcns}
    page = faces.html.index(rows, _totals(views), pcns, part_of=part_of)
    (faces.folder / "index.html").write_text(page, "utf-8")


def _totals(views: Views) -> Totals:
    findings, evidence = views.findings, views.findings.evidence
    now = evidence.footprint.filter(pl.col("month").is_in(evidence.period.held))
    return Totals(
        period=evidence.period,
        inhaler_kg=findings.kilograms(GROUP, SCOPE, "inhalers"),
        other_kg=findings.kilograms(GROUP, SCOPE, "other"),
        other_items_unknown=sum(page.other_items_unknown for page in views.pages),
        nic_gbp=now.select(known_sum("nic_gbp")).item(),
        rows_without_nic=int(now["rows_without_nic"].sum()),
        items=int(now["items"].sum()),
    )
