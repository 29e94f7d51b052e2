"""The PDF face: the HTML page's words and numbers, tagged, on the stated sheets, the same bytes each time."""

import io
import re
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import pypdf
import pypdfium2
import pytest

from prescarbon.report.faces import charts
from prescarbon.report.faces.html import Page
from prescarbon.report.faces.pdf import PageReader, Typesetter
from prescarbon.report.views.parts import Series, SignalPoint, Strip
from tests.browser.made_pages import both_forms, ics, pcn, practice
from tests.browser.test_pages import HOSTILE_NAMES
from tests.report.test_practice_page import HTML, the_page

TYPESETTER = Typesetter()
MM = 72 / 25.4


def typeset(page: Page, **more: object) -> pypdf.PdfReader:
    made_bytes = TYPESETTER.pdf(page.paper, is_synthetic=bool(more.pop("is_synthetic", False)), **more)
    return pypdf.PdfReader(io.BytesIO(made_bytes))


def words(pdf: pypdf.PdfReader) -> str:
    return re.sub(r"[\s\u200b\u2068\u2069]+", "", "".join(page.extract_text() for page in pdf.pages))


def test_the_same_page_gives_the_same_bytes_and_another_page_others():
    page = HTML.practice(practice("A surgery")).paper
    first = TYPESETTER.pdf(page, is_synthetic=False)
    assert first == Typesetter().pdf(page, is_synthetic=False)
    assert first != TYPESETTER.pdf(HTML.practice(practice("B surgery")).paper, is_synthetic=False)
    assert b"CreationDate" not in first


def test_a_screen_reader_finds_title_language_headings_and_tables():
    pdf = typeset(HTML.practice(practice("A surgery")))
    catalogue = pdf.trailer["/Root"]
    assert catalogue["/MarkInfo"]["/Marked"]
    assert catalogue["/Lang"] == "en-GB"
    assert pdf.metadata.title == "A surgery (K81001): prescribing carbon"
    kinds = set(tags(catalogue["/StructTreeRoot"]))
    assert {"/H1", "/H2", "/Table", "/TH", "/TD", "/L", "/P"} <= kinds


def tags(node) -> list[str]:
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        return [tag for kid in node for tag in tags(kid)]
    if not isinstance(node, dict):
        return []
    own = [str(node["/S"])] if "/S" in node else []
    return own + tags(node.get("/K", []))


def test_a_synthetic_run_says_so_on_every_sheet():
    pdf = typeset(HTML.practice(practice("A surgery")), is_synthetic=True)
    assert all("SYNTHETIC data" in page.extract_text() for page in pdf.pages)
    assert "SYNTHETIC" not in words(typeset(HTML.practice(practice("A surgery"))))


def test_a_long_practice_page_still_fits_its_two_sheets():
    page = practice("A surgery")
    (spot,), (action,) = page.inhaler_hotspots[:1], page.actions
    caveats = "Individual review with consent, observed technique and follow-up; nobody is moved without it. " * 4
    full = replace(
        page,
        inhaler_hotspots=(replace(spot, name="Salbutamol 100micrograms/dose inhaler CFC free"),) * 10,
        other_hotspots=(spot,) * 10,
        corrections=page.corrections * 40,
        without_factor=(spot,) * 30,
        notes=("A month in which rows could not be used; they are listed with their reason.",) * 24,
        actions=(replace(action, title="From one inhaler to another", caveats=caveats),) * 5,
    )
    assert len(typeset(HTML.practice(full), sheets=2).pages) == 2


@pytest.mark.parametrize("name", ["/Type /Page " * 9, "\n<</Type/Page/\n" * 9])
def test_a_name_is_not_counted_as_a_sheet(name):
    page = HTML.practice(the_page(name)).paper
    assert TYPESETTER.pdf(page, is_synthetic=False, sheets=2) == TYPESETTER.pdf(page, is_synthetic=False)


@pytest.mark.parametrize("kind", ["practice", "pcn", "ics"])
@pytest.mark.parametrize("name", [*HOSTILE_NAMES.values(), "#panic() *bold* $x$ @cite `raw` \\ <label> //"])
def test_a_hostile_name_is_printed_as_it_is_and_stays_on_the_sheet(kind, name):
    made_bytes = TYPESETTER.pdf(both_forms(kind, name).paper, is_synthetic=False)
    pdf, drawn = pypdf.PdfReader(io.BytesIO(made_bytes)), pypdfium2.PdfDocument(made_bytes)
    shown = re.sub(r"[\s\u200e\u200f\u202e\u2067]+", "", name)
    assert shown[:20] in words(pdf) or shown[:3] in words(pdf)[::-1] or shown[:3] in words(pdf)
    assert not any(ink_in_the_margin(page) for page in drawn)


