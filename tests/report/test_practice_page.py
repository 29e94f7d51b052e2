from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from prescarbon.manifest import RunManifest
from prescarbon.model.period import Period
from prescarbon.pack.figures import build_figures
from prescarbon.pipeline.series import Per1000
from prescarbon.reference.definitions import read_reference
from prescarbon.report.faces import charts
from prescarbon.report.faces.html import HtmlPages, IndexRow, Totals
from prescarbon.report.faces.safety import formula_safe, page_name
from prescarbon.report.views import numbers
from prescarbon.report.views.numbers import Interval
from prescarbon.report.views.parts import SignalPoint, nic_words
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
        ("K81001", "total", "other", 9.0, 13.0, 18.0),
        ("K81001", "method", "product", 330.0, 364.0, 388.0),
        ("K81001", "method", "spend", 9.0, 13.0, 18.0),
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


PERIOD = Period.ending(date(2026, 1, 1), 12, [date(2025, 12, 1), date(2026, 1, 1)])


def the_page(name: str = "Test surgery", people: dict | None = None, foot: pl.DataFrame = FOOT):
    practices = {
        "K81001": {"practice_name": name, "setting": "GP practice", "pcn_name": "A PCN", "sub_icb_code": "M1J4Y"}
    }
    (figures,) = build_figures(
        foot, {"0301011R0BEAIAP": HOSTILE}, practices, people or {}, INTERVALS, PERIOD, product_width=4
    )
    return PracticePage(**vars(figures))


def test_headlines_by_hand():
    per_1000 = Per1000(Interval(165, 182, 194), 2000, "mean list of the period")
    page = the_page(people={"K81001": per_1000})
    assert page.inhaler_kg == Interval(330, 364, 388)
    assert page.inhalers == 13  # 12 + 200 doses ÷ 200
    assert page.kg_per_inhaler.central == 364 / 13
    assert (page.kg_per_1000.central, page.list_size) == (182, 2000)
    assert page.period.count == "2 of 12 months"
    assert page.covered_inhaler_items == 11 / 15
    assert page.covered_gbp == pytest.approx((18 + 1.5 + 60) / 119.5)


def test_tiers_add_up_by_device_and_by_spend_and_unknown_is_not_zero():
    page = the_page()
    by_method = {t.method: t.kg.central for t in page.tiers if t.kg}
    assert by_method == {"product": page.inhaler_kg.central, "spend": page.other_kg.central}
    assert sum(t.items for t in page.tiers) == page.items
    (unknown,) = [t for t in page.tiers if t.method == "unknown"]
    assert unknown.kg is None
    assert [s.bnf_code for s in page.without_factor] == ["0302000ZZZZZZZZ"]


def test_kilograms_by_device_and_by_spend_are_never_one_figure():
    text = HTML.practice(the_page()).html
    assert "Other medicines: about 13 kg CO2e (9 to 18 kg). By spend, an order of magnitude" in text
    assert "364 kg CO2e" in text
    assert "377" not in text  # 364 + 13


def test_one_product_by_spend_is_four_times_more_or_less():
    (spot,) = the_page().other_hotspots
    assert spot.kg == Interval(13 / 4, 13, 13 * 4)
    assert '<td class="n">13</td><td class="n">3.20 to 52</td>' in HTML.practice(the_page()).html  # to two figures


def test_pounds_that_are_not_in_the_data_are_words_and_never_nought():
    nowhere = FOOT.with_columns(
        nic_gbp=pl.lit(None, pl.Decimal(18, 2)),
        rows_without_nic=pl.lit(1, pl.Int64),
        **{k: pl.when(pl.col("method") != "spend").then(k) for k in ("kg_low", "kg_co2e", "kg_high")},
    ).with_columns(
        method=pl.when(pl.col("method") == "spend")
        .then(pl.lit("unknown"))
        .otherwise("method")
        .cast(FOOTPRINT.schema["method"])
    )
    (figures,) = build_figures(
        nowhere, {}, {}, {}, INTERVALS.filter(pl.col("key").is_in(["other", "spend"]).not_()), PERIOD, product_width=4
    )
    page = PracticePage(**vars(figures))
    text = HTML.practice(page).html
    assert "£ not in the data net ingredient cost." in text
    assert "not known of all £ carry" in text
    assert "Other medicines: not known. " in text
    assert "50 items whose price is not known are left out." in text
    assert (page.other_kg, page.nic_gbp, page.covered_gbp, page.other_items_unknown) == (None, None, None, 50)
    assert "£0" not in text
    assert "None" not in text


def test_a_sum_of_pounds_says_how_many_rows_it_leaves_out():
    part = FOOT.with_columns(
        nic_gbp=pl.when(pl.col("method") != "unknown").then("nic_gbp"),
        rows_without_nic=(pl.col("method") == "unknown").cast(pl.Int64),
    )
    assert (
        "£79.50 net ingredient cost (without 1 rows whose £ are not in the data)"
        in HTML.practice(the_page(foot=part)).html
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "£120.50 in = £119.50 used + £1.00 rejected; £119.50 in this scope"),
        (
            {"rows_without_nic": 2},
            "£120.50 in = £119.50 used + £1.00 rejected; £119.50 in this scope without 2 rows whose £ are not in the data",
        ),
        (
            {"rows_without_nic": 4, "nic_gbp_in_scope": None},
            "£120.50 in = £119.50 used + £1.00 rejected; £ not in the data in this scope",
        ),
        (
            {"nic_gbp_in": None, "nic_gbp_used": None, "nic_gbp_rejected": None, "nic_gbp_in_scope": None},
            "£ not in the data",
        ),
    ],
)
def test_pounds_in_and_used_are_said_or_not_in_the_data(changes, said):
    manifest = replace(MANIFEST, **changes)
    assert nic_words(manifest) == said
    assert f"<dt>Net ingredient cost</dt><dd>{said}</dd>" in HtmlPages(manifest, WORDS).practice(the_page()).html


def test_the_base_period_stands_on_the_page():
    manifest = replace(MANIFEST, price_base={"words": "Prices of April 2024 to March 2025."})
    said = "<dt>Constant prices</dt><dd>Prices of April 2024 to March 2025</dd>"
    assert said in HtmlPages(manifest, WORDS).practice(the_page()).html


def test_a_corrected_quantity_is_shown_before_and_after():
    (correction,) = the_page().corrections
    assert (correction.claimed, correction.counted, correction.reads_as) == (Decimal(200), 1.0, "doses")


def test_no_list_size_is_said_and_never_guessed():
    page = the_page()
    assert page.kg_per_1000 is None
    assert "Inhalers per 1,000 registered people, 2 of 12 months</span><b>not known" in HTML.practice(page).html


def test_hostile_text_neither_runs_nor_breaks_out():
    text = HTML.practice(the_page(HOSTILE)).html
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert HTML.index([IndexRow(the_page(HOSTILE), "practice/x.html")], TOTALS, {}).count("<script>alert") == 0


TOTALS = Totals(PERIOD, None, None, Decimal(1), 1)


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
    assert (numbers.pounds(None), numbers.pence(None)) == ("£ not in the data", "£ not in the data")


def test_an_order_of_magnitude_has_two_figures():
    assert numbers.rough(Interval(4_575_853.4, 6_783_281.7, 10_250_758.3)) == Interval(4_600_000, 6_800_000, 10_000_000)
    assert numbers.rough(None) is None
