"""Commands: parse, call the pipeline, print; no arithmetic, no loops over data."""

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from prescarbon import __version__
from prescarbon.config import GWP_BASES, Config, parse_month, read_config
from prescarbon.errors import PrescarbonError
from prescarbon.manifest import to_json
from prescarbon.pipeline import explaining, factor_sets, finding, intake, measuring, outputs, reviewing, trending

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


class Commands(click.Group):
    """A group whose errors are one sentence and an exit code; anything else keeps its traceback: it is our fault."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except PrescarbonError as error:
            click.echo(f"prescarbon: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="prescarbon")
def cli() -> None:
    """Carbon and cost of every inhaler and medicine prescribed, by practice, with an interval.

    First time: `prescarbon demo`. Exit codes: 0 well, 1 a fault of ours, 2 usage, 3 your file, 4 the portal,
    5 reference data or configuration, 6 too little coverage.
    """


def command(group: click.Group = cli, name: str | None = None) -> Callable[[Callable[..., Any]], click.Command]:
    """A command with the options all share; it is given a Config and a Say."""

    def wrap(function: Callable[..., Any]) -> click.Command:
        @click.option("--config", "config_file", type=FILE, help="Configuration file; default ./prescarbon.toml.")
        @click.option("--home", type=FOLDER, help="Where the store lies; default PRESCARBON_HOME.")
        @click.option("--scope", help="all, blmk, or codes with commas: K81001, pcn:…, sub-icb:…, icb:…, file:….")
        @click.option("--factor-set", help="Factor set for totals; default harmonised.")
        @click.option("--gwp-basis", type=click.Choice(GWP_BASES), help="IPCC report of the GWP100; default AR6.")
        @click.option("--quiet", "-q", is_flag=True, help="Print results only.")
        @functools.wraps(function)
        def run(config_file: Path | None, quiet: bool, **given: Any) -> Any:
            own = {key: given.pop(key, None) for key in ("home", "out", "scope", "factor_set", "gwp_basis")}
            return function(read_config(config_file, **own), Say(quiet=quiet), **given)

        return group.command(name or function.__name__.rstrip("_").replace("_", "-"))(run)

    return wrap


class Say:
    """What a command prints: results to standard output, progress and remarks to standard error."""

    def __init__(self, *, quiet: bool) -> None:
        """Quiet says results alone."""
        self.quiet = quiet
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def result(self, text: str) -> None:
        """A result."""
        click.echo(text)

    def remark(self, text: str) -> None:
        """A remark, unless quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """A warning, always."""
        click.echo(f"prescarbon: mind: {text}", err=True)

    def __enter__(self) -> "Say":
        """Open the progress bar (on a terminal only)."""
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
        )
        self._bar = Progress(*columns, console=console, disable=self.quiet or not console.is_terminal)
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        if self._bar:
            self._bar.stop()

    def progress(self, name: str, done: int, of: int) -> None:
        """Move the bar of one piece of work."""
        if self._bar:
            if name not in self._tasks:
                self._tasks[name] = self._bar.add_task(name, total=of or None)
            self._bar.update(self._tasks[name], completed=done, total=of or None)


JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
OUT = click.option("--out", type=FOLDER, help="Where reports lie; default PRESCARBON_OUT, else ./reports.")
MONTH = click.option("--month", metavar="YYYY-MM", help="Last month of the report; default the newest loaded.")


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


@command()
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
        say.result(to_json([reviewing.taken_json(t) for t in taken]).rstrip())
    for t in taken:
        if t.error is not None:
            click.echo(f"prescarbon: {t.words}", err=True)
        elif not as_json:
            say.result(reviewing.taken_line(t))
    if error := intake.refused(taken):
        raise SystemExit(error.exit_code)


@command()
@JSON
def months(config: Config, say: Say, as_json: bool) -> None:
    """List the months held: rows and £ in = used + rejected, and where they came from."""
    held = reviewing.months(config)
    say.result(to_json(held).rstrip() if as_json else reviewing.months_table(held))


