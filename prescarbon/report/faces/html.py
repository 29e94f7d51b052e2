"""Views → HTML that opens from disk: escaped everywhere, no network, no script needed to read it.

A page that is also printed is rendered twice by the same templates: for the screen with its pictures in it, for paper with
a place for each of them. The pictures are drawn once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

import jinja2
from markupsafe import Markup

from prescarbon.manifest import RunManifest
from prescarbon.model.period import Period
from prescarbon.reference.wording import Wording
from prescarbon.report.faces import charts
from prescarbon.report.faces.safety import page_name
from prescarbon.report.views import numbers
from prescarbon.report.views.ics import IcsPage
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.parts import nic_words
from prescarbon.report.views.pcn import PcnPage
from prescarbon.report.views.practice import PracticePage
from prescarbon.report.views.safety import attended_of, blocks_of, question_of, status_of


@dataclass(frozen=True)
class IndexRow:
    """One practice on the index page."""

    page: PracticePage
    address: str


@dataclass(frozen=True)
class Totals:
    """All practices of the index together."""

    period: Period
    inhaler_kg: Interval | None
    other_kg: Interval | None
    nic_gbp: Decimal | None
    items: int
    other_items_unknown: int = 0
    rows_without_nic: int = 0


def _environment() -> jinja2.Environment:
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("prescarbon", "report/templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in (
        "number", "kg", "span", "mass", "mass_span", "rough", "pounds", "pence", "cost_change", "percent", "month", "months", "signed"
    ):  # fmt: skip
        env.filters[name] = getattr(numbers, name)
    env.filters["nic_words"] = nic_words
    env.filters["blocks"] = blocks_of
    env.filters["attended"] = attended_of
    env.filters["asked"] = question_of
    env.filters["status"] = status_of
    env.filters["fill"] = lambda sentence, **values: sentence.format(**values)
    return env


ENVIRONMENT = _environment()
DRAWN: dict[str, Callable[..., charts.Picture | None]] = {"strip": charts.strip, "signal_chart": charts.signal_chart}
FEWEST_LINES = 3  # of what could be done next, on a page with a limit of sheets
ICS_FACES = {"PDF": "pdf/ics.pdf", "workbook": "workbook/ics.xlsx", "board slide": "board.pptx"}


@dataclass(frozen=True)
class PrintPage:
    """A page for the typesetter: where a picture belongs stands <img data-picture="its place in pictures">."""

    html: str
    pictures: tuple[charts.Picture, ...]


@dataclass(frozen=True)
class Page:
    """One page in its two forms, with the same words and numbers.

    shorter  the paper with fewer whole lines of what could be done next, longest first: for a page with a limit of sheets
    """

    html: str
    paper: PrintPage
    shorter: tuple[PrintPage, ...] = ()


class Drawings:
    """The pictures of one page: what a template asks for is drawn once, and shown as the form at hand shows it."""

    def __init__(self) -> None:
        """Nothing is drawn before a template asks."""
        self._drawn: dict[tuple[Any, ...], charts.Picture] = {}

    def for_screen(self) -> dict[str, Callable[..., Markup]]:
        """The templates' calls for pictures, each answered with the SVG element."""
        return self._calls(lambda _, picture: Markup(picture.screen))  # our own SVG, its texts escaped

    def for_paper(self) -> dict[str, Callable[..., Markup]]:
        """The templates' calls for pictures, each answered with the picture's place."""
        return self._calls(lambda place, _: Markup('<img data-picture="{}">').format(place))

    @property
    def pictures(self) -> tuple[charts.Picture, ...]:
        """Those drawn, by place."""
        return tuple(self._drawn.values())

    def _calls(self, show: Callable[[int, charts.Picture], Markup]) -> dict[str, Callable[..., Markup]]:
        def call(name: str, *what: Any) -> Markup:
            key = (name, *what)
            picture = self._drawn.get(key) or DRAWN[name](*what)
            if picture is None:
                return Markup()
            self._drawn[key] = picture
            return show(list(self._drawn).index(key), picture)

        return {name: partial(call, name) for name in DRAWN}


@dataclass(frozen=True)
class HtmlPages:
    """The pages of one run: they share its manifest, its wording, and whether no rule of it is signed."""

    manifest: RunManifest
    words: Wording
    is_none_signed: bool = False

    def practice(self, page: PracticePage) -> Page:
        """The practice page."""
        return self._render(
            "practice.html",
            range(len(page.actions) - 1, FEWEST_LINES - 1, -1),
            FEWEST_LINES,
            page=page,
            faces=_faces("practice", page.practice_code),
            codes_at="../codes/",
        )

    def pcn(self, page: PcnPage) -> Page:
        """The PCN page."""
        return self._render("pcn.html", page=page, faces=_faces("pcn", page.pcn_code), codes_at="../codes/")

    def ics(self, page: IcsPage) -> Page:
        """The page of the whole scope, for the SRO."""
        return self._render("ics.html", page=page, faces=ICS_FACES, codes_at="codes/")

    def index(
        self, rows: Sequence[IndexRow], totals: Totals, pcns: Mapping[str, str], *, part_of: int | None = None
    ) -> str:
        """The index over all practices, grouped by PCN; pcns are the addresses of PCN pages by code.

        part_of  how many practices the run has, where the pack holds the pages of some: without totals, slide and tables
        """
        given = {"rows": rows, "totals": totals, "pcns": pcns, "part_of": part_of}
        return self._text("index.html", {}, **given)

    def _render(self, template: str, fewer: Sequence[int] = (), printed: int | None = None, **values: Any) -> Page:
        """The page in its forms: `fewer` says how many lines the shorter papers have, `printed` how many a browser prints."""
        drawings = Drawings()
        screen = self._text(template, drawings.for_screen(), lines=None, printed=printed, **values)
        papers = [
            self._text(template, drawings.for_paper(), lines=lines, printed=None, **values) for lines in (None, *fewer)
        ]
        first, *shorter = (PrintPage(text, drawings.pictures) for text in papers)
        return Page(screen, first, tuple(shorter))

    def _text(self, template: str, calls: Mapping[str, Callable[..., Markup]], **values: Any) -> str:
        return ENVIRONMENT.get_template(template).render(
            manifest=self.manifest, words=self.words, is_none_signed=self.is_none_signed, **calls, **values
        )


def _faces(kind: str, code: str) -> dict[str, str]:
    """Where the other faces of a page lie, seen from it."""
    name = page_name(code).removesuffix(".html")
    return {"PDF": f"../pdf/{kind}/{name}.pdf", "workbook": f"../workbook/{kind}/{name}.xlsx"}
