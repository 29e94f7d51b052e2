"""Commands about the definitions: reference data and factor sets."""

from dataclasses import asdict
from pathlib import Path

import click

from prescarbon.cli import text
from prescarbon.cli.app import FILE, JSON, Commands, Say, cli, command
from prescarbon.config import Config
from prescarbon.errors import DefinitionError, Fault
from prescarbon.pipeline import factors as factors_
from prescarbon.reference import checks
from prescarbon.reference.reviews import DAYS_AHEAD, find_due


@cli.group(cls=Commands)
def reference() -> None:
    """Factors, products, rules: the definitions."""


@command(reference, "check", tells_faults=True)
@JSON
def reference_check(config: Config, say: Say, faults: list[Fault], as_json: bool) -> None:
    """Prove the definitions, prescarbon.toml and the files it names: every fault at once, with its place."""
    found = [*faults, *(Fault(**fault) for fault in checks.reference_faults(config))]
    lines = "\n".join(f"{fault.file}: {fault}" for fault in found)
    if as_json or found:
        say.answer([asdict(fault) for fault in found], lambda: lines, as_json=as_json)
    say.remark(f"{len(found)} {'fault' if len(found) == 1 else 'faults'} in the definitions.")
    if found:
        raise SystemExit(DefinitionError.exit_code)


@command(reference, "due", obeys=["as_of"])
@JSON
def reference_due(config: Config, say: Say, as_json: bool) -> None:
    """List what is overdue for review, or falls due within 90 days: rules, propellants, factors, formulary rows.

    Example: prescarbon reference due --as-of 2027-04-01
    """
    rows = find_due(config)
    told = [
        {**row, "review_by": str(row["review_by"]), "overdue": "overdue" if row["overdue"] else "due"} for row in rows
    ]
    columns = ("review_by", "overdue", "kind", "id", "name")
    nothing = f"Nothing is overdue, and nothing falls due within {DAYS_AHEAD} days."
    say.answer(
        rows, lambda: text.lines(told, columns, {"review_by": "by", "overdue": "is"}) or nothing, as_json=as_json
    )
    late = sum(bool(row["overdue"]) for row in rows)
    say.remark(f"{late} overdue, {len(rows) - late} due within {DAYS_AHEAD} days of {config.as_of}.")


@cli.group(cls=Commands)
def factors() -> None:
    """Factor sets: list, show one factor, compare two sets, import your own."""


@command(factors, "list", obeys=["gwp_basis"])
@JSON
def factors_list(config: Config, say: Say, as_json: bool) -> None:
    """List the factor sets: harmonised, published, imported."""
    rows = factors_.list_sets(config)
    say.answer(rows, lambda: text.set_lines(rows), as_json=as_json)


@command(factors, "show", obeys=["gwp_basis"])
@click.argument("wanted", metavar="CODE")
@JSON
def factors_show(config: Config, say: Say, wanted: str, as_json: bool) -> None:
    """Show every factor of a BNF code (or a factor's name), with source and interval.

    Example: prescarbon factors show 0301011R0BEAIAP
    """
    rows = factors_.show(config, wanted)
    say.answer(rows, lambda: text.factor_lines(rows), as_json=as_json)


@command(factors, "compare", obeys=["scope", "gwp_basis"])
@click.argument("one")
@click.argument("other")
@JSON
def factors_compare(config: Config, say: Say, one: str, other: str, as_json: bool) -> None:
    """Compare two sets on the loaded months.

    Example: prescarbon factors compare harmonised prescqipp-b375
    """
    found = factors_.compare(config, one, other)
    say.answer(found, lambda: text.compare_lines(found), as_json=as_json)


@command(factors, "import")
@click.argument("file", type=FILE)
@click.option("--name", help="Name of the set; default the file's name.")
@JSON
def factors_import(config: Config, say: Say, file: Path, name: str | None, as_json: bool) -> None:
    """Import your own licensed factors (CSV: key, product_name, kg_co2e, scope, gwp_basis, source_id; kg_low, kg_high).

    Use the set with --factor-set NAME.
    """
    taken = factors_.import_set(config, file, name)
    say.answer(taken, lambda: f"{taken['factor_set']}: {taken['factors']} factors imported", as_json=as_json)
