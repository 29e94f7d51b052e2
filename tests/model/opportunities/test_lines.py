"""Lines beside what was, summed to organisations, and who has none."""

from datetime import date

import polars as pl

from prescarbon.model.opportunities.lines import find_quiet, roll_up, total_savings
from prescarbon.tables.opportunities import OPPORTUNITIES
from tests.model.switch_builders import (
    EASYHALER,
    FOUR,
    MEMBERS,
    SALAMOL,
    VENTOLIN,
    footprint,
    formulary,
    kg,
    line,
    lines,
    options,
    practices,
    rule,
)


def test_nothing_stands_out_is_said_of_whoever_has_no_ranked_line():
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100\nP2 | {VENTOLIN} | 1")
    found = lines([rule()], rows, practices("P1", "P2", "P3"))
    everyone = pl.LazyFrame({"organisation_code": ["P1", "P2", "P3"]})
    assert find_quiet(found.lazy(), everyone).collect()["organisation_code"].to_list() == ["P2", "P3"]


def test_a_line_names_the_target_found_and_a_total_says_how_many_are_ranked():
    two = f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100\nP1 | {EASYHALER} | 1"
    spacer = rule(
        id="S1", kind="safety", family="s", dose=None, to={"words": "a spacer", "codes": ["21010230"]},
        from_={"words": "pMDI", "codes": [VENTOLIN]},
    )  # fmt: skip
    named = formulary(SALAMOL).with_columns(product_name=pl.lit("Salamol CFC-free"))
    found = lines([rule(), spacer], footprint(two), on_formulary=named)
    assert (line(found, "X1")["to_words"], line(found, "S1")["to_words"]) == ("Salamol CFC-free", "a spacer")
    totals = total_savings(found.lazy()).collect()
    assert totals.select("level", "organisation_code", "lines", "ranked").rows() == [("practice", "P1", 2, 1)]


def test_what_is_left_stands_beside_what_was():
    rows = footprint(f"""
        month      | practice_code | bnf_code   | devices
        2022-04-01 | P1            | {VENTOLIN} | 90
        2022-05-01 | P1            | {VENTOLIN} | 110
        2025-08-01 | P1            | {VENTOLIN} | 30
        2025-09-01 | P1            | {VENTOLIN} | 20
    """)
    started = pl.LazyFrame({"rule_id": ["X1"], "started": [date(2022, 6, 15)]})
    got = line(lines([rule()], rows, campaigns=started, period_start=date(2025, 8, 1)), "X1")
    assert (got["units"], got["units_before"]) == (50.0, 200.0)
    later = pl.LazyFrame({"rule_id": ["X1"], "started": [date(2022, 8, 1)]})  # July 2022 is not loaded
    assert line(lines([rule()], rows, campaigns=later, period_start=date(2025, 8, 1)), "X1")["units_before"] is None


def test_practices_add_up_to_pcns_and_pcns_to_the_icb():
    found = lines([rule(peers={"pool": ["SABA"]}, achievable={"share": 0.3, "source": "s"})], FOUR, MEMBERS).lazy()
    pcn, icb = (roll_up(found, MEMBERS, level, options()).collect() for level in ("pcn", "icb"))
    OPPORTUNITIES.admit(icb.lazy())
    added = [c for c in found.collect_schema().names() if c.startswith(("kg_", "cost_change"))] + ["items", "units"]
    by_practice = found.select(pl.col(added).sum()).collect()
    assert by_practice.rows() == pcn.select(pl.col(added).sum()).rows() == icb.select(pl.col(added).sum()).rows()
    assert line(icb, "X1", "I")["kg_to_peer"] == kg((362.5 + 62.5 + 12.5) * 16)
