"""Views → HTML that opens from disk: escaped everywhere, no network, no script needed to read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import jinja2
from markupsafe import Markup

from prescarbon.manifest import RunManifest
from prescarbon.report import charts, numbers
from prescarbon.report.ics import COMMITMENTS, IcsPage
from prescarbon.report.numbers import Interval
from prescarbon.report.pcn import PcnPage
from prescarbon.report.practice import METHOD_WORDS, PracticePage


@dataclass(frozen=True)
class IndexRow:
    """One practice on the index page."""

    page: PracticePage
    address: str


@dataclass(frozen=True)
class Totals:
    """All practices of the index together."""

    period: tuple[date, ...]
    inhaler_kg: Interval | None
    total_kg: Interval | None
    nic_gbp: Decimal | None
    items: int


def _environment() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("prescarbon", "report/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("number", "kg", "span", "pounds", "percent", "month", "months", "signed"):
        env.filters[name] = getattr(numbers, name)
    return env


ENVIRONMENT = _environment()
PER_INHALER = "kg CO2e an inhaler by month; dashed: limits; squares: signals"


def practice_html(page: PracticePage, manifest: RunManifest) -> str:
    """The practice page."""
    signals = Markup(charts.signal_chart(page.signals, PER_INHALER))  # our own SVG, its title escaped
    return ENVIRONMENT.get_template("practice.html").render(page=page, manifest=manifest, signals=signals)


def pcn_html(page: PcnPage, manifest: RunManifest) -> str:
    """The PCN page."""
    signals = Markup(charts.signal_chart(page.signals, PER_INHALER))
    return ENVIRONMENT.get_template("pcn.html").render(page=page, manifest=manifest, signals=signals)


def ics_html(page: IcsPage, manifest: RunManifest) -> str:
    """The ICS page."""
    signals = Markup(charts.signal_chart(page.signals, PER_INHALER))
    return ENVIRONMENT.get_template("ics.html").render(
        page=page, manifest=manifest, signals=signals, commitments=COMMITMENTS, methods=METHOD_WORDS
    )


def index_html(
    rows: Sequence[IndexRow], manifest: RunManifest, totals: Totals, pcns: Mapping[str, str] | None = None
) -> str:
    """The index over all practices, grouped by PCN; pcns are the addresses of PCN pages by code."""
    return ENVIRONMENT.get_template("index.html").render(rows=rows, manifest=manifest, totals=totals, pcns=pcns or {})
