"""Lines beside what was, summed to organisations, and who has none."""

from datetime import date

import polars as pl

from prescarbon.model.opportunities.claims import claim_units, sum_volumes
from prescarbon.model.opportunities.lines import find_opportunities, find_quiet, roll_up, total_savings
from prescarbon.model.opportunities.worlds import measure_intervals
from prescarbon.tables.opportunities import OPPORTUNITIES
from tests.model.switch_builders import (
    ALL_TARGETS,
    EASYHALER,
    FOUR,
    MEMBERS,
    SALAMOL,
    VENTOLIN,
    factors,
    footprint,
    formulary,
    kg,
    line,
    lines,
    nearly,
    options,
    practices,
    products,
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
    totals = total_savings(found.lazy(), None).collect()
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


def rolled(rules, rows, members, level, emits=None, **chosen):
    """The lines of practices and those of a level, with the union of each."""
    chose = options(**chosen)
    volumes = sum_volumes(rows, chose).collect().lazy()
    claims = (
        claim_units(rules, volumes, products(), factors() if emits is None else emits, ALL_TARGETS, members, chose)
        .collect()
        .lazy()
    )
    own, above = (members.select("practice_code", organisation_code=c) for c in ("practice_code", level))
    ends = [measure_intervals(claims, groups, chose) for groups in (own, above)]
    practice = find_opportunities(claims, volumes, rules, rows, products(), chose, ends[0]).collect().lazy()
    level_lines = roll_up(practice, members, level, chose, claims, ends[1]).collect()
    return practice.collect(), level_lines, total_savings(level_lines.lazy(), ends[1]).collect()


def test_practices_add_up_to_pcns_and_pcns_to_the_icb():
    rules = [rule(peers={"pool": ["SABA"]}, achievable={"share": 0.3, "source": "s"})]
    found, pcn, _ = rolled(rules, FOUR, MEMBERS, "pcn")
    _, icb, _ = rolled(rules, FOUR, MEMBERS, "icb")
    OPPORTUNITIES.admit(icb.lazy())
    added = [c for c in found.columns if c.startswith(("kg_", "cost_change"))] + ["items", "units"]
    by_practice = found.select(pl.col(added).sum())
    assert by_practice.rows() == pcn.select(pl.col(added).sum()).rows() == icb.select(pl.col(added).sum()).rows()
    assert nearly(line(icb, "X1", "I")["kg_to_peer"], (362.5 + 62.5 + 12.5) * 16)


def test_an_organisation_is_judged_where_one_of_its_practices_is():
    short = MEMBERS.with_columns(months_held=pl.Series([11, 11, 12, 12]))
    found, pcn, _ = rolled([rule()], FOUR, short, "pcn")
    assert line(found, "X1")["gate_reason"] == "11 of 12 months"
    assert line(pcn, "X1", "A")["gate_reason"] == "11 of 12 months"
    assert (line(pcn, "X1", "B")["gate"], line(pcn, "X1", "B")["rank_basis"]) == ("ranked", "theoretical")
    assert line(pcn, "X1", "A")["kg_theoretical"] == kg(500 * 16)


FLUTIFORM = "0302000N0BDAABJ"
TWO = factors(
    f"key | kg_low | kg_co2e | kg_high\n{VENTOLIN} | 26 | 28 | 30\n{FLUTIFORM} | 26 | 28 | 30\n{SALAMOL} | 12 | 12 | 12"
)
# in each of the three worlds one product is heavy where the other is light: together they are always the same
SEESAW = pl.LazyFrame(
    [(VENTOLIN, 0, 26.0), (VENTOLIN, 1, 28.0), (VENTOLIN, 2, 30.0), (FLUTIFORM, 0, 30.0), (FLUTIFORM, 1, 28.0),
     (FLUTIFORM, 2, 26.0), (SALAMOL, 0, 12.0), (SALAMOL, 1, 12.0), (SALAMOL, 2, 12.0)],
    schema=["bnf_code", "draw", "kg"], orient="row",
)  # fmt: skip


def test_a_line_takes_the_percentiles_of_its_own_sums_not_sums_of_percentiles():
    both = rule(from_={"words": "two", "codes": [VENTOLIN, FLUTIFORM]})
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100\nP1 | {FLUTIFORM} | 100")
    got = line(lines([both], rows, draws=SEESAW, kg=TWO), "X1")
    # 100 × (26 + 30 - 24) = 100 × (28 + 28 - 24) = 100 × (30 + 26 - 24): sums of percentiles would give 2,840 to 3,560
    assert [got[f"kg_theoretical{e}"] for e in ("_low", "", "_high")] == [kg(3200)] * 3


def test_organisations_and_unions_take_the_percentiles_of_their_own_sums():
    rules = [rule(), rule(id="X2", family="b", from_={"words": "other", "codes": [FLUTIFORM]})]
    rows = footprint(f"practice_code | bnf_code | devices\nP1 | {VENTOLIN} | 100\nP2 | {FLUTIFORM} | 100")
    found, pcn, union = rolled(rules, rows, practices("P1", "P2", pcn=["A", "A"]), "pcn", emits=TWO, draws=SEESAW)
    # linear 5th and 95th percentile of 1,400, 1,600 and 1,800
    ends = [(kg(1420), kg(1600), kg(1780))] * 2
    columns = ["kg_theoretical_low", "kg_theoretical", "kg_theoretical_high"]
    assert found.sort("rule_id").select(columns).rows() == pcn.sort("rule_id").select(columns).rows() == ends
    assert union.select(c.replace("theoretical", "theoretical_counted") for c in columns).rows() == [(kg(3200),) * 3]


def test_where_nothing_can_be_claimed_there_is_nothing_to_draw():
    spacer = rule(
        id="S1", kind="safety", family="s", dose=None, to={"words": "a spacer", "codes": ["21010230"]},
        from_={"words": "pMDI", "codes": [VENTOLIN]},
    )  # fmt: skip
    got = line(lines([spacer], FOUR, MEMBERS, draws=SEESAW), "S1")
    assert (got["gate"], got["kg_theoretical_low"]) == ("shown", None)
