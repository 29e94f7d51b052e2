"""Worked cases, one a family of rules: kilograms and pounds by hand, and each inhaler counted once."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from prescarbon.errors import InputError
from prescarbon.model.opportunities.lines import total_savings
from prescarbon.model.opportunities.rules import Signature
from tests.model.switch_builders import (
    EASYHALER,
    FOUR,
    MEMBERS,
    MONTH,
    SALAMOL,
    VENTOLIN,
    factors,
    footprint,
    formulary,
    kg,
    line,
    lines,
    nearly,
    over_use,
    practices,
    rule,
)


def test_a_brand_switch_saves_the_difference_a_device_and_costs_the_difference_in_price():
    rows = footprint(f"""
        practice_code | bnf_code   | devices | items | nic_gbp
        P1            | {VENTOLIN} | 100     | 80    | 150.00
        P1            | {SALAMOL}  | 10      | 9     | 14.60
    """)
    got = line(lines([rule()], rows), "X1")
    assert (got["items"], got["units"], got["to_codes"]) == (80, 100.0, SALAMOL)
    # 100 × (28 - 12); least 100 × (26 - 13); most 100 × (30 - 11)
    assert [got[f"kg_theoretical{end}"] for end in ("_low", "", "_high")] == [kg(1300), kg(1600), kg(1900)]
    # 100 × £1.46 - £150, by the practice's own cost a unit
    assert (got["cost_change_theoretical_gbp"], got["price_basis"], got["price_date"]) == (
        Decimal("-4.00"),
        "own NIC",
        MONTH,
    )
    assert got["target_units"] == 10.0


def test_a_dose_ratio_counts_target_devices_not_source_devices():
    half = rule(
        from_={"words": "Clenil 100", "codes": ["0302000C0BPABBF"]},
        to={"words": "Easyhaler", "codes": ["0302000C0BNAABU"]},
        dose={"ratio": 0.5, "words": "2 x 100 = 1 x 200", "category_from": "low", "category_to": "low"},
    )
    rows = footprint("practice_code | bnf_code | devices | nic_gbp\nP1 | 0302000C0BPABBF | 60 | 445.20")
    got = line(
        lines(
            [half],
            rows,
            on_formulary=formulary("0302000C0BNAABU", pack_price_gbp=Decimal("14.93"), price_date=date(2023, 3, 1)),
        ),
        "X1",
    )
    assert got["kg_theoretical"] == kg(60 * (17 - 0.5 * 0.6))
    # 30 Easyhalers at the dated pack price less what the 60 cost
    assert got["cost_change_theoretical_gbp"] == Decimal("2.70")  # 30 × 14.93 - 445.20
    assert (got["price_basis"], got["price_date"]) == ("pack price", date(2023, 3, 1))


def test_hfa_227ea_to_dpi_at_the_same_dose_category():
    r = rule(
        from_={"words": "Flutiform 125/5", "codes": ["0302000N0BDAABJ"]}, to={"words": "DPI", "codes": ["0302000K0BDABAM"]},
        is_like_for_like=True, dose={"category_from": "moderate", "category_to": "moderate"},
    )  # fmt: skip
    got = line(lines([r], footprint("practice_code | bnf_code | devices\nP1 | 0302000N0BDAABJ | 30")), "X1")
    assert got["kg_theoretical"] == kg(30 * 35)
    assert (got["rank"], got["rank_basis"]) == (1, "theoretical")


def test_over_use_claims_what_stands_above_the_peers_and_nothing_more():
    rows = footprint(f"""
        practice_code | bnf_code        | devices
        P1            | {VENTOLIN}      | 300
        P1            | 0302000C0BPABBF | 100
        P2            | {VENTOLIN}      | 100
        P2            | 0302000C0BPABBF | 100
        P3            | {VENTOLIN}      | 100
        P3            | 0302000C0BPABBF | 100
        P4            | {VENTOLIN}      | 100
        P4            | 0302000C0BPABBF | 100
    """)
    r = over_use(achievable={"share": 0.5, "source": "a trial"})
    found = lines([r], rows, practices("P1", "P2", "P3", "P4"))
    # peers' lower quartile is a half: 100 preventers go with 100 relievers, so 200 of 300 stand above
    got = line(found, "T1")
    assert got["kg_theoretical"] == got["kg_to_peer"]
    assert nearly(got["kg_to_peer"], 200 * 28)
    assert got["kg_attended"] == kg(150 * 28)  # half of 300, which is less than 200
    assert nearly(-got["cost_change_to_peer_gbp"], 200 * 2)  # nothing in their place, in £ at least
    assert got["caveats"].endswith("such as a preventer, has carbon of its own and is not subtracted.")
    # the others stand at the quartile: of their 100 some 7 are left open by counts this small
    assert float(line(found, "T1", "P2")["kg_to_peer"]) < 0.08 * 100 * 28


def test_over_use_counts_the_smaller_excess_where_list_sizes_are_known():
    rows = footprint(f"""
        practice_code | bnf_code        | devices
        P1            | {VENTOLIN}      | 300
        P1            | 0302000C0BPABBF | 100
        P2            | {VENTOLIN}      | 100
        P2            | 0302000C0BPABBF | 100
        P3            | {VENTOLIN}      | 100
        P3            | 0302000C0BPABBF | 100
        P4            | {VENTOLIN}      | 100
        P4            | 0302000C0BPABBF | 100
    """)
    r = over_use()
    per_list = rule(
        id="T2", kind="over-use", family="f", to=None, dose=None, from_={"words": "s", "codes": ["0301011R0"]},
        peers={"pool": ["SABA", "ICS"], "per_list": True},
    )  # fmt: skip
    members = practices("P1", "P2", "P3", "P4", patients=[2500, 1000, 1000, 1000])
    found = lines([r, per_list], rows, members)
    assert nearly(line(found, "T1")["kg_to_peer"], 200 * 28)
    # 100 a thousand is the quartile: 300 - 0.1 × 2500 = 50 stand above by volume; of four practices that is no more
    # than chance allows
    assert (line(found, "T2")["kg_to_peer"], line(found, "T2")["gate_reason"]) == (
        kg(0), "practices differ no more than chance allows",
    )  # fmt: skip
    more = rows.with_columns(pl.col("devices") * 10, pl.col("items") * 10)
    tenfold = lines([r, per_list], more, members.with_columns(pl.col("patients") * 10))
    assert nearly(line(tenfold, "T2")["kg_to_peer"], 500 * 28, within=0.1)
    # people on the asthma register stand before the list where they are known: 100, 100, 100 and 100 a thousand of them
    register = members.with_columns(asthma_people=pl.Series([30000.0, 10000.0, 10000.0, 10000.0]))
    adjusted = line(lines([per_list], more, register), "T2")
    assert (adjusted["kg_to_peer"], adjusted["why_no_claim"]) == (kg(0), "practices differ no more than chance allows")


def test_a_refill_saves_the_body_and_keeps_its_own_pair():
    r = rule(
        kind="refill", family="Respimat", from_={"words": "Respimat", "codes": ["0301020Q0BBACAC"]},
        to={"words": "refill", "pairs": {"0301020Q0BBACAC": "0301020Q0BBADAE"}},
    )  # fmt: skip
    got = line(lines([r], footprint("practice_code | bnf_code | devices\nP1 | 0301020Q0BBACAC | 200")), "X1")
    assert (got["kg_theoretical"], got["to_codes"]) == (kg(200 * 0.45), "0301020Q0BBADAE")


def test_a_saving_that_the_source_states_takes_the_place_of_factors_and_of_draws():
    r = rule(
        kind="refill", family="Respimat", from_={"words": "Respimat", "codes": ["0301020Q0BBACAC"]},
        to={"words": "refill", "pairs": {"0301020Q0BBACAC": "0301020Q0BBADAE"}},
        saving={"kg_low": 0.4, "kg_co2e": 0.5, "kg_high": 0.6, "source": "a life cycle study"},
    )  # fmt: skip
    draws = pl.LazyFrame({"bnf_code": ["0301020Q0BBACAC", "0301020Q0BBADAE"], "draw": [0, 0], "kg": [0.8, 0.7]})
    rows = footprint("practice_code | bnf_code | devices\nP1 | 0301020Q0BBACAC | 200")
    got = line(lines([r], rows), "X1")
    assert [got[f"kg_theoretical{e}"] for e in ("_low", "", "_high")] == [kg(80), kg(100), kg(120)]
    got = line(lines([r], rows, draws=draws), "X1")  # one draw, and it is between the ends that the source states
    assert got["kg_theoretical"] == kg(100)
    assert kg(80) < got["kg_theoretical_low"] < got["kg_theoretical_high"] < kg(120)
    assert got["rank_stability"] == 1.0


def test_pens_to_cartridges_take_the_published_saving_a_pen_and_each_its_own_brand():
    pens = rule(
        kind="device reuse", family="pens", from_={"words": "pens", "codes": ["0601012V0BBAEAD", "0601012V0BDACAD"], "unit": "pens"},
        to={"words": "cartridges", "pairs": {"0601012V0BBAEAD": "0601012V0BBAAAA", "0601012V0BDACAD": "0601012V0BDABAA"}},
        saving={"kg_low": 0.092, "kg_co2e": 0.1, "kg_high": 0.1, "source": "Simpson and Jones 2024"},
    )  # fmt: skip
    rows = footprint("""
        practice_code | bnf_code        | items | devices | total_quantity | nic_gbp
        P1            | 0601012V0BBAEAD | 30    |         | 1000           | 8300.00
        P1            | 0601012V0BDACAD | 5     |         | 50             | 352.80
    """, reads_as="not an inhaler")  # fmt: skip
    got = line(lines([pens], rows, on_formulary=formulary("0601012V0BBAAAA")), "X1")
    # the second brand's cartridge is not on the formulary: its pens are left alone
    assert (got["from_codes"], got["items"], got["units"], got["unit_name"]) == ("0601012V0BBAEAD", 30, 1000.0, "pens")
    assert (got["kg_theoretical_low"], got["kg_theoretical"]) == (kg(92), kg(100))
    assert (got["price_basis"], got["cost_change_theoretical_gbp"]) == ("not known", None)


def test_longer_supplies_count_trips_and_claim_no_kilogram():
    r = rule(
        kind="duration", family="d", to=None, dose=None, duration={"days": 56},
        from_={"words": "amlodipine", "codes": ["0206020A0"], "unit": "units of quantity"},
    )  # fmt: skip
    rows = footprint(
        "practice_code | bnf_code | items | devices | total_quantity\nP1 | 0206020A0AAAAAA | 100 | | 2800", nic_gbp=None
    )
    got = line(lines([r], rows.with_columns(nic_gbp=pl.lit("40").cast(pl.Decimal(18, 2)))), "X1")
    assert got["supplies_avoided"] == 50.0  # 2,800 tablets are 50 supplies of 56 days, there were 100
    assert (got["kg_theoretical"], got["gate"], got["rank"]) == (None, "shown", None)
    short = line(lines([r], rows.with_columns(items=pl.lit(60, pl.Int64))), "X1")  # 60 supplies, 50 would do
    assert (short["gate"], short["gate_reason"]) == ("listed", "supplies are already about that long")


@pytest.mark.parametrize("kind", ["form", "safety"])
def test_form_and_safety_lines_count_and_claim_nothing(kind):
    r = rule(kind=kind, family="s", dose=None, to={"words": "a spacer", "codes": ["21010230"]}, from_={"words": "pMDI", "codes": ["0301011R0"], "device_type": ["pMDI"]})  # fmt: skip
    rows = footprint(f"""
        practice_code | bnf_code    | devices
        P1            | {VENTOLIN}  | 90
        P1            | {EASYHALER} | 40
        P1            | 21010230115 | 7
    """)
    got = line(lines([r], rows), "X1")
    assert (got["units"], got["target_units"]) == (90.0, 7.0)  # the DPI needs no spacer
    assert (got["kg_theoretical"], got["gate"], got["gate_reason"]) == (None, "shown", "makes no carbon claim")


def test_low_value_saves_its_own_footprint_by_spend():
    r = rule(kind="low value", family="lv", to=None, dose=None, from_={"words": "co-proxamol", "codes": ["0407010Q0"]})
    rows = footprint(
        "practice_code | bnf_code | items | devices | total_quantity | nic_gbp | kg_low | kg_co2e | kg_high\n"
        "P1 | 0407010Q0AAAAAA | 30 | | 3000 | 900.00 | 190 | 200 | 260",
        method="spend",
    )
    got = line(lines([r], rows), "X1")
    assert [got[f"kg_theoretical{e}"] for e in ("_low", "", "_high")] == [kg(190), kg(200), kg(260)]
    assert (got["cost_change_theoretical_gbp"], got["price_basis"]) == (Decimal("-900.00"), "none needed")


def test_no_source_for_the_achievable_share_means_no_bound_for_those_who_attend():
    got = line(lines([rule()], FOUR, MEMBERS), "X1")
    assert (got["achievable_share"], got["kg_attended"], got["kg_attended_counted"]) == (None, None, None)


def test_a_share_agreed_locally_takes_the_place_of_the_rules():
    r = rule(achievable={"share": 0.1, "source": "a trial"})
    assert line(lines([r], FOUR, MEMBERS), "X1")["kg_attended"] == kg(40 * 16)
    got = line(lines([r], FOUR, MEMBERS, achievable_shares={"X1": 0.25}), "X1")
    assert (got["kg_attended"], got["achievable_share"]) == (kg(100 * 16), 0.25)
    assert line(lines([r], FOUR, MEMBERS, achievable_shares={"X1": 0}), "X1")["kg_attended"] == kg(0)
    whole = line(lines([r], FOUR, MEMBERS, achievable_shares={"X1": 1}), "X1")
    assert whole["kg_attended"] == whole["kg_to_peer"] < kg(400 * 16)  # no more than the peers reach
    with pytest.raises(InputError, match=r"X1 = -0\.1"):
        lines([r], FOUR, MEMBERS, achievable_shares={"X1": -0.1})
    with pytest.raises(InputError, match="X1 = 25"):
        lines([r], FOUR, MEMBERS, achievable_shares={"X1": 25})


def test_an_excess_that_no_peer_shows_leaves_the_saving_of_those_who_attend_unknown_too():
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 300\nP1 | 0302000C0BPABBF | 100")
    got = line(lines([over_use(achievable={"share": 0.5, "source": "a trial"})], rows), "T1")
    assert (got["kg_theoretical"], got["kg_attended"], got["kg_to_peer"]) == (None, None, None)


@pytest.mark.parametrize(("devices", "nic"), [("0", "14.60"), ("10", "")])
def test_a_target_without_units_or_without_a_cost_gives_no_price(devices, nic):
    rows = footprint(f"""
        practice_code | bnf_code   | devices   | items | nic_gbp
        P1            | {VENTOLIN} | 100       | 80    | 150.00
        P1            | {SALAMOL}  | {devices} | 9     | {nic}
    """)
    got = line(lines([rule()], rows), "X1")
    assert (got["price_basis"], got["price_date"], got["cost_change_theoretical_gbp"]) == ("not known", None, None)


def test_a_saving_whose_least_is_nothing_is_told_and_not_counted():
    even = factors(f"key | kg_low | kg_co2e | kg_high\n{VENTOLIN} | 13 | 28 | 30\n{SALAMOL} | 11 | 12 | 13")
    got = line(lines([rule()], footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100"), kg=even), "X1")
    assert (got["kg_theoretical_low"], got["kg_theoretical"], got["kg_theoretical_counted"]) == (kg(0), kg(1600), kg(0))
    assert (got["is_sign_stable"], got["gate_reason"]) == (False, "may save nothing over the range of the factors")


def test_rules_on_the_same_inhaler_share_it_out_and_over_use_comes_first():
    rows = footprint(f"""
        practice_code | bnf_code        | devices
        P1            | {VENTOLIN}      | 300
        P1            | 0302000C0BPABBF | 100
        P2            | {VENTOLIN}      | 100
        P2            | 0302000C0BPABBF | 100
        P3            | {VENTOLIN}      | 100
        P3            | 0302000C0BPABBF | 100
        P4            | {VENTOLIN}      | 100
        P4            | 0302000C0BPABBF | 100
    """)
    switch = rule()
    dpi = rule(id="X2", order=22, to={"words": "Easyhaler", "codes": [EASYHALER]})
    found = lines([over_use(), switch, dpi], rows, practices("P1", "P2", "P3", "P4"))
    # some 200 needless inhalers save all 28 kg; the others go to the DPI (27.4 kg), which leaves the brand switch none
    counted = line(found, "T1")["kg_theoretical_counted"]
    assert nearly(counted, 200 * 28)
    of_dpi = (300 - float(counted) / 28) * 27.4
    assert float(line(found, "X2")["kg_theoretical_counted"]) == pytest.approx(of_dpi)
    assert line(found, "X1")["kg_theoretical_counted"] == kg(0)
    assert line(found, "X1")["kg_theoretical"] == kg(300 * 16)  # alone it would save this
    totals = total_savings(found.lazy(), None).collect()
    union = totals.row(by_predicate=pl.col("organisation_code") == "P1", named=True)["kg_theoretical_counted"]
    assert float(union) == pytest.approx(float(counted) + of_dpi)


def test_alternatives_of_one_family_move_the_same_people_only_once():
    share = {"share": 0.3, "source": "one programme"}
    rules = [
        rule(achievable=share),
        rule(id="X2", to={"words": "Easyhaler", "codes": [EASYHALER]}, achievable=share),
    ]
    found = lines(rules, footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100"))
    assert line(found, "X2")["kg_attended_counted"] == kg(30 * 27.4)
    assert line(found, "X1")["kg_attended_counted"] == kg(0)


def test_a_product_without_a_factor_is_unknown_and_never_zero():
    none = factors(f"key | kg_low | kg_co2e | kg_high\n{SALAMOL} | 11 | 12 | 13")
    got = line(lines([rule()], footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100"), kg=none), "X1")
    assert (got["kg_theoretical"], got["units_without_kg"], got["gate_reason"]) == (
        None,
        100.0,
        "saving not known: no factor",
    )


def test_draft_and_off_rules_show_only_when_asked():
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100")
    assert line(lines([rule()], rows), "X1")["is_draft"]
    assert lines([rule()], rows, include_drafts=False).height == 0
    by = Signature(
        "prescribing committee", date(2024, 1, 5), date(2099, 1, 5), "pharmacist", "respiratory lead", "12/24"
    )
    signed = replace(rule(), signature=by)
    assert not line(lines([signed], rows, include_drafts=False), "X1")["is_draft"]
    assert lines([rule(is_on=False, off_because="too dear")], rows).height == 0
    assert lines([rule(is_on=False, off_because="too dear")], rows, include_off=True).height == 1
