"""Gates, their reasons, and the order of the ranked."""

import pytest

from tests.model.switch_builders import EASYHALER, SALAMOL, VENTOLIN, factors, footprint, kg, line, lines, rule


def test_an_alternative_is_not_ranked_beside_the_first_choice():
    second = rule(id="X2", to={"words": "Easyhaler", "codes": [EASYHALER]}, alternative_to="X1")
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100")
    found = lines([rule(), second], rows)
    assert (line(found, "X1")["rank"], line(found, "X2")["rank"]) == (1, None)
    assert line(found, "X2")["gate_reason"] == "an alternative to X1, which is ranked"
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


def test_three_ways_to_rank_and_over_use_first_in_each():
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
