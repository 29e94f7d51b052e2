"""The PDF face: the HTML page's words and numbers, tagged, on the stated sheets, the same bytes each time."""

import io
import re
from dataclasses import replace

import pypdf
import pypdfium2
import pytest

from prescarbon.report.faces.pdf import PageReader, Typesetter
from tests.browser.made_pages import made, practice
from tests.browser.test_pages import HOSTILE_NAMES
from tests.report.test_practice_page import HTML

TYPESETTER = Typesetter()
MM = 72 / 25.4


def typeset(html: str, **more: object) -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(TYPESETTER.pdf(html, is_synthetic=bool(more.pop("is_synthetic", False)), **more)))


def words(pdf: pypdf.PdfReader) -> str:
    return re.sub(r"[\s\u200b\u2068\u2069]+", "", "".join(page.extract_text() for page in pdf.pages))


def test_the_same_page_gives_the_same_bytes_and_another_page_others():
    page = HTML.practice(practice("A surgery"))
    first = TYPESETTER.pdf(page, is_synthetic=False)
    assert first == Typesetter().pdf(page, is_synthetic=False)
    assert first != TYPESETTER.pdf(HTML.practice(practice("B surgery")), is_synthetic=False)
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


@pytest.mark.parametrize("kind", ["practice", "pcn", "ics"])
@pytest.mark.parametrize("name", [*HOSTILE_NAMES.values(), "#panic() *bold* $x$ @cite `raw` \\ <label> //"])
def test_a_hostile_name_is_printed_as_it_is_and_stays_on_the_sheet(kind, name, tmp_path):
    made_bytes = TYPESETTER.pdf(made(kind, tmp_path, name).read_text("utf-8"), is_synthetic=False)
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
