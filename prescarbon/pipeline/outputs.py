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
from prescarbon.reference import read_reference
from prescarbon.report.html import IndexRow, Totals, ics_html, index_html, pcn_html, practice_html
from prescarbon.report.numbers import Interval
from prescarbon.report.practice import MONTHS_IN_PERIOD, MONTHS_IN_TREND, PracticePage, build_practice_pages
from prescarbon.report.safety import formula_safe, page_name
from prescarbon.report.workbook import practice_sheets, write_workbook
from prescarbon.source.files import take_file
from prescarbon.source.organisations import import_organisations
from prescarbon.source.sample import write_sample
from prescarbon.store.months import Store

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
        for name in ("practice", "pcn", "workbook", "data"):
            (draft / name).mkdir()
        _write_tables(evidence, draft / "data")
        rows = _write_pages(evidence, manifest, draft, practice, progress)
        (draft / "manifest.json").write_text(manifest.to_json(), "utf-8")
    return Pack(final, final / "index.html", tuple(final / row.address for row in rows), evidence.warnings)


def _write_pages(
    evidence: Evidence, manifest: RunManifest, folder: Path, practice: str | None, progress: Progress
) -> list[IndexRow]:
    """Every page and workbook of the run; the practices in order of PCN and name."""
    views = Views(evidence, list(practice_pages(evidence)))
    pages = list(views.practices())
    shown = [p for p in pages if practice is None or p.practice_code == practice]
    rows = []
    for done, page in enumerate(shown, start=1):
        address = f"practice/{page_name(page.practice_code)}"
        (folder / address).write_text(practice_html(page, manifest), "utf-8")
        workbook = folder / "workbook" / Path(address).with_suffix(".xlsx").name
        write_workbook(workbook, practice_sheets(page), manifest, page.notes)
        rows.append(IndexRow(page, address))
        progress(done, len(shown))
    pcns = list(views.pcns(pages))
    for pcn in pcns:
        (folder / "pcn" / page_name(pcn.pcn_code)).write_text(pcn_html(pcn, manifest), "utf-8")
    totals = _totals(evidence)
    (folder / "ics.html").write_text(ics_html(views.ics(pcns, totals.inhaler_kg, totals.total_kg), manifest), "utf-8")
    ordered = sorted(rows, key=lambda r: (r.page.pcn_name or "~", r.page.practice_name, r.page.practice_code))
    addresses = {pcn.pcn_code: f"pcn/{page_name(pcn.pcn_code)}" for pcn in pcns}
    (folder / "index.html").write_text(index_html(ordered, manifest, totals, addresses), "utf-8")
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


def _totals(evidence: Evidence) -> Totals:
    period = sorted(evidence.months)[-MONTHS_IN_PERIOD:]
    now = evidence.footprint.filter(pl.col("month").is_in(period))
    inhalers = now.filter(pl.col("reads_as") != "not an inhaler")
    return Totals(
        period=tuple(period),
        inhaler_kg=_interval(evidence, inhalers),
        total_kg=_interval(evidence, now),
        nic_gbp=Decimal(now["nic_gbp"].sum() or 0),
        items=int(now["items"].sum()),
    )


def _interval(evidence: Evidence, rows: pl.DataFrame) -> Interval | None:
    for low, central, high in evidence.intervals(rows.lazy(), []).drop_nulls().iter_rows():
        return Interval(float(low), float(central), float(high))
    return None


def _list_sizes(evidence: Evidence) -> dict[str, tuple[int, str]]:
    newest = evidence.list_sizes.filter(pl.col("month") == max(evidence.months)).drop_nulls("patients")
    return {
        row["practice_code"]: (
            row["patients"],
            "nearest earlier list size" if row["is_carried"] else "list size of that month",
        )
        for row in newest.to_dicts()
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


def _write_tables(evidence: Evidence, folder: Path) -> None:
    for name, table in {
        "footprint": evidence.footprint,
        "practices": evidence.practices,
        "list_sizes": evidence.list_sizes,
    }.items():
        table.write_parquet(folder / f"{name}.parquet")
        formula_safe(table).write_csv(folder / f"{name}.csv")


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
