"""Commands that write reports, and explain a number of theirs."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import click

from prescarbon.cli import text
from prescarbon.cli.app import DATED, FIGURES, FILE, JSON, MONTH, OUT, Say, command
from prescarbon.config import Config
from prescarbon.pack.demo import DAY, write_demo
from prescarbon.pack.folder import Pack
from prescarbon.pack.repeat import repeat_report
from prescarbon.pack.write import write_report
from prescarbon.pipeline import explanation, intake
from prescarbon.pipeline.scope import check_code


@command(obeys=DATED)
@click.option("--practice", metavar="CODE", help="This practice's pages alone, into the pack they belong to.")
@click.option("--pcn", metavar="CODE", help="This PCN's pages and its practices' alone, into the pack they belong to.")
@click.option(
    "--drafts", is_flag=True, help="Also rules that nobody has signed, under a watermark: not to be passed on."
)
@click.option("--from", "manifest", type=FILE, help="Repeat the run of a manifest.json, to the byte.")
@MONTH
@OUT
@JSON
def report(
    config: Config,
    say: Say,
    practice: str | None,
    pcn: str | None,
    drafts: bool,
    manifest: Path | None,
    month: date | None,
    as_json: bool,
) -> None:
    """Write the pages, the tables and the manifest.

    Example: prescarbon report --month 2026-01
    """
    given = click.get_current_context().params
    if manifest and any(given[k] is not None for k in ("practice", "pcn", "month", "config_file", *DATED)):
        raise click.UsageError("--from takes every setting from the manifest: leave out the other options.")
    if manifest and drafts:
        raise click.UsageError("--from takes every setting from the manifest: leave out the other options.")
    if practice is not None and pcn is not None:
        raise click.UsageError("give --practice or --pcn, not both.")

    def progress(done: int, of: int) -> None:
        say.progress("pages", done, of)

    config = replace(config, show_draft_rules=True) if drafts else config
    with say:
        pack = (
            repeat_report(manifest, config.home, config.out, progress=progress)
            if manifest
            else write_report(
                config,
                practice=check_code(practice) if practice is not None else None,
                pcn=check_code(pcn, "PCN", "U12345") if pcn is not None else None,
                last_month=month,
                progress=progress,
            )
        )
    _report_pack(say, pack, as_json)


def _report_pack(say: Say, pack: Pack, as_json: bool) -> None:
    for warning in pack.warnings:
        say.warn(warning)
    told = {
        "folder": str(pack.folder),
        "index": str(pack.index),
        "pages": [str(p) for p in pack.pages],
        "coverage_of_inhalers": dict(pack.coverage),
    }
    lines = [*filter(None, [pack.coverage_words]), f"{len(pack.pages)} practice pages; open {pack.index}"]
    say.answer(told, lambda: "\n".join(lines), as_json=as_json)


@command(obeys=DATED)
@click.option("--months", metavar="FIRST:LAST", help="Months to fetch; default all after the newest held.")
@OUT
@JSON
def run(config: Config, say: Say, months: str | None, as_json: bool) -> None:
    """Fetch what is new, then report."""
    with say:
        taken = intake.fetch(config, months, progress=say.progress)
        for t in taken:
            say.remark(text.taken_line(t))
        if error := intake.refused(taken):
            raise error
        pack = write_report(config, progress=lambda done, of: say.progress("pages", done, of))
    _report_pack(say, pack, as_json)


@command(obeys=DATED[1:])
@OUT
@JSON
def demo(config: Config, say: Say, as_json: bool) -> None:
    """Run the whole job on a SYNTHETIC sample: nothing in it is real. Its rules are read on 24 November 2026, unless told otherwise."""
    is_told = click.get_current_context().params["as_of"] is not None
    with say:
        pack = write_demo(config, as_of=config.as_of if is_told else DAY, progress=say.progress)
    _report_pack(say, pack, as_json)


@command(obeys=FIGURES)
@click.argument("practice")
@click.option("--product", metavar="CODE", help="One presentation (BNF code): down to its rows.")
@MONTH
@JSON
def explain(config: Config, say: Say, practice: str, product: str | None, month: date | None, as_json: bool) -> None:
    """Show how a practice's number came to be: rows, devices, factor, source, interval.

    Example: prescarbon explain K81001 --product 0301011R0BEAIAP
    """
    told = explanation.explain(config, check_code(practice), product=product, last_month=month)
    say.answer(told.as_json(), told.as_text, as_json=as_json)
