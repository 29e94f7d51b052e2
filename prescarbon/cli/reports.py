"""Commands that write reports, and explain a number of theirs."""

import click

from prescarbon.cli import text
from prescarbon.cli.app import JSON, MONTH, OUT, Say, command
from prescarbon.config import Config, parse_month
from prescarbon.manifest import to_json
from prescarbon.pack import demo as demo_
from prescarbon.pack import folder, write
from prescarbon.pipeline import explanation, intake, scope


@command()
@click.option("--practice", metavar="CODE", help="One practice alone.")
@MONTH
@OUT
@JSON
def report(config: Config, say: Say, practice: str | None, month: str | None, as_json: bool) -> None:
    """Write the pages, the tables and the manifest.

    Example: prescarbon report --month 2026-01
    """
    code = scope.check_practice_code(practice) if practice else None
    with say:
        pack = write.write_report(
            config,
            practice=code,
            last_month=parse_month(month) if month else None,
            progress=lambda done, of: say.progress("pages", done, of),
        )
    _report_pack(say, pack, as_json)


def _report_pack(say: Say, pack: folder.Pack, as_json: bool) -> None:
    for warning in pack.warnings:
        say.warn(warning)
    if as_json:
        say.result(
            to_json(
                {"folder": str(pack.folder), "index": str(pack.index), "pages": [str(p) for p in pack.pages]}
            ).rstrip()
        )
    else:
        say.result(f"{len(pack.pages)} practice pages; open {pack.index}")


@command()
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
        pack = write.write_report(config, progress=lambda done, of: say.progress("pages", done, of))
    _report_pack(say, pack, as_json)


@command()
@OUT
@JSON
def demo(config: Config, say: Say, as_json: bool) -> None:
    """Run the whole job on a SYNTHETIC sample: nothing in it is real."""
    with say:
        pack = demo_.write_demo(config, progress=say.progress)
    _report_pack(say, pack, as_json)


@command()
@click.argument("practice")
@click.option("--product", metavar="CODE", help="One presentation (BNF code): down to its rows.")
@MONTH
@JSON
def explain(config: Config, say: Say, practice: str, product: str | None, month: str | None, as_json: bool) -> None:
    """Show how a practice's number came to be: rows, devices, factor, source, interval.

    Example: prescarbon explain K81001 --product 0301011R0BEAIAP
    """
    told = explanation.explain(
        config, scope.check_practice_code(practice), product=product, last_month=parse_month(month) if month else None
    )
    say.result(to_json(told.as_json()).rstrip() if as_json else told.as_text())
