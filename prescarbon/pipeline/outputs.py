"""Evidence → files: the run folder with its pages, its tables and its manifest, published whole or not at all."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from prescarbon.config import Config
from prescarbon.errors import InputError
from prescarbon.manifest import RunManifest
from prescarbon.pipeline.evidence import Evidence, gather
from prescarbon.pipeline.pages import Views
from prescarbon.pipeline.restatements import find_restatements, last_manifest
from prescarbon.pipeline.run_tables import write_tables
from prescarbon.reference import read_reference
from prescarbon.reference_wording import Wording, read_wording
from prescarbon.report.html import HtmlPages, IndexRow, Totals
from prescarbon.report.ics import IcsPage
from prescarbon.report.pdf import Typesetter
from prescarbon.report.practice import MONTHS_IN_PERIOD, MONTHS_IN_TREND, PracticePage, build_practice_pages
from prescarbon.report.safety import page_name
from prescarbon.report.sheets import ics_sheets, pcn_sheets, practice_sheets
from prescarbon.report.slide import write_slide
from prescarbon.report.workbook import Sheet, write_workbook
from prescarbon.source.files import take_file
from prescarbon.source.organisations import import_organisations
from prescarbon.source.sample import write_sample
from prescarbon.store.months import Store

PRACTICE_PAPER = 2  # one sheet, both sides: what a practice manager prints
Progress = Callable[[int, int], None]
Named = Callable[[str, int, int], None]


def _quiet(done: int, of: int) -> None:
    """Show nothing."""


def _quiet_named(name: str, done: int, of: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class Pack:
    """Where a run's report lies."""

    folder: Path
    index: Path
    pages: tuple[Path, ...]
    warnings: tuple[str, ...]


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
        self, address: Path, html: str, sheets: Sequence[Sheet], notes: Sequence[str] = (), paper: int | None = None
    ) -> None:
        """Write one page; the PDF and the workbook stand in pdf/ and workbook/ under the same name.

        paper  sheets of A4 that the PDF may fill
        """
        page = self.folder / address
        page.parent.mkdir(exist_ok=True)
        page.write_text(html, "utf-8")
        for face in ("pdf", "workbook"):
            (self.folder / face / address.parent).mkdir(parents=True, exist_ok=True)
        pdf = self.typesetter.pdf(html, is_synthetic=self.manifest.is_synthetic, sheets=paper)
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


def write_demo(config: Config, *, progress: Named = _quiet_named) -> Pack:
    """The whole job on the SYNTHETIC sample, in a store and a report folder of their own, never mixed with real months."""
    demo = replace(
        config,
        home=config.home / "demo",
        out=config.out / "demo",
        scope=("gp",),
        is_scope_given=True,
        show_draft_rules=True,
    )
    root = read_reference(config.reference).root
    sample = write_sample(demo.home / "sample", root / "sample" / "catalogue.csv", seed=config.seed)
    import_organisations(sample.organisations, demo.home)
    for done, file in enumerate(sample.epd, start=1):
        take_file(Store(demo.home), file, replace=True)
        progress("months", done, len(sample.epd))
    return write_report(demo, progress=lambda done, of: progress("pages", done, of))


def practice_pages(evidence: Evidence) -> Iterator[PracticePage]:
    """The view of every practice in the evidence."""
    period = sorted(evidence.months)[-MONTHS_IN_PERIOD:]
    return build_practice_pages(
        evidence.footprint,
        evidence.names,
        {row["practice_code"]: row for row in evidence.practices.to_dicts()},
        _list_sizes(evidence),
        page_intervals(evidence, period),
        _notes(evidence),
    )


def page_intervals(evidence: Evidence, period: Sequence[date]) -> pl.DataFrame:
    """The intervals a practice page prints: practice_code, part, key, kg_low, kg_co2e, kg_high; see build_practice_pages."""
    foot = evidence.footprint.lazy()
    now = foot.filter(pl.col("month").is_in(period))
    is_inhaler = pl.col("reads_as") != "not an inhaler"
    parts = (
        ("total", now.filter(is_inhaler), pl.lit("inhalers")),
        ("total", now, pl.lit("all")),
        ("series", now, pl.col("series_code")),
        ("method", now, pl.col("method").cast(pl.String)),
        ("month", foot.filter(is_inhaler), pl.col("month").dt.to_string("iso")),
    )
    return pl.concat(
        evidence.intervals(rows.with_columns(part=pl.lit(part), key=key), ["practice_code", "part", "key"])
        for part, rows, key in parts
    )


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


def _list_sizes(evidence: Evidence) -> dict[str, tuple[float, str]]:
    """practice_code → mean list of the period's months, as the measures per 1,000 people have it, and its words."""
    period = evidence.months[-MONTHS_IN_PERIOD:]
    known = evidence.list_sizes.filter(pl.col("month").is_in(period)).drop_nulls("patients")
    rows = known.group_by("practice_code").agg(pl.col("patients").mean(), pl.col("is_carried").any())
    return {
        row["practice_code"]: (
            row["patients"],
            "mean list of the period, some months carried forward" if row["is_carried"] else "mean list of the period",
        )
        for row in rows.to_dicts()
    }


def _notes(evidence: Evidence) -> tuple[str, ...]:
    notes = []
    for m in evidence.manifests:
        if m.rows_rejected:
            notes.append(
                f"{m.month}: {m.rows_rejected:,} of {m.rows_in:,} rows in the file could not be used "
                f"(£{m.nic_gbp_rejected:,.2f}); they are listed with their reason in the store."
            )
        notes.extend(f"{m.month}: {warning}" for warning in m.warnings)
    return tuple(notes)


@contextmanager
def replacing_folder(final: Path) -> Iterator[Path]:
    """A hidden neighbour to write to; it takes the folder's name only when the block ends well.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    draft = final.with_name(f".{final.name}.{os.getpid()}.part")
    old = final.with_name(f".{final.name}.old")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        if old.exists() and not final.exists():  # a run was killed between the two renames below
            old.rename(final)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        yield draft
        if final.exists():
            shutil.rmtree(old, ignore_errors=True)
            final.rename(old)
        draft.rename(final)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise InputError(
            f"cannot write the report ({error.strerror or error}).",
            where=str(final),
            remedy="Choose another folder with --out.",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
