"""What a line of the table carries beside kg and £: names, exclusions, prices of a month, £ a tonne, standing."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings

from prescarbon.model.opportunities.lines import total_savings
from prescarbon.model.opportunities.month_prices import month_prices
from prescarbon.model.opportunities.pairs import hand_over
from prescarbon.model.opportunities.rules import Signature
from tests.frames import frame
from tests.model.opportunities.test_counted_once import FIVE, ROUNDING, drawn, pack, shares, world
from tests.model.switch_builders import (
    FOUR,
    MEMBERS,
    MONTH,
    SALAMOL,
    VENTOLIN,
    footprint,
    line,
    lines,
    over_use,
    products,
    rule,
)

ROWS = footprint(f"""
    practice_code | bnf_code   | devices | items | nic_gbp
    P1            | {VENTOLIN} | 100     | 80    | 150.00
    P1            | {SALAMOL}  | 10      | 9     | 14.60
""")


def test_a_line_carries_whom_it_is_not_for_what_to_check_and_what_it_rests_on():
    safe = rule(
        excluded=["spacer users", "aged under 12"], checks=["technique", "preference"],
        evidence={"words": "A trial says so. Another does not", "url": "https://example.org"},
        dose={"words": "200 x 100 mcg either way"},
    )  # fmt: skip
    got = line(lines([safe], ROWS), "X1")
    assert (got["not_for"], got["checks"]) == ("spacer users; aged under 12", "technique; preference")
    assert got["evidence"] == "A trial says so. Another does not"
    assert (got["evidence_url"], got["dose_words"]) == ("https://example.org", "200 x 100 mcg either way")
    assert (got["from_products"], got["dose_from"], got["licence"]) == ("Ventolin", None, None)


def test_a_line_says_how_its_rule_stands():
    got = line(lines([rule()], ROWS), "X1")
    assert (got["why_draft"], got["signed_by"]) == ("no clinical sign-off yet", None)
    signature = Signature("Area committee", date(2025, 1, 5), date(2026, 1, 5), "pharmacist", "GP", "4.2")
    signed = rule()
    signed = type(signed)(**{**vars(signed), "signature": signature})
    got = line(lines([signed], ROWS), "X1")
    assert (got["why_draft"], got["signed_by"], got["signed_on"]) == (None, "Area committee", date(2025, 1, 5))
    assert got["review_by"] == date(2026, 1, 5)


def test_pounds_a_tonne_are_the_change_in_cost_over_the_tonnes_of_the_basis():
    got = line(lines([rule()], ROWS), "X1")
    assert got["rank_basis"] == "theoretical"
    # £4.00 less for 1,600 kg
    assert got["gbp_per_tonne"] == pytest.approx(-4.00 / 1.6)
    no_price = lines([rule()], footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100"))
    assert line(no_price, "X1")["gbp_per_tonne"] is None


CLAIM = """
    kind           | from_code | units | nic_gbp | price_gbp | price_date | ratio | from_puffs | from_times | to_puffs | to_times | from_doses_per_device | to_doses_per_device
    product switch | A         | 10    | 100     | 12        | 2026-01-01 | 0.5   | 2          | 2          | 1        | 2        | 120                   | 60
    product switch | B         | 10    |         | 12        | 2026-01-01 | 0.5   | 2          | 2          | 1        | 2        | 120                   | 60
    product switch | C         | 10    | 100     | 12        | 2026-01-01 | 0.5   | 2          | 2          | 1        | 2        |                       | 60
    product switch | D         | 10    | 100     | 12        | 2026-01-01 | 0.5   | 2          |            | 1        |          | 200                   | 100
    over-use       | E         | 10    | 100     |           |            |       |            |            |          |          |                       |
