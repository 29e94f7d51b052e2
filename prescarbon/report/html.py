"""Views → HTML that opens from disk: escaped everywhere, no network, no script needed to read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import jinja2
from markupsafe import Markup

from prescarbon.manifest import RunManifest
from prescarbon.report import charts, numbers
from prescarbon.report.numbers import Interval
from prescarbon.report.practice import PracticePage


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
    for name in ("number", "kg", "span", "pounds", "percent", "month", "months"):
        env.filters[name] = getattr(numbers, name)
    return env


ENVIRONMENT = _environment()


def practice_html(page: PracticePage, manifest: RunManifest) -> str:
    """The practice page."""
    chart = Markup(charts.monthly_inhaler_kg(page.trend))  # our own SVG, its title escaped
    return ENVIRONMENT.get_template("practice.html").render(page=page, manifest=manifest, chart=chart)


def index_html(rows: Sequence[IndexRow], manifest: RunManifest, totals: Totals) -> str:
    """The index over all practices, grouped by PCN."""
    return ENVIRONMENT.get_template("index.html").render(rows=rows, manifest=manifest, totals=totals)
