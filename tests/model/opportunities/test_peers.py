"""The excess above the peers' lower quartile."""

import polars as pl

from tests.model.switch_builders import (
    FOUR,
    MEMBERS,
    PRODUCTS_TEXT,
    footprint,
    kg,
    line,
    lines,
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