def ink_in_the_margin(page: pypdfium2.PdfPage) -> bool:
    """Whether anything is drawn in the outer ten millimetres right of the text."""
    picture = page.render(grayscale=True).to_numpy()
    return bool((picture[:, -round(10 * MM) :] < 128).any())


def test_what_paper_does_not_show_is_left_out():
    page = PageReader('<body><p>a</p><details><p>b</p></details><p class="noprint">c</p><script>d</script></body>').root
    (body,) = page.find("body")
    assert [kid["tag"] for kid in body.plain()["kids"]] == ["p"]


POINTS = tuple(SignalPoint(date(2025, m, 1), 10.0 + m, 16.0, 8.0, 24.0, None, None) for m in range(1, 13))
STRIP = Strip("kg an inhaler", "kg", 2.0, (1.0,), (1.0, 3.0), 1.0, 2.0, "near the middle")
TITLES = {
    "markup": "Kilograms <svg </svg> end",
    "attribute": 'Kilograms aria-label="one" class="two" end',
    "quotes": "Kilograms 'one' \"two\" end",
    "dollars": "Kilograms a $x_1$ or $5 end",
    "font of the drawing": "Kilograms in 'DejaVu Sans' end",
    "fonts of the screen": f"Kilograms in {charts.SCREEN_FONTS} end",
    "place of a picture": 'Kilograms <img data-picture="0"> end',
}
EACH_TITLE = pytest.mark.parametrize("title", TITLES.values(), ids=TITLES.keys())


def letters(text: str) -> str:
    return re.sub(r"\s+", "", text)


def described(node) -> list[str]:
    """The words given for pictures, in order."""
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        return [alt for kid in node for alt in described(kid)]
    if not isinstance(node, dict):
        return []
    return ([str(node["/Alt"])] if "/Alt" in node else []) + described(node.get("/K", []))


@EACH_TITLE
def test_a_chart_title_comes_whole_on_screen_and_on_paper(title):
    page = HTML.ics(replace(ics("A system"), series=(Series("m", title, "kg", POINTS),)))
    pdf = typeset(page)
    assert letters(title) in words(pdf)
    (alt,) = described(pdf.trailer["/Root"]["/StructTreeRoot"])
    assert alt.startswith(f"{title}, kg; newest 22")
    (drawn,) = page.paper.pictures
    assert [letters(title) in letters("".join(svg_texts(svg))) for svg in (drawn.screen, drawn.paper)] == [True, True]


def svg_texts(svg: str) -> list[str]:
    return [
        text for element in ET.fromstring(svg).iter() if element.tag.endswith("}text") for text in element.itertext()
    ]


@EACH_TITLE
def test_a_strip_title_and_a_practice_name_come_whole(title):
    pdf = typeset(HTML.practice(replace(practice(title), strips=(replace(STRIP, title=title),))))
    assert letters(f"{title} (K81001)") in words(pdf)
    (alt,) = described(pdf.trailer["/Root"]["/StructTreeRoot"])
    assert alt.startswith(f"{title}: this practice 2 kg")


def test_a_picture_is_drawn_once_for_screen_and_paper(monkeypatch):
    drawn = []
    monkeypatch.setattr(
        charts, "_picture", lambda _, words: drawn.append(words) or charts.Picture("chart", words, "s", "p")
    )
    page = HTML.pcn(replace(pcn("A PCN"), signals=POINTS))
    assert len(drawn) == 1
    assert "<figure>s\n</figure>" in page.html
    assert '<figure><img data-picture="0">\n</figure>' in page.paper.html
    assert [p.paper for p in page.paper.pictures] == ["p"]


def test_two_pictures_keep_their_order():
    series = tuple(Series("m", title, "kg", POINTS) for title in ("first", "second", "first"))
    page = HTML.ics(replace(ics("A system"), series=series))
    assert [p.words.split(",")[0] for p in page.paper.pictures] == ["first", "second"]
    assert [a.split(",")[0] for a in described(typeset(page).trailer["/Root"]["/StructTreeRoot"])] == [
        "first",
        "second",
        "first",
    ]