@command()
@click.option("--practice", metavar="CODE", help="One practice alone.")
@MONTH
@OUT
@JSON
def report(config: Config, say: Say, practice: str | None, month: str | None, as_json: bool) -> None:
    """Write the pages, the tables and the manifest.

    Example: prescarbon report --month 2026-01
    """
    code = intake.check_practice_code(practice) if practice else None
    with say:
        pack = outputs.write_report(
            config,
            practice=code,
            last_month=parse_month(month) if month else None,
            progress=lambda done, of: say.progress("pages", done, of),
        )
    _report_pack(say, pack, as_json)


def _report_pack(say: Say, pack: outputs.Pack, as_json: bool) -> None:
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
        for t in intake.fetch(config, months, progress=say.progress):
            say.remark(reviewing.taken_line(t))
        pack = outputs.write_report(config, progress=lambda done, of: say.progress("pages", done, of))
    _report_pack(say, pack, as_json)


@command()
@OUT
@JSON
def demo(config: Config, say: Say, as_json: bool) -> None:
    """Run the whole job on a SYNTHETIC sample: nothing in it is real."""
    with say:
        pack = outputs.write_demo(config, progress=say.progress)
    _report_pack(say, pack, as_json)


@command()
@click.option("--level", default="practice", help="practice, pcn, sub-icb or icb.")
@click.option("--organisation", metavar="CODE", help="One organisation alone (text output).")
@click.option("--rank-by", type=click.Choice(["kg", "gbp_per_kg", "effort"]), default="kg", help="What comes first.")
@click.option("--include-off", is_flag=True, help="Also rules that are off by default.")
@click.option("--signed-off-only", is_flag=True, help="Only rules a clinical role has signed off.")
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), help="Write CSV, XLSX, Parquet or JSON by the ending."
)
@MONTH
@JSON
def opportunities(
    config: Config,
    say: Say,
    level: str,
    organisation: str | None,
    rank_by: str,
    include_off: bool,
    signed_off_only: bool,
    to: Path | None,
    month: str | None,
    as_json: bool,
) -> None:
    """Rank what could be done next, with kg, £, interval, caveats and the commitment served.

    Example: prescarbon opportunities --level pcn --to opportunities.xlsx
    """
    found = finding.find(
        config,
        level=level,
        last_month=parse_month(month) if month else None,
        rank_by=rank_by,
        include_off=include_off,
        include_drafts=not signed_off_only,
    )
    if to:
        finding.write_lines(found, to)
        say.remark(f"{found.lines.height} lines in {to}")
    else:
        say.result(to_json(finding.as_json(found)).rstrip() if as_json else finding.lines_of(found, organisation))


LEVEL = click.option("--level", default="practice", help="practice, pcn, sub-icb or icb.")
ORGANISATION = click.option("--organisation", metavar="CODE", help="One organisation alone.")


@command()
@click.argument("measure")
@LEVEL
@ORGANISATION
@MONTH
@JSON
def trend(
    config: Config, say: Say, measure: str, level: str, organisation: str | None, month: str | None, as_json: bool
) -> None:
    """Show a measure month by month: rolling year, same month last year, XmR limits, signals, known breaks.

    Example: prescarbon trend kg_per_inhaler --level pcn --organisation U12345
    """
    last = parse_month(month) if month else None
    rows = trending.trend(config, measure, level=level, organisation=organisation, last_month=last)
    columns = (
        "organisation_code",
        "month",
        "value",
        "rolling_value",
        "value_last_year",
        "lower",
        "upper",
        "signal",
        "break_words",
    )
    say.result(to_json(rows).rstrip() if as_json else trending.lines(rows, columns))


@command()
@LEVEL
@ORGANISATION
@click.option(
    "--before", metavar="FIRST:LAST", help="Period compared with; default the twelve months before the last twelve."
)
@click.option("--after", metavar="FIRST:LAST", help="Period compared; default the last twelve months.")
@click.option("--by-product", is_flag=True, help="One row a product.")
@JSON
def change(
    config: Config,
    say: Say,
    level: str,
    organisation: str | None,
    before: str | None,
    after: str | None,
    by_product: bool,
    as_json: bool,
) -> None:
    """Split what changed in inhaler carbon into volume, mix and factor; the parts add up exactly."""
    rows = trending.change(
        config, level=level, organisation=organisation, before=before, after=after, by_product=by_product
    )
    columns = (
        "organisation_code", "series_code", "before", "after", "kg_before", "kg_after", "kg_change", "kg_volume", "kg_mix",
        "kg_factor", "kg_left_out",
    )  # fmt: skip
    say.result(to_json(rows).rstrip() if as_json else trending.lines(rows, columns))


