from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from prescarbon.manifest import RunManifest
from prescarbon.pack.figures import build_figures
from prescarbon.reference.definitions import read_reference
from prescarbon.report.faces import charts
from prescarbon.report.faces.html import HtmlPages, IndexRow, Totals
from prescarbon.report.faces.safety import formula_safe, page_name
from prescarbon.report.views import numbers
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.parts import SignalPoint
from prescarbon.report.views.practice import PracticePage
from prescarbon.tables.prescribing import FOOTPRINT
from tests.frames import rows_of

HOSTILE = '<script>alert(1)</script>=cmd()"\u202e' + "x" * 200

FOOT = (
    rows_of(
        FOOTPRINT,
        """
    month      | practice_code | bnf_code        | reads_as       | items | total_quantity | nic_gbp | devices | kg_low | kg_co2e | kg_high | method  | factor_id
    2025-12-01 | K81001        | 0301011R0BEAIAP | devices        | 10    | 12             | 18.00   | 12      | 300    | 336     | 360     | product | v
    2026-01-01 | K81001        | 0301011R0BEAIAP | doses          | 1     | 200            | 1.50    | 1       | 25     | 28      | 30      | product | v
    2026-01-01 | K81001        | 0302000ZZZZZZZZ | not known      | 4     | 4              | 40.00   |         |        |         |         | unknown |
    2026-01-01 | K81001        | 0212000B0AAABAB | not an inhaler | 50    | 1400           | 60.00   |         | 12     | 13      | 17      | spend   | sic21
    """,
        rows=1,
    )
    .with_columns(series_code="bnf_code")
    .collect()
)
INTERVALS = pl.DataFrame(
    [
        ("K81001", "total", "inhalers", 330.0, 364.0, 388.0),
        ("K81001", "total", "all", 345.0, 377.0, 405.0),
        ("K81001", "method", "product", 330.0, 364.0, 388.0),
        ("K81001", "method", "spend", 12.0, 13.0, 17.0),
        ("K81001", "series", "0301011R0BEAIAP", 330.0, 364.0, 388.0),
        ("K81001", "month", "2025-12-01", 300.0, 336.0, 360.0),
        ("K81001", "month", "2026-01-01", 25.0, 28.0, 30.0),
    ],
    schema=["practice_code", "part", "key", "kg_low", "kg_co2e", "kg_high"],
    orient="row",
)
MANIFEST = RunManifest(
    command="report",
    months=("2025-12", "2026-01"),
    inputs=({"month": "2026-01", "file_name": HOSTILE, "address": None, "hash": "ab" * 32},),
    reference_sha256="cd" * 32,
    factor_set="harmonised",
    gwp_basis="AR6",
    seed=1,
    scope="all",
    rows_in=5,
    rows_used=4,
    rows_rejected=1,
    nic_gbp_in=Decimal("120.50"),
    nic_gbp_used=Decimal("119.50"),
    nic_gbp_rejected=Decimal("1.00"),
    rows_in_scope=4,
    nic_gbp_in_scope=Decimal("119.50"),
    coverage_by_method=(),
    is_synthetic=False,
)


WORDS = read_reference().wording
HTML = HtmlPages(MANIFEST, WORDS)


def the_page(name: str = "Test surgery", sizes: dict | None = None):
    practices = {
        "K81001": {"practice_name": name, "setting": "GP practice", "pcn_name": "A PCN", "sub_icb_code": "M1J4Y"}
    }
    (figures,) = build_figures(FOOT, {"0301011R0BEAIAP": HOSTILE}, practices, sizes or {}, INTERVALS)
    return PracticePage(**vars(figures))


def test_headlines_by_hand():
    page = the_page(sizes={"K81001": (2000, "list size of that month")})
    assert page.inhaler_kg == Interval(330, 364, 388)
    assert page.inhalers == 13  # 12 + 200 doses ÷ 200
    assert page.kg_per_inhaler.central == 364 / 13
    assert page.kg_per_1000.central == 364 / 2
    assert page.covered_inhaler_items == 11 / 15
    assert page.covered_gbp == pytest.approx((18 + 1.5 + 60) / 119.5)


