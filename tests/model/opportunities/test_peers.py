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
    nearly,
    over_use,
    practices,
    products,
    rule,
)


def test_to_peer_is_what_reaching_the_lower_quartile_saves():
    found = lines([rule(peers={"pool": ["SABA"]})], FOUR, MEMBERS)
    # shares of Ventolin 0.8, 0.2, 0.1, 0: the lower quartile is 0.075, so 400 - 37.5 of 500 can go
    assert nearly(line(found, "X1")["kg_to_peer"], 362.5 * 16)
    assert nearly(line(found, "X1", "P2")["kg_to_peer"], 62.5 * 16)
    assert nearly(line(found, "X1", "P3")["kg_to_peer"], 12.5 * 16, within=0.2)
    # it prescribes none, and is a peer all the same
    assert found.filter(pl.col("organisation_code") == "P4").height == 0


def test_the_more_items_the_nearer_the_claim_to_what_was_counted():
    many = FOUR.with_columns(pl.col("devices") * 100, pl.col("items") * 100)
    assert nearly(line(lines([rule()], many, MEMBERS), "X1")["kg_to_peer"], 36250 * 16, within=0.001)
    few = FOUR.with_columns(pl.col("items") // 10)  # the same inhalers, ten an item: fewer decisions, less is known
    assert (
        line(lines([rule()], few, MEMBERS), "X1")["kg_to_peer"]
        < line(lines([rule()], FOUR, MEMBERS), "X1")["kg_to_peer"]
    )


def test_too_few_peers_make_no_quartile():
    three = FOUR.filter(pl.col("practice_code") != "P4")
    got = line(lines([rule(peers={"pool": ["SABA"]})], three, practices("P1", "P2", "P3")), "X1")
    assert (got["kg_to_peer"], got["rank_basis"], got["rank"]) == (None, "theoretical", 1)
    assert got["why_no_claim"] == "too few peers to compare"


def test_a_nebuliser_is_no_inhaler_of_the_pool():
    neb = "0301011R0AAAXAX"
    more = products(PRODUCTS_TEXT + f"{neb} | Salbutamol nebules | SABA | nebuliser | none\n")
    vials = footprint(
        f"practice_code | bnf_code | devices | items | nic_gbp | total_quantity\nP1 | {neb} | | 9 | 20 | 5000"
    )
    rows = pl.concat([FOUR, vials])
    of_class = rule(peers={"pool": ["SABA"]})
    got = line(lines([of_class], rows, MEMBERS, inhalers=more), "X1")
    assert got["kg_to_peer"] == line(lines([of_class], FOUR, MEMBERS), "X1")["kg_to_peer"]


def test_a_rule_without_a_class_is_compared_within_its_own_sources_and_targets():
    found = line(lines([rule()], FOUR, MEMBERS), "X1")
    # 400, 100, 50 and 0 of 500 each, as if the class had been named
    assert found["kg_to_peer"] == line(lines([rule(peers={"pool": ["SABA"]})], FOUR, MEMBERS), "X1")["kg_to_peer"]
    other = pl.concat([FOUR, footprint(f"practice_code | bnf_code | devices\nP1 | {EASYHALER} | 500")])
    assert line(lines([rule()], other, MEMBERS), "X1")["kg_to_peer"] == found["kg_to_peer"]  # the DPI is neither


@pytest.mark.parametrize(("fewest", "is_claimed"), [(100, True), (99, False)])
def test_a_hundred_units_make_a_peer(fewest, is_claimed):
    rows = footprint(f"""
        practice_code | bnf_code   | devices
        P1            | {VENTOLIN} | 100
        P2            | {VENTOLIN} | 60
        P2            | {SALAMOL}  | {fewest - 60}
        P3            | {VENTOLIN} | 60
        P3            | {SALAMOL}  | 40
        P4            | {VENTOLIN} | 100
    """)
    # shares 1, 0.6, 0.6, 1 have their lower quartile at 0.6; three peers have none
    got = line(lines([rule()], rows, MEMBERS), "X1")
    assert nearly(got["kg_to_peer"], 40 * 16, within=0.1) if is_claimed else got["kg_to_peer"] is None


def test_where_nobody_has_a_preventer_nobody_stands_above():
    rows = footprint(
        "practice_code | bnf_code | devices\n" + "\n".join(f"P{n} | {VENTOLIN} | {n}00" for n in range(1, 5))
    )
    got = line(lines([over_use()], rows, MEMBERS), "T1")
    assert (got["kg_to_peer"], got["gate_reason"]) == (kg(0), "practices differ no more than chance allows")


def test_practices_that_differ_no_more_than_chance_allows_claim_nothing():
    rows = footprint("practice_code | bnf_code | devices\n" + "".join(
        f"P{n} | {VENTOLIN} | {count}\nP{n} | {SALAMOL} | {500 - count}\n"
        for n, count in enumerate((110, 104, 96, 90), start=1)  # 100 of 500 each, give or take one standard deviation
    ).rstrip())  # fmt: skip
    found = lines([rule()], rows, MEMBERS)
    assert set(found["kg_to_peer"]) == {kg(0)}
    assert set(found["gate_reason"]) == {"practices differ no more than chance allows"}


def test_a_list_of_nobody_and_a_small_practice_set_no_rate():
    sizes = {"P1": 2500, "P2": 1000, "P3": 1000, "P4": 1000, "P5": 1000, "P6": 0, "P7": 9000}
    relievers = {"P1": 6000, "P7": 10} | dict.fromkeys(["P2", "P3", "P4", "P5", "P6"], 1000)
    rows = footprint(
        "practice_code | bnf_code | devices\n"
        + "\n".join(f"{p} | {VENTOLIN} | {n}\n{p} | 0302000C0BPABBF | {min(n, 1000)}" for p, n in relievers.items())
    )
    per_list = replace(over_use(), is_per_list=True)
    found = lines([per_list], rows, practices(*sizes, patients=list(sizes.values())))
    # rates of 2.4, 1, 1, 1, 1 a person: quartile 1; 6000 - 1 × 2500. P6 has no list, P7 too few inhalers
    assert nearly(line(found, "T1")["kg_to_peer"], 3500 * 28)


def test_a_source_that_most_peers_do_without_is_listed_and_not_claimed():
    rows = footprint(f"""
        practice_code | bnf_code   | devices
        P1            | {VENTOLIN} | 400
        P1            | {SALAMOL}  | 100
        P2            | {VENTOLIN} | 100
        P2            | {SALAMOL}  | 400
        P3            | {SALAMOL}  | 500
        P4            | {SALAMOL}  | 500
    """)
    # half of the four prescribe none: what the best quarter do is nought, and all 400 would be claimed
    got = line(lines([rule(achievable={"share": 0.3, "source": "s"})], rows, MEMBERS), "X1")
    assert (got["kg_to_peer"], got["kg_attended"], got["kg_theoretical"]) == (None, None, kg(400 * 16))
    assert (got["gate"], got["gate_reason"]) == ("listed", "too few peers prescribe it to say what the best quarter do")


def test_a_quartile_that_cannot_be_told_from_nought_claims_nothing():
    counts = {"P1": 60, "P2": 2, "P3": 1, "P4": 1, "P5": 0}
    rows = footprint("practice_code | bnf_code | devices\n" + "\n".join(
        f"{p} | {VENTOLIN} | {n}\n{p} | {SALAMOL} | {500 - n}" for p, n in counts.items()
    ))  # fmt: skip
    got = line(lines([rule()], rows, practices(*counts)), "X1")
    assert got["gate_reason"] == "too few peers prescribe it to say what the best quarter do"


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [("is_gp", False, "not known as a GP practice"), ("is_gp", None, "not known as a GP practice"),
     ("months_held", 11, "11 of 12 months"), ("months_held", None, "0 of 12 months")],
)  # fmt: skip
def test_only_gp_practices_with_twelve_months_are_judged_and_are_peers(column, value, reason):
    rows = pl.concat([FOUR, footprint(f"practice_code | bnf_code | devices\nP5 | {VENTOLIN} | 500")])
    columns = {"is_gp": [True] * 5, "months_held": [12] * 5}
    columns[column][4] = value
    found = lines([rule()], rows, practices("P1", "P2", "P3", "P4", "P5", **columns))
    other = line(found, "X1", "P5")
    assert (other["gate"], other["gate_reason"], other["kg_to_peer"]) == ("listed", reason, None)
    assert other["kg_theoretical"] == kg(500 * 16)  # it keeps its kilograms
    # and the others stand where they stood without it
    assert line(found, "X1")["kg_to_peer"] == line(lines([rule()], FOUR, MEMBERS), "X1")["kg_to_peer"]


