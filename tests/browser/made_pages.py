"""A small page of each type where every text that comes from outside is one given name."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from prescarbon.manifest import RunManifest
from prescarbon.model.period import Period
from prescarbon.report.faces.html import HtmlPages, IndexRow, Page
from prescarbon.report.views.action import Action, Code, HandOver
from prescarbon.report.views.ics import GroupRow, IcsPage
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.pcn import Digest, PcnPage
from prescarbon.report.views.practice import PracticePage
from tests.report.test_practice_page import MANIFEST, TOTALS, WORDS, the_page

SOME_KG = Interval(1, 2, 3)
KPI = {
    "value": 1.0,
    "months_held": 11,
    "low": 0.5,
    "high": 2.0,
    "expected": None,
    "share_of_baseline": None,
    "share_low": None,
    "share_high": None,
    "signal": None,
    "meaning": None,
    "track": "cannot tell",
    "because": "baseline months not held (0 of 12)",
    "status": "measured",
    "unit": "kg CO2e",
}


def manifest(name: str) -> RunManifest:
    return replace(MANIFEST, inputs=tuple({**i, "file_name": name} for i in MANIFEST.inputs), warnings=(name,))


def action(name: str) -> Action:
    return Action(
        rank=1,
        rule_id="rule",
        title=name,
        kind="product switch",
        from_words=name,
        from_products=(name,),
        to_words=name,
        dose_from=name,
        dose_to=name,
        dose_words=name,
        licence=name,
        not_for=(name, "a second exclusion"),
        checks=(name,),
        month_price_from_gbp=1.5,
        month_price_to_gbp=None,
        month_price_words="for 30 days",
        month_price_date=date(2026, 1, 1),
        gbp_per_tonne=-20.0,
        evidence=name,
        evidence_url=name,
        why_draft=name,
        signed_by=name,
        signed_on=date(2026, 1, 1),
        review_by=date(2027, 1, 1),
        items=1,
        units=1.0,
        unit_name="devices",
        basis="if all of it changed",
        kg=SOME_KG,
        kg_all=None,
        kg_attended=None,
        achievable_share=None,
        achievable_source=name,
        cost_change_gbp=Decimal("1.00"),
        price_date=date(2026, 1, 1),
        rank_stability=None,
        caveats=name,
        commitment="a",
        is_draft=True,
        from_codes=name,
        to_codes=name,
        holders=(name, name),
        hand_over=HandOver(name, (Code("from", "0301011R0BEAIAP", name, ()),), "rule.csv"),
    )


def practice(name: str) -> PracticePage:
    page = the_page(name)
    lists = ("inhaler_hotspots", "other_hotspots", "without_factor", "corrections")
    named = {part: tuple(replace(line, name=name) for line in getattr(page, part)) for part in lists}
    return replace(page, pcn_name=name, pcn_code="U00001", actions=(action(name),), notes=(name,), **named)


def pcn(name: str) -> PcnPage:
    return PcnPage(
        pcn_code="U00001",
        pcn_name=name,
        period=Period.ending(date(2026, 1, 1), 12, [date(2026, 1, 1)]),
        practices=(practice(name),),
        addresses=("../practice/x.html",),
        actions=(action(name),),
        drafts_held_back=0,
        change=None,
        signals=(),
        digest=(Digest(name, "more than last year"),),
    )


def ics(name: str) -> IcsPage:
    row = GroupRow("U00001", name, "pcn/x.html", 1, SOME_KG, 1.0, 1.0, None)
    return IcsPage(
        period=Period.ending(date(2026, 1, 1), 12, [date(2026, 1, 1)]),
        inhaler_kg=SOME_KG,
        kg_per_1000=None,
        other_kg=SOME_KG,
        kpis=(KPI | {"title": name, "target_words": name},),
        series=(),
        places=(replace(row, address=None),),
        pcns=(row,),
        actions=(action(name),),
        drafts_held_back=0,
        change=None,
        gases="",
        coverage=(),
        months=(),
    )


def both_forms(kind: str, name: str) -> Page:
    """A page of this kind, for screen and paper."""
    html = HtmlPages(manifest(name), WORDS)
    return {
        "practice": lambda: html.practice(practice(name)),
        "pcn": lambda: html.pcn(pcn(name)),
        "ics": lambda: html.ics(ics(name)),
    }[kind]()


def made(kind: str, folder: Path, name: str) -> Path:
    """The file of a page of this kind."""
    if kind == "index":
        rows = [IndexRow(practice(name), "practice/x.html")]
        text = HtmlPages(manifest(name), WORDS).index(rows, TOTALS, {"U00001": "pcn/x"})
    else:
        text = both_forms(kind, name).html
    file = folder / f"{kind}.html"
    file.write_text(text, "utf-8")
    return file
