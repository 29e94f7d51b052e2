"""Every exclusion, check, licence limit and dose of every rule reaches a reader: on the screen, on paper, in the workbook."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import openpyxl
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prescarbon.model.opportunities.rules import SwitchRule, rule_table, standing_table
from prescarbon.pack.rule_words import micrograms
from prescarbon.reference.definitions import read_reference
from prescarbon.report.faces.pdf import Typesetter
from prescarbon.report.faces.sheets import practice_sheets
from prescarbon.report.faces.workbook import write_workbook
from prescarbon.report.views.action import Action, action_from
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.safety import attended_of, block_of, blocks_of, dose_of, price_of, status_of
from tests.browser.made_pages import action, practice
from tests.report.test_practice_page import HTML, MANIFEST, WORDS

REFERENCE = read_reference()
RULES = REFERENCE.switches.rules
LICENCES = dict(REFERENCE.doses.facts.select("bnf_code", "licence").collect().iter_rows())
TODAY = date(2026, 11, 24)
TYPESETTER = Typesetter()
ACTIONS = WORDS["actions"]


def bare(text: str) -> str:
    """Without what a line end or a typesetter adds."""
    return re.sub(r"[\s\u200b\u2068\u2069]+", "", text)


def action_of(rule: SwitchRule) -> Action:
    """The rule as a line, with the dose and the licence that its products give."""
    before, after = micrograms(rule, REFERENCE) or (None, None)
    licences = [LICENCES[code] for code in (*rule.to_codes, *rule.to_pairs.values()) if code in LICENCES]
    told = rule_table([rule]).collect().to_dicts()[0] | standing_table([rule], TODAY).collect().to_dicts()[0]
    kilograms = {f"kg_{s}{end}": 1.0 for s in ("theoretical", "attended", "to_peer") for end in ("_low", "", "_high")}
    here = {
        "rank": 1, "rank_basis": "to_peer", "items": 1, "units": 1.0, "from_products": f"A product of {rule.id}",
        "to_words": f"The target of {rule.id}", "dose_from": before, "dose_to": after,
        "licence": "; ".join(dict.fromkeys(licences)) or None,
        "month_price_from_gbp": 1.5, "month_price_to_gbp": 2.0, "month_price_words": "for 30 days",
        "month_price_date": TODAY, "gbp_per_tonne": 12.5, "cost_change_to_peer_gbp": Decimal(1), "price_date": TODAY,
        "rank_stability": None, "from_codes": "", "to_codes": None,
    }  # fmt: skip
    return action_from(told | kilograms | here)


def must_be_read(line: Action, rule: SwitchRule) -> list[str]:
    """What no reader may miss, from the rule itself."""
    texts = [*rule.excluded, *rule.checks, rule.title, rule.caveats]
    texts += [] if line.dose_from and line.dose_to else [rule.dose_words]  # else it would be said twice
    own = (line.dose_from, line.dose_to, line.licence, *line.from_products, line.to_words)
    return [text for text in (*texts, *own) if text]


def faces(lines: tuple[Action, ...], folder: Path) -> Iterator[tuple[str, str]]:
    """The three faces of a page with these lines, as text without blanks."""
    view = replace(practice("A surgery"), actions=lines)
    page = HTML.practice(view)
    seen = re.sub(r'<(span|p) class="onpaper[^>]*>.*?</\1>', "", page.html)
    yield "page", bare(re.sub(r"<[^>]+>", "", seen).replace("&#39;", "'").replace("&#34;", '"').replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))  # fmt: skip
    pdf = pypdf.PdfReader(io.BytesIO(TYPESETTER.pdf(page.paper, is_synthetic=False)))
    yield "PDF", bare("".join(sheet.extract_text() for sheet in pdf.pages))
    write_workbook(folder / "x.xlsx", practice_sheets(view, WORDS), MANIFEST, WORDS)
    cells = openpyxl.load_workbook(folder / "x.xlsx")["What next"].iter_rows(values_only=True)
    yield "workbook", bare(" ".join(str(cell) for row in cells for cell in row if cell is not None))


@pytest.mark.parametrize("rules", [RULES[at : at + 5] for at in range(0, len(RULES), 5)], ids=lambda some: some[0].id)
def test_every_exclusion_check_licence_and_dose_of_every_rule_is_on_page_pdf_and_workbook(rules, tmp_path):
    lines = tuple(action_of(rule) for rule in rules)
    for name, text in faces(lines, tmp_path):
        missed = [
            t for line, rule in zip(lines, rules, strict=True) for t in must_be_read(line, rule) if bare(t) not in text
        ]
        assert not missed, name
    # the address of the evidence: a link on screen and paper, a text in the workbook
    for rule in rules:
        assert bare(rule.evidence_url) in text


def test_an_exclusion_that_is_not_printed_would_be_seen(tmp_path):
    rule = next(r for r in RULES if len(r.excluded) > 2)
    line = action_of(rule)
    dropped = replace(line, not_for=line.not_for[1:])
    for name, text in faces((dropped,), tmp_path):
        assert [t for t in must_be_read(line, rule) if bare(t) not in text] == [rule.excluded[0]], name


def test_the_evidence_is_a_link_on_screen_and_in_the_pdf():
    line = replace(action("A line"), evidence="A trial", evidence_url="https://example.org/a/b?c=1")
    page = HTML.practice(replace(practice("A surgery"), actions=(line,)))
    assert '<a href="https://example.org/a/b?c=1">example.org</a>' in page.html
    pdf = pypdf.PdfReader(io.BytesIO(TYPESETTER.pdf(page.paper, is_synthetic=False)))
    links = [a.get_object()["/A"]["/URI"] for sheet in pdf.pages for a in sheet.get("/Annots", [])]
    assert links == ["https://example.org/a/b?c=1"]


def test_what_is_no_web_address_is_text_and_no_link():
    line = replace(action("A line"), evidence_url="javascript:alert(1)")
    text = HTML.practice(replace(practice("A surgery"), actions=(line,))).html
    assert 'href="javascript' not in text
    assert "javascript:alert(1)" in text


# letters on paper

TEXTS = st.sampled_from(["spacer users", "cannot make a quick deep breath in", "aged under 18", "lactose", "x", "COPD"])
LISTS = st.lists(st.lists(TEXTS, unique=True, max_size=6), min_size=1, max_size=5)


@given(LISTS, LISTS)
def test_letters_lose_nothing_and_give_no_line_what_is_not_its_own(exclusions, checks):
    pairs = list(zip(exclusions, checks, strict=False))
    lines = [replace(action(str(at)), not_for=tuple(n), checks=tuple(c)) for at, (n, c) in enumerate(pairs)]
    blocks, letters = blocks_of(lines, ACTIONS)
    stands_for = {letter: texts.rstrip(".").split("; ") for letter, texts in (line.split(": ", 1) for line in letters)}
    for line, block in zip(lines, blocks, strict=True):
        told = {f.label: f for f in block.facts}
        for label, own in (("Not for", line.not_for), ("Check", line.checks)):
            assert told[label].text == ("; ".join(own) or "not stated")
            printed = [] if not own else told[label].on_paper.split("; ")
            opened = [text for part in printed for text in opened_part(part, stands_for)]
            assert sorted(opened) == sorted(own)


def opened_part(part: str, stands_for: dict[str, list[str]]) -> list[str]:
    named = part.split(", ")
    return [text for letter in named for text in stands_for[letter]] if set(named) <= stands_for.keys() else [part]


def test_what_two_lines_share_is_printed_once():
    long = "cannot make a quick deep breath in (frail, muscle weakness, cognitive impairment)"
    lines = [replace(action(n), not_for=(long, n), checks=()) for n in ("one", "two")]
    page = HTML.practice(replace(practice("A surgery"), actions=tuple(lines)))
    pdf = pypdf.PdfReader(io.BytesIO(TYPESETTER.pdf(page.paper, is_synthetic=False)))
    text = bare("".join(sheet.extract_text() for sheet in pdf.pages))
    assert text.count(bare(long)) == 1
    assert "Notfor:A;one" in text


# how many lines a sheet holds


def test_two_sheets_hold_as_many_whole_lines_as_fit_and_say_how_many_more():
    rules = [r for r in RULES if len(r.excluded) > 4][:5]
    lines = tuple(replace(action_of(r), caveats="A sentence of caution that is rather long. " * 45) for r in rules)
    page = HTML.practice(replace(practice("A surgery"), actions=lines))
    made = TYPESETTER.pdf(page.paper, is_synthetic=False, sheets=2, shorter=page.shorter)
    text = bare("".join(sheet.extract_text() for sheet in pypdf.PdfReader(io.BytesIO(made)).pages))
    shown = [rule for rule, line in zip(rules, lines, strict=True) if bare(line.title) in text]
    assert 3 <= len(shown) < 5
    assert bare(f"{5 - len(shown)} more in the workbook") in text
    for rule in shown:
        assert [t for t in rule.excluded if bare(t) not in text] == []
    assert bare("more in the workbook") not in bare(
        "".join(
            s.extract_text() for s in pypdf.PdfReader(io.BytesIO(TYPESETTER.pdf(page.paper, is_synthetic=False))).pages
        )
    )


# words


def test_the_status_of_a_line():
    draft = replace(action("x"), is_draft=True, why_draft="the rule changed since it was signed")
    assert status_of(draft, ACTIONS) == "Draft: the rule changed since it was signed"
    signed = replace(
        draft, is_draft=False, signed_by="Area committee", signed_on=date(2026, 1, 5), review_by=date(2027, 1, 5)
    )
    assert status_of(signed, ACTIONS) == "Signed by Area committee on 5 January 2026, review due 5 January 2027"


def test_what_is_not_known_is_said():
    line = replace(
        action("x"), dose_from=None, dose_to=None, dose_words=None, licence=None, not_for=(), checks=(),
        month_price_from_gbp=None, month_price_to_gbp=None, gbp_per_tonne=None,
    )  # fmt: skip
    block = block_of(line, ACTIONS)
    assert block.dose == "not known"
    assert {f.label: f.text for f in block.facts if f.label != "Evidence"} == {
        "Not for": "not stated", "Check": "not stated", "Licence": "not known",
        "Price": "not known; a tonne CO2e saved: not known",
    }  # fmt: skip
    assert dose_of(replace(line, kind="over-use")) == ""
    assert dose_of(replace(line, dose_to="1 puff twice a day")) == "not known → 1 puff twice a day"


def test_prices_of_a_month_with_their_date_and_pounds_a_tonne():
    line = replace(
        action("x"), month_price_from_gbp=1.5, month_price_to_gbp=3.0, month_price_words="for 30 days",
        month_price_date=date(2026, 1, 1), gbp_per_tonne=209.4,
    )  # fmt: skip
    assert price_of(line, ACTIONS) == "£1.50 → £3.00 for 30 days, prices of January 2026; a tonne CO2e saved: £209 more"
    assert price_of(replace(line, month_price_to_gbp=None), ACTIONS).startswith("£1.50 → not known for 30 days")
    assert price_of(replace(line, kind="over-use", gbp_per_tonne=-2.0), ACTIONS) == "a tonne CO2e saved: £2.00 less"


def test_the_most_that_those_who_attend_could_save_is_bounded_in_words_and_is_no_headline():
    line = replace(
        action("x"), kg_attended=Interval(1, 76543, 3), achievable_share=0.29, achievable_source="one programme."
    )
    assert attended_of(line, ACTIONS) == (
        "76,543 kg at most, if everyone who attends a review changes (29%, one programme)."
    )
    assert attended_of(replace(line, achievable_share=None), ACTIONS) == "No source says what share is achievable."
    text = HTML.practice(replace(practice("A surgery"), actions=(line,))).html
    before, after = text.split("76,543")
    assert '<ol class="actions">' in before  # on no tile and in no first sentence of the page
    assert before.rsplit("<p", 1)[1].startswith(' class="size"')
    assert "kg CO2e less" in before.rsplit("<p", 1)[1]  # what is claimed comes first
    assert after
