"""Gates, their reasons, and the order of the ranked."""

import polars as pl
import pytest

from tests.model.switch_builders import (
    EASYHALER,
    FOUR,
    MEMBERS,
    SALAMOL,
    VENTOLIN,
    factors,
    footprint,
    kg,
    line,
    lines,
    over_use,
    practices,
    rule,
)


def test_an_alternative_is_not_ranked_beside_the_first_choice():
    second = rule(id="X2", to={"words": "Easyhaler", "codes": [EASYHALER]}, alternative_to="X1")
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100")
    found = lines([rule(), second], rows)
    assert (line(found, "X1")["rank"], line(found, "X2")["rank"]) == (1, None)
    assert line(found, "X2")["gate_reason"] == "an alternative to “Ventolin Evohaler to Salamol pMDI”, which is ranked"
    # and alone it is ranked
    assert line(lines([second], rows), "X2")["rank"] == 1


@pytest.mark.parametrize(
    ("devices", "items", "reason"),
    [(100, 23, "fewer than 24 items"), (3, 24, "less than 50 kg"), (4, 24, None)],
)
def test_gates_of_24_items_and_50_kg(devices, items, reason):
    rows = footprint(f"practice_code | bnf_code | devices | items\nP1 | {VENTOLIN} | {devices} | {items}")
    got = line(lines([rule()], rows), "X1")  # 3 × 16 = 48 kg, 4 × 16 = 64 kg
    assert (got["gate_reason"], got["gate"]) == (reason, "listed" if reason else "ranked")


def test_a_saving_that_may_be_none_is_neither_ranked_nor_counted():
    wide = factors(f"key | kg_low | kg_co2e | kg_high\n{VENTOLIN} | 10 | 28 | 30\n{SALAMOL} | 11 | 12 | 13")
    got = line(lines([rule()], footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100"), kg=wide), "X1")
    assert (got["kg_theoretical_low"], got["is_sign_stable"]) == (kg(-300), False)
    assert (got["rank"], got["gate_reason"]) == (None, "may save nothing over the range of the factors")
    assert got["kg_theoretical_counted"] == kg(0)


def test_three_ways_to_rank():
    rows = footprint(f"""
        practice_code | bnf_code        | devices | nic_gbp
        P1            | {VENTOLIN}      | 100     | 150
        P1            | {SALAMOL}       | 1       | 9
        P1            | 0302000N0BDAABJ | 100     | 2800
        P1            | 0302000K0BDABAM | 1       | 20
    """)
    brand = rule()
    dpi = rule(
        id="X2", family="227", effort="high", from_={"words": "Flutiform", "codes": ["0302000N0BDAABJ"]},
        to={"words": "DPI", "codes": ["0302000K0BDABAM"]},
    )  # fmt: skip
    order = {by: lines([brand, dpi], rows, rank_by=by)["rule_id"].to_list() for by in ("kg", "gbp_per_kg", "effort")}
    # X2: 3,500 kg and £800 less; X1: 1,600 kg, £750 more, little effort
    assert order == {"kg": ["X2", "X1"], "gbp_per_kg": ["X2", "X1"], "effort": ["X1", "X2"]}


@pytest.mark.parametrize("rank_by", ["kg", "gbp_per_kg", "effort"])
def test_over_use_comes_before_any_switch_however_the_reader_ranks(rank_by):
    others = "".join(
        f"P{n} | {VENTOLIN} | 10000 | 9000\nP{n} | 0302000C0BPABBF | 10000 | 9\nP{n} | 0302000N0BDAABJ | 5500 | 90000\n"
        f"P{n} | 0302000K0BDABAM | 5500 | 4950\n"
        for n in (2, 3, 4)
    )
    rows = footprint(f"""
        practice_code | bnf_code        | devices | nic_gbp
        P1            | {VENTOLIN}      | 11000   | 9000
        P1            | 0302000C0BPABBF | 10000   | 9
        P1            | 0302000N0BDAABJ | 11000   | 900000
{others}""")
    dpi = rule(
        id="X2", family="227", effort="low", from_={"words": "Flutiform", "codes": ["0302000N0BDAABJ"]},
        to={"words": "DPI", "codes": ["0302000K0BDABAM"]},
    )  # fmt: skip
    found = lines([over_use(effort="high"), dpi], rows, practices("P1", "P2", "P3", "P4"), rank_by=rank_by)
    mine = found.filter(pl.col("organisation_code") == "P1", pl.col("gate") == "ranked")
    assert mine["rule_id"].to_list() == ["T1", "X2"]
    # although the switch saves more, saves money with every kilogram, and is less effort
    assert mine["kg_to_peer"][0] < mine["kg_to_peer"][1]


def test_just_fifty_kilograms_are_ranked():
    light = factors(f"key | kg_low | kg_co2e | kg_high\n{VENTOLIN} | 24 | 24.5 | 25\n{SALAMOL} | 11 | 12 | 13")
    rows = footprint(f"practice_code | bnf_code | devices | items\nP1 | {VENTOLIN} | 4 | 24")
    got = line(lines([rule()], rows, kg=light), "X1")
    assert (got["kg_theoretical"], got["gate"]) == (kg(50), "ranked")


def test_a_switch_that_saves_nothing_says_so_and_not_that_the_peers_are_no_better():
    alike = factors(f"key | kg_low | kg_co2e | kg_high\n{VENTOLIN} | 12 | 12 | 12\n{SALAMOL} | 12 | 12 | 12")
    got = line(lines([rule()], FOUR, MEMBERS, kg=alike), "X1")
    assert (got["kg_to_peer"], got["gate_reason"]) == (kg(0), "may save nothing over the range of the factors")


@pytest.mark.parametrize(("items", "gate"), [(24, "shown"), (23, "listed")])
def test_what_claims_no_carbon_is_shown_from_24_items(items, gate):
    spacer = rule(
        id="S1", kind="safety", family="s", dose=None, to={"words": "a spacer", "codes": ["21010230"]},
        from_={"words": "pMDI", "codes": [VENTOLIN]},
    )  # fmt: skip
    rows = footprint(f"practice_code | bnf_code | devices | items\nP1 | {VENTOLIN} | 90 | {items}")
    assert line(lines([spacer], rows), "S1")["gate"] == gate


@pytest.mark.parametrize(("tablets", "gate"), [(4256, "shown"), (4257, "listed")])
def test_longer_supplies_are_shown_from_24_avoided(tablets, gate):
    longer = rule(
        kind="duration", family="d", to=None, dose=None, duration={"days": 56},
        from_={"words": "amlodipine", "codes": ["0206020A0"], "unit": "units of quantity"},
    )  # fmt: skip
    rows = footprint(
        "practice_code | bnf_code | items | devices | total_quantity | nic_gbp\n"
        f"P1 | 0206020A0AAAAAA | 100 | | {tablets} | 40.00"
    )
    assert line(lines([longer], rows), "X1")["gate"] == gate  # 4,256 are 76 supplies of 56 days, there were 100