"""


def test_what_a_month_of_treatment_costs_by_hand():
    numbers = ("units", "nic_gbp", "price_gbp", "ratio", "from_puffs", "from_times", "to_puffs", "to_times", "from_doses_per_device", "to_doses_per_device")  # fmt: skip
    claims = frame(CLAIM, price_date=pl.Date, **dict.fromkeys(numbers, pl.Float64))
    area = pl.LazyFrame({"from_code": ["B"], "area_source_price": [9.0]})
    got = {r["from_code"]: r for r in month_prices(claims, area, date(2017, 10, 1)).collect().to_dicts()}
    assert max(r["month_price_date"] for r in got.values() if r["month_price_date"]) <= date(
        2026, 1, 1
    )  # the older one
    prices = {c: (r["month_price_from_gbp"], r["month_price_to_gbp"], r["month_price_words"]) for c, r in got.items()}
    assert prices["A"] == (10 * 120 / 120, 12 * 60 / 60, "for 30 days")  # four puffs a day of 120, two of 60
    assert prices["B"] == (9.0, 12.0, "for 30 days")  # the practice's NIC is not known: that of all practices
    assert prices["C"] == (None, 12.0, "for 30 days")  # doses a device not known: no price is made up
    assert prices["D"] == (10.0, 0.5 * 12, "for one device and what replaces it")  # as needed
    assert prices["E"] == (None, None, None)
    assert got["A"]["month_price_date"] == date(2017, 10, 1)  # the older of the two: no old price is dated new


def test_the_price_of_a_line_is_the_mean_over_its_units_and_unknown_where_one_is():
    both = rule(
        from_={"words": "v", "codes": [VENTOLIN, "0302000C0BPABBF"]},
        dose={"category_from": "low", "category_to": "low"},
    )
    rows = footprint(f"""
        practice_code | bnf_code        | devices | nic_gbp
        P1            | {VENTOLIN}      | 100     | 150.00
        P1            | 0302000C0BPABBF | 300     | 2100.00
        P1            | {SALAMOL}       | 10      | 14.60
    """)
    got = line(lines([both], rows), "X1")
    assert got["month_price_from_gbp"] == pytest.approx((100 * 1.5 + 300 * 7) / 400)
    assert got["month_price_to_gbp"] == pytest.approx(1.46)
    assert got["month_price_words"] == "for one device and what replaces it"
    assert got["month_price_date"] == MONTH
    without = footprint(f"practice_code | bnf_code | devices | nic_gbp\nP1 | {VENTOLIN} | 100 |")
    assert line(lines([both], without), "X1")["month_price_from_gbp"] is None


def test_a_share_agreed_locally_is_said_to_be():
    r = rule(achievable={"share": 0.29, "source": "one programme"}, peers={"pool": ["SABA"]})
    assert line(lines([r], FOUR, MEMBERS), "X1")["achievable_source"] == "one programme"
    agreed = lines([r], FOUR, MEMBERS, achievable_shares={"X1": 0.1})
    assert (line(agreed, "X1")["achievable_share"], line(agreed, "X1")["achievable_source"]) == (
        0.1,
        "a share agreed locally",
    )


@settings(max_examples=10, deadline=None)
@given(world, shares)
def test_the_union_of_those_who_attend_is_never_above_that_of_the_peers_or_of_all(rows, share):
    totals = total_savings(lines(pack(share), drawn(rows), FIVE).lazy(), None).collect()
    attended, of_all = (pl.col(f"kg_{s}_counted").fill_null(0) for s in ("attended", "theoretical"))
    assert totals.filter(attended > of_all + ROUNDING).is_empty()
    is_compared = pl.col("kg_to_peer_counted").is_not_null()
    assert totals.filter(is_compared & (attended > pl.col("kg_to_peer_counted") + ROUNDING)).is_empty()


def test_a_pattern_is_opened_to_what_the_rows_print_where_it_is_no_product_of_ours():
    soluble = rule(id="X3", from_={"words": "soluble", "codes": ["0407010F0%AC"]}, to=None, dose=None, kind="form")
    seen = pl.LazyFrame({"bnf_code": ["0407010F0AAACAC", "0407010F0AAADAD"], "product_name": ["Sol Tab", "Tab"]})
    snomed = pl.LazyFrame({"bnf_code": ["0407010F0AAACAC"], "snomed_code": ["322236009"]})
    got = hand_over([soluble], products(), snomed, seen).collect()
    assert got.select("bnf_code", "product_name", "snomed_code").rows() == [("0407010F0AAACAC", "Sol Tab", "322236009")]


def test_a_rule_that_replaces_nothing_has_no_price_of_a_month():
    got = line(lines([over_use()], ROWS), "T1")
    assert (got["month_price_from_gbp"], got["month_price_words"]) == (None, None)
