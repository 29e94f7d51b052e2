"""Views → HTML that opens from disk: escaped everywhere, no network, no script needed to read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import jinja2
from markupsafe import Markup

from prescarbon.manifest import RunManifest
from prescarbon.reference.wording import Wording
from prescarbon.report.faces import charts
from prescarbon.report.faces.safety import page_name
from prescarbon.report.views import numbers
from prescarbon.report.views.ics import IcsPage
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.pcn import PcnPage
from prescarbon.report.views.practice import PracticePage


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
    for name in (
        "number", "kg", "span", "mass", "mass_span", "pounds", "cost_change", "percent", "month", "months", "signed"
    ):  # fmt: skip
        env.filters[name] = getattr(numbers, name)
    env.filters["fill"] = lambda sentence, **values: sentence.format(**values)
    # our own SVG, its texts escaped
    env.globals["strip"] = lambda strip: Markup(charts.strip(strip))
    env.globals["signal_chart"] = lambda points, title, width: Markup(
        charts.signal_chart(points, title, width_in=width)
    )
    return env


ENVIRONMENT = _environment()
ICS_FACES = {"PDF": "pdf/ics.pdf", "workbook": "workbook/ics.xlsx", "board slide": "board.pptx"}


@dataclass(frozen=True)
class HtmlPages:
    """The pages of one run: they share its manifest and its wording."""

    manifest: RunManifest
    words: Wording

    def practice(self, page: PracticePage) -> str:
        """The practice page."""
        return self._render("practice.html", page=page, faces=_faces("practice", page.practice_code))

    def pcn(self, page: PcnPage) -> str:
        """The PCN page."""
        return self._render("pcn.html", page=page, faces=_faces("pcn", page.pcn_code))

    def ics(self, page: IcsPage) -> str:
        """The page of the whole scope, for the SRO."""
        return self._render("ics.html", page=page, faces=ICS_FACES)

    def index(self, rows: Sequence[IndexRow], totals: Totals, pcns: Mapping[str, str], *, is_whole: bool = True) -> str:
        """The index over all practices, grouped by PCN; pcns are the addresses of PCN pages by code.

        is_whole  the pack has the SRO's page, the slide and the tables too
        """
        return self._render("index.html", rows=rows, totals=totals, pcns=pcns, is_whole=is_whole)

    def _render(self, template: str, **values: Any) -> str:
        return ENVIRONMENT.get_template(template).render(manifest=self.manifest, words=self.words, **values)


def _faces(kind: str, code: str) -> dict[str, str]:
    """Where the other faces of a page lie, seen from it."""
    name = page_name(code).removesuffix(".html")
    return {"PDF": f"../pdf/{kind}/{name}.pdf", "workbook": f"../workbook/{kind}/{name}.xlsx"}