@command()
@click.argument("measure")
@click.option("--peers", default="all", help="all, pcn or nearest.")
@MONTH
@JSON
def compare(config: Config, say: Say, measure: str, peers: str, month: str | None, as_json: bool) -> None:
    """Hold each practice beside its peers: over-dispersed funnel, gates, a neutral verdict. No league table.

    Example: prescarbon compare saba --peers nearest
    """
    rows = trending.compare(config, measure, peers=peers, last_month=parse_month(month) if month else None)
    columns = ("organisation_code", "practice_name", "value", "pooled", "low_95", "high_95", "gate", "verdict")
    say.result(to_json(rows).rstrip() if as_json else trending.lines(rows, columns))


@command()
@click.option("--level", default="icb", help="practice, pcn, sub-icb, icb or place.")
@click.option(
    "--returns",
    type=FILE,
    help="CSV of values sent in: organisation_code, level, period_start, period_end, kpi_id, value.",
)
@MONTH
@JSON
def kpis(config: Config, say: Say, level: str, returns: Path | None, month: str | None, as_json: bool) -> None:
    """Hold the trend KPIs against their targets; the five Annex KPIs wait for a return and say so."""
    rows = trending.kpis(config, level=level, last_month=parse_month(month) if month else None, returns=returns)
    columns = (
        "organisation_code",
        "kpi_id",
        "title",
        "value",
        "low",
        "high",
        "expected",
        "target",
        "signal",
        "track",
        "status",
    )
    say.result(to_json(rows).rstrip() if as_json else trending.lines(rows, columns))


@command()
@click.argument("log", type=FILE)
@MONTH
def actions(config: Config, say: Say, log: Path, month: str | None) -> None:
    """Before and after of the actions in a log (CSV: practice, rule, start date, owner role), with comparators."""
    say.result(to_json(finding.evaluate(config, log, last_month=parse_month(month) if month else None)).rstrip())


@command()
@click.argument("practice")
@click.option("--product", metavar="CODE", help="One presentation (BNF code): down to its rows.")
@MONTH
@JSON
def explain(config: Config, say: Say, practice: str, product: str | None, month: str | None, as_json: bool) -> None:
    """Show how a practice's number came to be: rows, devices, factor, source, interval.

    Example: prescarbon explain K81001 --product 0301011R0BEAIAP
    """
    told = explaining.explain(
        config, intake.check_practice_code(practice), product=product, last_month=parse_month(month) if month else None
    )
    say.result(to_json(told.as_json()).rstrip() if as_json else told.as_text())


@cli.group(cls=Commands)
def reference() -> None:
    """Factors, products, rules: the definitions."""


@command(reference, "check")
@JSON
def reference_check(config: Config, say: Say, as_json: bool) -> None:
    """Prove the reference data: schema, sources, validity, intervals, coverage of every code seen."""
    faults = reviewing.reference_faults(config)
    if as_json:
        say.result(to_json(faults).rstrip())
    else:
        for fault in faults:
            say.result("{file}, line {line}, column {column}: {value!r}: {reason}".format(**fault))
        say.remark(f"{len(faults)} faults in the reference data.")
    if faults:
        raise SystemExit(5)


@cli.group(cls=Commands)
def factors() -> None:
    """Factor sets: list, show one factor, compare two sets, import your own."""


@command(factors, "list")
@JSON
def factors_list(config: Config, say: Say, as_json: bool) -> None:
    """List the factor sets: harmonised, published, imported."""
    rows = factor_sets.list_sets(config)
    say.result(to_json(rows).rstrip() if as_json else factor_sets.set_lines(rows))


@command(factors, "show")
@click.argument("wanted", metavar="CODE")
@JSON
def factors_show(config: Config, say: Say, wanted: str, as_json: bool) -> None:
    """Show every factor of a BNF code (or a factor's name), with source and interval.

    Example: prescarbon factors show 0301011R0BEAIAP
    """
    rows = factor_sets.show(config, wanted)
    say.result(to_json(rows).rstrip() if as_json else factor_sets.factor_lines(rows))