def test_tiers_add_up_to_the_total_and_unknown_is_not_zero():
    page = the_page()
    assert sum(t.kg.central for t in page.tiers if t.kg) == page.total_kg.central
    assert sum(t.items for t in page.tiers) == page.items
    (unknown,) = [t for t in page.tiers if t.method == "unknown"]
    assert unknown.kg is None
    assert [s.bnf_code for s in page.without_factor] == ["0302000ZZZZZZZZ"]


def test_a_corrected_quantity_is_shown_before_and_after():
    (correction,) = the_page().corrections
    assert (correction.claimed, correction.counted, correction.reads_as) == (Decimal(200), 1.0, "doses")


def test_no_list_size_is_said_and_never_guessed():
    page = the_page()
    assert page.kg_per_1000 is None
    assert "Inhalers per 1,000 registered people</span><b>not known" in HTML.practice(page).html


def test_hostile_text_neither_runs_nor_breaks_out():
    text = HTML.practice(the_page(HOSTILE)).html
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert HTML.index([IndexRow(the_page(HOSTILE), "practice/x.html")], TOTALS, {}).count("<script>alert") == 0


TOTALS = Totals((date(2026, 1, 1),), None, None, Decimal(1), 1)


def test_pages_need_no_network_and_come_out_the_same_each_time():
    text = HTML.practice(the_page()).html
    assert text == HTML.practice(the_page()).html
    for outside in ('src="http', 'href="http', "url(http", "@import"):
        assert outside not in text


def test_a_synthetic_run_says_so_on_the_page():
    import dataclasses

    text = (
        dataclasses.replace(HTML, manifest=dataclasses.replace(MANIFEST, is_synthetic=True)).practice(the_page()).html
    )
    assert "SYNTHETIC data" in text
    assert "SYNTHETIC data" not in HTML.practice(the_page()).html


def test_a_chart_is_the_same_bytes_each_time_and_absent_where_it_would_look_like_a_trend():
    points = [
        SignalPoint(date(2025, m, 1), 10.0 + m, 16.0, 8.0, 24.0, "shift" if m > 6 else None, None) for m in range(1, 13)
    ]
    first = charts.signal_chart(points, "kg & <more>")
    assert first == charts.signal_chart(points, "kg & <more>")
    assert first.words == "kg & <more>; newest 22, shift. Table below."
    assert "<more>" not in first.screen.split(">")[0]
    assert charts.signal_chart(points[:5], "kg") is None


@pytest.mark.parametrize("code", ["../../x", "a b", "=cmd()", "-", "K81001/..", "x" * 200, ""])
def test_an_odd_code_never_becomes_a_path(code):
    name = page_name(code)
    assert name.replace("-", "").removesuffix(".html").isalnum()
    assert page_name(code) == name


def test_formulas_are_text_in_tables():
    safe = formula_safe(pl.DataFrame({"a": ["=cmd()", "+1", "-1", "@x", "fine", None], "n": [1, 2, 3, 4, 5, -6]}))
    assert safe["a"].to_list() == ["'=cmd()", "'+1", "'-1", "'@x", "fine", None]
    assert safe["n"].to_list()[-1] == -6


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "not known"), (1234.5, "1,234"), (99.94, "99.9"), (3.14159, "3.14"), (12, "12"), (0.0, "0")],
)
def test_numbers_are_written_as_people_read_them(value, text):
    assert numbers.number(value) == text


def test_a_share_is_never_rounded_to_all_or_nothing():
    assert numbers.percent(0.99999) == "over 99.9%"
    assert numbers.percent(0.0001) == "under 0.1%"
    assert (numbers.percent(1.0), numbers.percent(0.5), numbers.percent(None)) == ("100%", "50%", "not known")
    assert numbers.pounds(Decimal("-12.5")) == "-£12.50"
