"""Commands about what is held: import, fetch, months, rejects, verify, organisations."""

from dataclasses import asdict
from pathlib import Path

import click

from prescarbon.cli import files, text
from prescarbon.cli.app import FILE, JSON, TO, Commands, Say, cli, command
from prescarbon.config import Config, parse_month
from prescarbon.errors import InputError
from prescarbon.manifest import to_json
from prescarbon.pipeline import intake


@command(name="import")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--replace", is_flag=True, help="Restate a month that is already held.")
@JSON
def import_(config: Config, say: Say, files: tuple[Path, ...], replace: bool, as_json: bool) -> None:
    """Add EPD files you already have (CSV, ZIP, CSV.GZ, Parquet).

    Example: prescarbon import EPD_SNOMED_202601.zip
    """
    with say:
        taken = intake.import_files(config, files, replace=replace, progress=say.progress)
    _report_taken(say, taken, as_json)


@command(obeys=["scope"])
@click.option("--months", metavar="FIRST:LAST", help="2025-04: or 2025-04:2025-09; default all after the newest held.")
@click.option("--route", type=click.Choice(["auto", "query", "file"]), default="auto", help="How to fetch.")
@JSON
def fetch(config: Config, say: Say, months: str | None, route: str, as_json: bool) -> None:
    """Fetch months from the NHSBSA Open Data Portal.

    Example: prescarbon fetch --months 2025-04:
    """
    with say:
        taken = intake.fetch(config, months, route=route, progress=say.progress)
    _report_taken(say, taken, as_json)


def _report_taken(say: Say, taken: list[intake.Taken], as_json: bool) -> None:
    if as_json:
        say.result(to_json([text.taken_json(t) for t in taken]).rstrip())
    for t in taken:
        if t.error is not None:
            click.echo(f"prescarbon: {t.words}", err=True)
        elif not as_json:
            say.result(text.taken_line(t))
    if error := intake.refused(taken):
        raise SystemExit(error.exit_code)


@command()
@JSON
def months(config: Config, say: Say, as_json: bool) -> None:
    """List the months held: rows and £ in = used + rejected, and where they came from."""
    held = intake.months(config)
    say.answer(held, lambda: text.months_table(held), as_json=as_json)


@command()
@click.argument("month", metavar="MONTH")
@TO
@JSON
def rejects(config: Config, say: Say, month: str, to: Path | None, as_json: bool) -> None:
    """Show the rows of a month that were rejected: line, reason, £ and the row. `organisations`: of organisation files.

    Example: prescarbon rejects 2026-01 --to rejects.csv
    """
    is_organisations = month == "organisations"
    rows = intake.organisation_rejects(config) if is_organisations else intake.rejects(config, parse_month(month))
    if to is not None:
        files.write_rejects(rows, to)
        say.remark(f"{rows.height:,} rejected rows written to {to}")
    else:
        say.answer(rows.to_dicts(), lambda: text.reject_lines(rows), as_json=as_json)


@command()
@JSON
def verify(config: Config, say: Say, as_json: bool) -> None:
    """Check that the rows and £ held are what each month's manifest says; exit code 3 where they are not."""
    held, faults = intake.verify(config)
    told = {"months": held, "faults": faults}
    say.answer(told, lambda: "\n".join(faults) or f"{held} months agree", as_json=as_json)
    if faults:
        raise SystemExit(InputError.exit_code)


@cli.group(cls=Commands)
def organisations() -> None:
    """Practices, PCNs, list sizes."""


@command(organisations, "import")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--as-of", metavar="YYYY-MM", help="Month a snapshot file describes, where its name does not say.")
@JSON
def organisations_import(config: Config, say: Say, files: tuple[Path, ...], as_of: str | None, as_json: bool) -> None:
    """Read epraccur, ePCN, list-size, IMD and QOF files as published.

    Example: prescarbon organisations import epraccur.csv gp-reg-pat-prac-all.csv
    """
    taken = intake.organisations_import(config, files, as_of=parse_month(as_of) if as_of else None)
    lines = "\n".join(text.organisations_line(t) for t in taken)
    say.answer([asdict(t) for t in taken], lambda: lines, as_json=as_json)
