"""Commands about measures, trends, comparison and KPIs."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import click

from prescarbon.cli import files, text
from prescarbon.cli.app import (
    FIGURES,
    FILE,
    JSON,
    LEVEL,
    LEVEL_OR_PLACE,
    MONTH,
    ORGANISATION,
    TO,
    Commands,
    Say,
    cli,
    command,
)
from prescarbon.config import Config
from prescarbon.manifest import to_json
from prescarbon.pipeline import changes, comparison, published, trends
from prescarbon.pipeline import kpis as kpis_
from prescarbon.pipeline import measures as measures_

PUBLISHED = click.option("--published", "is_published", is_flag=True, help="Imported published values, newest vintage.")


@command(obeys=FIGURES)
@click.argument("measure")
@LEVEL_OR_PLACE
@ORGANISATION
@MONTH
@PUBLISHED
@click.option("--plain", "is_plain", is_flag=True, help="Limits with neither season nor memory taken out.")
@JSON
def trend(
    config: Config,
    say: Say,
    measure: str,
    level: str,
    organisation: str | None,
    month: date | None,
    is_published: bool,
    is_plain: bool,
    as_json: bool,
) -> None:
    """Show a measure month by month: limits, signals, known breaks, rolling year, all in the unit it is judged in.

    Counts, and counts per 1,000 people, are judged per dispensing day. A month is judged against the same month a year
    earlier and what the month before foretells; --plain draws mean and limits as the Making Data Count tools do.

    Example: prescarbon trend kg_per_inhaler --level pcn --organisation U12345
    """
    rows = trends.trend(
        config,
        measure,
        level=level,
        organisation=organisation,
        last_month=month,
        is_published=is_published,
        is_plain=is_plain,
    )
    say.answer(rows, lambda: text.trend_lines(rows), as_json=as_json)


@command(obeys=FIGURES)
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
    rows = changes.change(
        config, level=level, organisation=organisation, before=before, after=after, by_product=by_product
    )
    columns = (
        "organisation_code", "series_code", "before", "after", "compared", "kg_before", "kg_after", "kg_change", "kg_volume", "kg_mix",
        "kg_factor", "kg_left_out",
    )  # fmt: skip
    say.answer(rows, lambda: text.lines(rows, columns), as_json=as_json)


@command(obeys=FIGURES)
@click.argument("measure")
@click.option("--peers", default="all", help="all, pcn or nearest.")
@MONTH
@PUBLISHED
@click.option("--level", default="sub-icb", help="With --published: whose values, practice, pcn, sub-icb or icb.")
@JSON
def compare(
    config: Config,
    say: Say,
    measure: str,
    peers: str,
    month: date | None,
    is_published: bool,
    level: str,
    as_json: bool,
) -> None:
    """Hold each practice beside its peers: over-dispersed funnel, gates, a neutral verdict. No league table.

    With --published: each organisation of imported published values beside all others, over twelve published months.

    Example: prescarbon compare saba --peers nearest
    """
    if is_published:
        rows = published.compare_published(config, measure, level, month)
    else:
        rows = comparison.compare(config, measure, peers=peers, last_month=month)
    columns = (
        "organisation_code",
        "practice_name",
        "value",
        "pooled",
        "low_95",
        "high_95",
        "gate",
        "gate_reason",
        "verdict",
    )
    say.answer(rows, lambda: text.lines(rows, columns), as_json=as_json)


@command(obeys=FIGURES)
@click.option("--level", default="icb", help="practice, pcn, sub-icb, icb, place, or group: the whole scope.")
@click.option(
    "--returns",
    type=FILE,
    help="CSV of values sent in: organisation_code, level, period_start, period_end, kpi_id, value.",
)
@MONTH
@JSON
def kpis(config: Config, say: Say, level: str, returns: Path | None, month: date | None, as_json: bool) -> None:
    """Hold the trend KPIs against their targets; the five Annex KPIs wait for a return and say so."""
    told = replace(config, kpi_returns=returns) if returns else config
    rows = kpis_.kpis_of(told, level=level, last_month=month).rows
    columns = (
        "organisation_code",
        "kpi_id",
        "title",
        "value",
        "months_held",
        "low",
        "high",
        "expected",
        "target",
        "share_of_baseline",
        "share_low",
        "share_high",
        "signal",
        "meaning",
        "track",
        "because",
        "status",
    )
    say.answer(rows, lambda: text.lines(rows, columns), as_json=as_json)


@cli.group(cls=Commands)
def measures() -> None:
    """Measures: list, show, run at any level, hold against published values."""


@command(measures, "list")
@JSON
def measures_list(config: Config, say: Say, as_json: bool) -> None:
    """List the measures and what each asks."""
    rows = measures_.list_measures(config)
    say.answer(rows, lambda: "\n".join(f"{r['id']:36}{r['asks']}" for r in rows), as_json=as_json)


@command(measures, "show")
@click.argument("wanted", metavar="MEASURE")
def measures_show(config: Config, say: Say, wanted: str) -> None:
    """Show everything a measure's file says."""
    say.result(to_json(measures_.show_measure(config, wanted)).rstrip())


@command(measures, "run", obeys=FIGURES)
@LEVEL_OR_PLACE
@MONTH
@click.option("--months", default=1, type=click.IntRange(1, 60), help="Months summed, ending with --month.")
@click.option("--measure", "only", multiple=True, help="This measure alone; may be repeated.")
@TO
@JSON
def measures_run(
    config: Config,
    say: Say,
    level: str,
    month: date | None,
    months: int,
    only: tuple[str, ...],
    to: Path | None,
    as_json: bool,
) -> None:
    """Run the measures for every loaded organisation of a level; a scope chooses among them and narrows none.

    Example: prescarbon measures run --level sub-icb --month 2022-11 --json
    """
    values = measures_.measure_values(config, level=level, last_month=month, months=months, only=only)
    if to:
        files.write_values(values, to)
        say.remark(f"{values.height} values in {to}")
    else:
        say.answer(files.values_as_json(values), lambda: text.value_lines(values), as_json=as_json)


@command(measures, "import-published")
@click.argument("file", type=FILE)
@click.option(
    "--vintage",
    metavar="YYYY-MM-DD",
    help="Day the values were published, where the file has no column vintage; default from its name.",
)
@JSON
def measures_import_published(config: Config, say: Say, file: Path, vintage: str | None, as_json: bool) -> None:
    """Keep published measure values by vintage (CSV: measure, month, code, numerator, denominator; vintage and level may be columns)."""
    taken = published.import_published(config, file, vintage)
    say.answer(taken, lambda: text.published_line(taken), as_json=as_json)


@command(measures, "reconcile")
@MONTH
@JSON
def measures_reconcile(config: Config, say: Say, month: date | None, as_json: bool) -> None:
    """Ours beside the published values of the same rule, area and month, each difference with its reasons."""
    rows = published.reconcile(config, last_month=month)
    say.answer(rows, lambda: text.reconciliation_lines(rows), as_json=as_json)