@command(factors, "compare")
@click.argument("one")
@click.argument("other")
@JSON
def factors_compare(config: Config, say: Say, one: str, other: str, as_json: bool) -> None:
    """Compare two sets on the loaded months.

    Example: prescarbon factors compare harmonised prescqipp-b375
    """
    found = factor_sets.compare(config, one, other)
    say.result(to_json(found).rstrip() if as_json else factor_sets.compare_lines(found))


@command(factors, "import")
@click.argument("file", type=FILE)
@click.option("--name", help="Name of the set; default the file's name.")
@JSON
def factors_import(config: Config, say: Say, file: Path, name: str | None, as_json: bool) -> None:
    """Import your own licensed factors (CSV: key, product_name, kg_co2e, scope, gwp_basis, source_id; kg_low, kg_high).

    Use the set with --factor-set NAME.
    """
    taken = factor_sets.import_set(config, file, name)
    say.result(to_json(taken).rstrip() if as_json else f"{taken['factor_set']}: {taken['factors']} factors imported")


@cli.group(cls=Commands)
def measures() -> None:
    """Measures: list, show, run at any level, hold against published values."""


@command(measures, "list")
@JSON
def measures_list(config: Config, say: Say, as_json: bool) -> None:
    """List the measures and what each asks."""
    rows = measuring.list_measures(config)
    say.result(to_json(rows).rstrip() if as_json else "\n".join(f"{r['id']:36}{r['asks']}" for r in rows))


@command(measures, "show")
@click.argument("wanted", metavar="MEASURE")
def measures_show(config: Config, say: Say, wanted: str) -> None:
    """Show everything a measure's file says."""
    say.result(to_json(measuring.show_measure(config, wanted)).rstrip())


@command(measures, "run")
@click.option("--level", default="practice", help="practice, pcn, sub-icb, icb or place.")
@MONTH
@click.option("--months", default=1, type=click.IntRange(1, 60), help="Months summed, ending with --month.")
@click.option("--measure", "only", multiple=True, help="This measure alone; may be repeated.")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="Write CSV, Parquet or JSON by the ending.")
@JSON
def measures_run(
    config: Config,
    say: Say,
    level: str,
    month: str | None,
    months: int,
    only: tuple[str, ...],
    to: Path | None,
    as_json: bool,
) -> None:
    """Run the measures for every loaded organisation of a level, whatever the scope.

    Example: prescarbon measures run --level sub-icb --month 2022-11 --json
    """
    last = parse_month(month) if month else None
    values = measuring.run(config, level=level, last_month=last, months=months, only=only)
    if to:
        measuring.write_values(values, to)
        say.remark(f"{values.height} values in {to}")
    else:
        say.result(to_json(measuring.as_json(values)).rstrip() if as_json else measuring.value_lines(values))


@command(measures, "import-published")
@click.argument("file", type=FILE)
@click.option("--vintage", metavar="YYYY-MM-DD", help="Day the values were published; default from the file's name.")
@JSON
def measures_import_published(config: Config, say: Say, file: Path, vintage: str | None, as_json: bool) -> None:
    """Keep published measure values as benchmarks (CSV: measure, month, code, numerator, denominator)."""
    taken = measuring.import_published(config, file, vintage)
    say.result(to_json(taken).rstrip() if as_json else f"{taken['rows']} published values, vintage {taken['vintage']}")


@command(measures, "reconcile")
@MONTH
@JSON
def measures_reconcile(config: Config, say: Say, month: str | None, as_json: bool) -> None:
    """Ours beside the published values of the same rule, area and month, each difference with its reasons."""
    rows = measuring.reconcile(config, last_month=parse_month(month) if month else None)
    say.result(to_json(rows).rstrip() if as_json else measuring.reconciliation_lines(rows))


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
    taken = reviewing.organisations_import(config, files, as_of=parse_month(as_of) if as_of else None)
    say.result(to_json(taken).rstrip() if as_json else reviewing.organisations_table(taken))


logging.getLogger("fontTools").setLevel(logging.ERROR)
