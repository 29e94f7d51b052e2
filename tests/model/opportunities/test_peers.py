"""The excess above the peers' lower quartile."""

from dataclasses import replace

import polars as pl
import pytest

from prescarbon.model.opportunities.peers import measure_excess
from tests.model.switch_builders import (
    EASYHALER,
    FOUR,
    MEMBERS,
    PRODUCTS_TEXT,
    SALAMOL,
    VENTOLIN,
    footprint,
    kg,
    line,
    lines,
    over_use,
    practices,
    products,
    rule,
)


def test_to_peer_is_what_reaching_the_lower_quartile_saves():
    found = lines([rule(peers={"pool": ["SABA"]})], FOUR, MEMBERS)
    # shares of Ventolin 0.8, 0.2, 0.1, 0: the lower quartile is 0.075, so 400 - 37.5 of 500 can go
    assert line(found, "X1")["kg_to_peer"] == kg(362.5 * 16)
    assert line(found, "X1", "P2")["kg_to_peer"] == kg(62.5 * 16)
    assert line(found, "X1", "P3")["kg_to_peer"] == kg(12.5 * 16)
    assert (
        found.filter(pl.col("organisation_code") == "P4").height == 0
    )  # it prescribes none, and is a peer all the same


def test_too_few_peers_make_no_quartile():
    three = FOUR.filter(pl.col("practice_code") != "P4")
    got = line(lines([rule(peers={"pool": ["SABA"]})], three, practices("P1", "P2", "P3")), "X1")
    assert (got["kg_to_peer"], got["rank_basis"], got["rank"]) == (None, "theoretical", 1)


def test_a_nebuliser_is_no_inhaler_of_the_pool():
    neb = "0301011R0AAAXAX"
    more = products(PRODUCTS_TEXT + f"{neb} | Salbutamol nebules | SABA | nebuliser | none\n")
    vials = footprint(
        f"practice_code | bnf_code | devices | items | nic_gbp | total_quantity\nP1 | {neb} | | 9 | 20 | 5000"
    )
    rows = pl.concat([FOUR, vials])
    got = line(lines([rule(peers={"pool": ["SABA"]})], rows, MEMBERS, inhalers=more), "X1")
    assert got["kg_to_peer"] == kg(362.5 * 16)


def test_a_rule_without_a_class_is_compared_within_its_own_sources_and_targets():
    found = lines([rule()], FOUR, MEMBERS)
    # 400, 100, 50 and 0 of 500 each, as if the class had been named
    assert line(found, "X1")["kg_to_peer"] == kg(362.5 * 16)
    other = pl.concat([FOUR, footprint(f"practice_code | bnf_code | devices\nP1 | {EASYHALER} | 500")])
    assert line(lines([rule()], other, MEMBERS), "X1")["kg_to_peer"] == kg(362.5 * 16)  # the DPI is neither


@pytest.mark.parametrize(("fewest", "saved"), [(100, kg(100 * 16)), (99, None)])
def test_a_hundred_units_make_a_peer(fewest, saved):
    rows = footprint(f"""
        practice_code | bnf_code   | devices
        P1            | {VENTOLIN} | 100
        P2            | {SALAMOL}  | {fewest}
        P3            | {SALAMOL}  | 100
        P4            | {VENTOLIN} | 100
    """)
    # shares 1, 0, 0, 1 have their lower quartile at 0; three peers have none
    assert line(lines([rule()], rows, MEMBERS), "X1")["kg_to_peer"] == saved


def test_where_nobody_has_a_preventer_nobody_stands_above():
    rows = footprint(
        "practice_code | bnf_code | devices\n" + "\n".join(f"P{n} | {VENTOLIN} | {n}00" for n in range(1, 5))
    )
    got = line(lines([over_use()], rows, MEMBERS), "T1")
    assert (got["kg_to_peer"], got["gate_reason"]) == (kg(0), "at or below the peers' lower quartile")


def test_a_list_of_nobody_and_a_small_practice_set_no_rate():
    sizes = {"P1": 2500, "P2": 1000, "P3": 1000, "P4": 1000, "P5": 1000, "P6": 0, "P7": 9000}
    relievers = {"P1": 300, "P7": 10} | dict.fromkeys(["P2", "P3", "P4", "P5", "P6"], 100)
    rows = footprint(
        "practice_code | bnf_code | devices\n"
        + "\n".join(f"{p} | {VENTOLIN} | {n}\n{p} | 0302000C0BPABBF | {min(n, 100)}" for p, n in relievers.items())
    )
    per_list = replace(over_use(), is_per_list=True)
    found = lines([per_list], rows, practices(*sizes, patients=list(sizes.values())))
    # rates of 120, 100, 100, 100, 100 a thousand: quartile 100; 300 - 0.1 × 2500. P6 has no list, P7 too few inhalers
    assert line(found, "T1")["kg_to_peer"] == kg(50 * 28)


def test_only_who_prescribes_a_source_has_an_excess():
    claims = pl.LazyFrame(
        {"practice_code": ["P1"], "rule_id": ["X1"], "kind": ["product switch"], "from_code": [VENTOLIN]}
        | {"to_code": [SALAMOL], "units": [400.0], "pool_classes": [["SABA"]], "is_per_list": [False]},
        schema_overrides={"pool_classes": pl.List(pl.String)},
    )
    volumes = FOUR.select("practice_code", "bnf_code", units="devices")
    classes = pl.LazyFrame({"bnf_code": [VENTOLIN, SALAMOL], "drug_class": ["SABA", "SABA"]})
    everybody = MEMBERS.select("practice_code", peer_group=pl.lit("all"), patients=pl.lit(None, pl.Int64))
    # the three that claim nothing are peers with a share of nought
    assert measure_excess(claims, volumes, classes, everybody).collect().rows() == [("P1", "X1", 1.0)]
