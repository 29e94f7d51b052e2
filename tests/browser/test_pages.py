"""What a reader with a browser, a keyboard, a screen reader, a small screen or a printer can rely on."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser.made_pages import made


@dataclass(frozen=True)
class PageType:
    """A type of page, where the pack holds it, and the sheets of A4 it may take."""

    name: str
    files: str
    sheets: int


# The one table of page types: a new type gets a row here and, where names reach it, a line in made_pages.made.
PAGE_TYPES = [
    PageType("practice", "practice/*.html", sheets=3),  # the PDF is what is printed: that has two
    PageType("index", "index.html", sheets=4),
    PageType("pcn", "pcn/*.html", sheets=3),
    PageType("ics", "ics.html", sheets=4),
]
EACH_TYPE = pytest.mark.parametrize("kind", PAGE_TYPES, ids=lambda kind: kind.name)

HOSTILE_NAMES = {
    "formula": '=cmd()|"/c calc"!A1',
    "script": "<script>window.ran = 1</script><img src=x onerror='window.ran = 1'>",
    "attribute": '" onmouseover="window.ran = 1" x=\'</title></a></table><svg onload=window.ran=1>',
    "template": "{{ 7 * 7 }}{% raw %}",
    "path": "../../x",
    "right-to-left override": "\u202eABC",
    "right-to-left isolate": "\u2067ABC\u200f",
    "no blank": "W" * 200,
}
EACH_NAME = pytest.mark.parametrize("hostile", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES.keys())

WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
NARROW = 320  # CSS px: 1,280 px at 400 % zoom, WCAG 1.4.10
A4_TEXT_WIDTH = 703  # CSS px: 210 mm less two margins of 12 mm

# Regions that scroll must be reachable by keyboard and carry a name; nothing else may be wider than the screen.
UNREACHABLE_SCROLLERS = """() => [...document.querySelectorAll('body *')]
  .filter(e => ['auto', 'scroll'].includes(getComputedStyle(e).overflowX) && e.scrollWidth > e.clientWidth)
  .filter(e => !(e.tabIndex === 0 && e.getAttribute('role') === 'region' &&
                 (e.getAttribute('aria-label') || e.getAttribute('aria-labelledby'))))
  .map(e => e.outerHTML.slice(0, 120))"""
# No name may add an element or an attribute (`onmouseover` would wait for a mouse).
TAGS = "() => [...document.querySelectorAll('*')].map(e => [e.tagName, ...e.getAttributeNames()].join(' '))"
# A character of a code lies right of the one before it, on the same line.
REVERSED_CODES = """() => [...document.querySelectorAll('.code, .codehead')].filter(e => {
  const text = e.firstChild, range = document.createRange(), at = i => {
    range.setStart(text, i); range.setEnd(text, i + 1); return range.getBoundingClientRect(); };
  const boxes = [...text.data].map((_, i) => at(i));
  return boxes.some((b, i) => i && b.top === boxes[i - 1].top && b.left < boxes[i - 1].left);
}).map(e => e.textContent)"""


def longest(pack: Path, kind: PageType) -> Path:
    """The page of this type with the most in it."""
    return max(sorted(pack.glob(kind.files)), key=lambda file: file.stat().st_size)


def unfold(page) -> None:
    """Opens every `details`: what is folded is not laid out, and axe-core passes over it."""
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")


def violations(page, axe: str) -> list[str]:
    unfold(page)
    page.evaluate(axe)
    found = page.evaluate("tags => axe.run({runOnly: {type: 'tag', values: tags}})", WCAG_22_AA)
    assert found["passes"], "axe-core judged nothing"
    return [f"{v['id']}: {node['html'][:160]}" for v in found["violations"] for node in v["nodes"]]


@EACH_TYPE
def test_a_page_of_the_pack_renders_in_silence(kind, pack, visit):
    seen = visit(longest(pack, kind))
    assert seen.page.locator("h1").count() == 1
    assert seen.page.locator("main table tbody tr").count() > 0
    assert seen.messages == []
    assert seen.requests == []


def test_the_watch_sees_a_request_and_a_message(visit, tmp_path):
    loud = tmp_path / "loud.html"
    loud.write_text('<img src="http://outside.invalid/x.png"><script>console.error("heard")</script>', "utf-8")
    seen = visit(loud)
    assert seen.requests == ["http://outside.invalid/x.png"]
    assert "error: heard" in seen.messages


@EACH_TYPE
@pytest.mark.parametrize("width", [1200, NARROW])
def test_no_accessibility_rule_is_broken(kind, width, pack, visit, axe):
    assert violations(visit(longest(pack, kind), width).page, axe) == []


def test_axe_finds_a_fault_that_is_there(visit, axe, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text('<html lang="en"><title>x</title><img src="x.png">', "utf-8")
    assert any(fault.startswith("image-alt") for fault in violations(visit(bad).page, axe))


def tallest(pack: Path, kind: PageType, page) -> list[Path]:
    """The three pages of this type that are tallest as printed: bytes do not tell, folded parts have many."""
    page.set_viewport_size({"width": A4_TEXT_WIDTH, "height": 900})
    page.emulate_media(media="print")
    height = {}
    for file in sorted(pack.glob(kind.files)):
        page.goto(file.as_uri())
        height[file] = page.evaluate("document.body.getBoundingClientRect().height")
    return sorted(height, key=lambda file: -height[file])[:3]


@EACH_TYPE
def test_a_page_prints_on_the_stated_sheets_of_a4(kind, pack, visit):
    page = visit(longest(pack, kind)).page
    for file in tallest(pack, kind, page):
        page.goto(file.as_uri())
        printed = page.pdf(format="A4", prefer_css_page_size=True)
        sheets = re.findall(rb"/Type\s*/Page\b(?!s)", printed)
        assert 1 <= len(sheets) <= kind.sheets, file.name
        sizes = re.findall(rb"/MediaBox\s*\[([^\]]+)\]", printed)
        boxes = {tuple(round(float(n)) for n in box.split()) for box in sizes}
        assert all(abs(w - 595) <= 1 and abs(h - 842) <= 1 for _, _, w, h in boxes)


@EACH_TYPE
def test_print_is_not_wider_than_the_sheet(kind, pack, visit):
    page = visit(longest(pack, kind), A4_TEXT_WIDTH).page
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= A4_TEXT_WIDTH


@EACH_TYPE
def test_at_400_percent_only_named_tables_scroll_sideways(kind, pack, visit):
    page = visit(longest(pack, kind), NARROW, 640).page
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW
    assert page.evaluate(UNREACHABLE_SCROLLERS) == []


@EACH_TYPE
def test_the_first_key_reaches_the_skip_link_and_it_leads_past_the_header(kind, pack, visit):
    page = visit(longest(pack, kind)).page
    page.keyboard.press("Tab")
    link = page.locator("a.skip:focus")
    assert link.count() == 1
    assert link.bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


@EACH_TYPE
@EACH_NAME
def test_a_hostile_name_neither_runs_nor_breaks_out(kind, hostile, visit, tmp_path):
    plain = visit(made(kind.name, tmp_path, "Plain name")).page.evaluate(TAGS)
    seen = visit(made(kind.name, tmp_path, hostile))
    assert seen.page.evaluate("window.ran") is None
    assert seen.page.evaluate(TAGS) == plain
    assert hostile in seen.page.evaluate("document.body.textContent")
    assert (seen.messages, seen.requests) == ([], [])


@EACH_TYPE
@EACH_NAME
def test_a_hostile_name_stays_inside_the_screen_and_leaves_codes_readable(kind, hostile, visit, tmp_path):
    file = made(kind.name, tmp_path, hostile)
    for width in (1200, NARROW):
        page = visit(file, width).page
        unfold(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(REVERSED_CODES) == []


def test_search_finds_a_practice(pack, visit):
    page = visit(pack / "index.html").page
    page.fill("#find", "practice 07")
    assert page.locator("#practices tbody tr:visible").count() == 1
    assert page.inner_text("#found").endswith(" practices")
    page.fill("#find", "no such place")
    assert page.locator("#practices tbody tr:visible").count() == 0


@EACH_TYPE
def test_every_link_of_a_page_leads_to_a_page(kind, pack, visit):
    page = visit(longest(pack, kind)).page
    links = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href.split('#')[0])")
    ours = [link for link in sorted(set(links)) if urlsplit(link).scheme == "file"]
    assert ours
    assert [link for link in ours if not Path(unquote(urlsplit(link).path)).is_file()] == []
    others = {urlsplit(link).scheme for link in links} - {"file"}
    assert others <= {"http", "https"}  # the evidence of a line: followed by a reader, never by the page


def test_the_codes_of_a_line_are_copied_as_a_table_and_are_there_without_a_script(pack, chromium):
    page = longest(pack, PAGE_TYPES[0])
    context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
    seen = context.new_page()
    seen.goto(page.as_uri())
    fold = seen.locator("details.handover").first
    fold.locator("summary").click()
    fold.locator("button.copy").click()
    fold.locator("[role=status]", has_text="copied").wait_for()  # the clipboard answers when it has written
    assert fold.locator("[role=status]").inner_text() == "copied"
    head, *rows = seen.evaluate("navigator.clipboard.readText()").splitlines()
    assert head.split("\t") == ["side", "BNF code", "SNOMED code", "product"]
    assert len(rows) == fold.locator("tbody tr").count() > 0
    context.close()
    context = chromium.new_context(java_script_enabled=False)
    seen = context.new_page()
    seen.goto(page.as_uri())
    fold = seen.locator("details.handover").first
    assert not fold.locator("button.copy").is_visible()
    fold.locator("summary").click()
    assert fold.locator("tbody td").first.is_visible()
    context.close()