def test_a_practice_with_nearest_peers_is_held_against_their_quartile():
    counts = {"P1": 400, "P2": 350, "P3": 300, "P4": 250, "P5": 60, "P6": 50, "P7": 40, "P8": 30}
    rows = footprint("practice_code | bnf_code | devices\n" + "\n".join(
        f"{p} | {VENTOLIN} | {n}\n{p} | {SALAMOL} | {500 - n}" for p, n in counts.items()
    ))  # fmt: skip
    near = pl.LazyFrame(
        {"practice_code": ["P1"] * 4, "peer_code": ["P2", "P3", "P4", "P99"], "rank": [1, 2, 3, 4]}
    )  # P99 is not in this run
    words = [f"nearest of {p}" if p == "P1" else "all" for p in counts]
    found = lines([rule()], rows, practices(*counts, peers_words=words), nearest=near)
    # of 400, 350, 300 and 250 the lower quartile is 287.5; of all eight it is 47.5
    assert nearly(line(found, "X1")["kg_to_peer"], 112.5 * 16)
    assert nearly(line(found, "X1", "P2")["kg_to_peer"], 302.5 * 16)
    assert line(found, "X1")["peers_words"] == "nearest of P1"


def test_only_who_prescribes_a_source_has_an_excess():
    claims = pl.LazyFrame(
        {"practice_code": ["P1"], "rule_id": ["X1"], "kind": ["product switch"], "from_code": [VENTOLIN]}
        | {"to_code": [SALAMOL], "items": [400], "units": [400.0], "pool_classes": [["SABA"]], "is_per_list": [False]},
        schema_overrides={"pool_classes": pl.List(pl.String)},
    )
    volumes = FOUR.select("practice_code", "bnf_code", "items", units="devices")
    classes = pl.LazyFrame({"bnf_code": [VENTOLIN, SALAMOL], "drug_class": ["SABA", "SABA"]})
    nobody = {"patients": pl.Int64, "asthma_people": pl.Float64, "not_judged": pl.String}
    everybody = MEMBERS.select(
        "practice_code", *(pl.lit(None, kind).alias(name) for name, kind in nobody.items()), peer_group=pl.lit("all")
    )
    found = measure_excess(claims, volumes, classes, everybody).collect()
    # the three that claim nothing are peers with a share of nought: the source is rare
    assert found.select("practice_code", "rule_id", "excess_share").rows() == [("P1", "X1", None)]
    assert measure_excess(claims.head(0), volumes, classes, everybody).collect().is_empty()
