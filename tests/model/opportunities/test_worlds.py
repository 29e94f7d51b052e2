"""Count noise and factor noise drawn together: what a line's interval holds, and what moves no draw."""

import numpy as np
import polars as pl
import pytest

from prescarbon.model.opportunities import worlds
from prescarbon.model.opportunities.claims import claim_units, sum_volumes
from prescarbon.model.opportunities.draws import tabulate_draws
from prescarbon.model.opportunities.lines import total_savings
from prescarbon.model.opportunities.worlds import draw_excess, measure_intervals
from prescarbon.tables.products import ERROR_PARTS
from tests.model.switch_builders import (
    ALL_TARGETS,
    FOUR,
    MEMBERS,
    MONTH,
    SALAMOL,
    VENTOLIN,
    factors,
    footprint,
    line,
    lines,
    options,
    over_use,
    practices,
    products,
    rule,
)

FIXED = factors(f"key | kg_low | kg_co2e | kg_high\n{VENTOLIN} | 28 | 28 | 28\n{SALAMOL} | 12 | 12 | 12")
ALONE = ERROR_PARTS.empty()


def drawn(kg=None, draws=400):
    return tabulate_draws(factors() if kg is None else kg, ALONE, month=MONTH, seed=7, draws=draws)


def claims_of(rules, rows, members, chose):
    volumes = sum_volumes(rows, chose).collect().lazy()
    return claim_units(rules, volumes, products(), factors(), ALL_TARGETS, members, chose).collect().lazy()


def test_an_interval_holds_the_noise_of_counts_where_no_factor_moves():
    got = line(lines([rule()], FOUR, MEMBERS, kg=FIXED, draws=drawn(FIXED)), "X1")
    # 400 of 500 are 0.80 ± 0.018: ± 1.645 × 0.018 × 500 × 16 kg = ± 237, and the quartile of four is uncertain too
    assert got["kg_theoretical_low"] == got["kg_theoretical"] == got["kg_theoretical_high"]
    below, above = got["kg_to_peer"] - got["kg_to_peer_low"], got["kg_to_peer_high"] - got["kg_to_peer"]
    assert 200 < below < 1500
    assert 150 < above < 1500


def test_more_items_narrow_the_interval():
    many = FOUR.with_columns(pl.col("devices") * 100, pl.col("items") * 100)
    width = {}
    for name, rows in (("few", FOUR), ("many", many)):
        got = line(lines([rule()], rows, MEMBERS, kg=FIXED, draws=drawn(FIXED)), "X1", "P2")
        width[name] = (got["kg_to_peer_high"] - got["kg_to_peer_low"]) / got["kg_to_peer"]
    assert width["many"] < width["few"] / 4


def test_what_may_be_nothing_beside_the_peers_is_listed():
    counts = {"P1": 130, "P2": 60, "P3": 55, "P4": 32, "P5": 20, "P6": 18}
    rows = footprint("practice_code | bnf_code | devices\n" + "\n".join(
        f"{p} | {VENTOLIN} | {n}\n{p} | {SALAMOL} | {500 - n}" for p, n in counts.items()
    ))  # fmt: skip
    found = lines([rule()], rows, practices(*counts), draws=drawn())
    assert line(found, "X1", "P1")["gate"] == "ranked"
    middle = line(found, "X1", "P4")  # the quartile is at 23 of 500
    assert (middle["kg_to_peer_low"], middle["gate_reason"]) == (0, "cannot be told from the peers' lower quartile")


def test_draws_depend_on_their_key_alone():
    chose = options(draws=drawn())
    own = MEMBERS.select("practice_code", organisation_code="practice_code")
    claims = claims_of([rule()], FOUR, MEMBERS, chose)
    whole = measure_intervals(claims, own, chose).lines.collect().sort("organisation_code")
    turned = measure_intervals(claims.reverse(), own.reverse(), chose).lines.collect().sort("organisation_code")
    one = measure_intervals(claims, own.filter(pl.col("practice_code") == "P2"), chose).lines.collect()
    assert whole.equals(turned)
    assert one.equals(whole.filter(pl.col("organisation_code") == "P2"))
    other = measure_intervals(claims, own, options(draws=drawn(), seed=1)).lines.collect().sort("organisation_code")
    assert not other.equals(whole)


@pytest.mark.parametrize("at_once", [1, 2])
def test_intervals_do_not_depend_on_how_much_is_done_at_once(monkeypatch, at_once):
    rules = [rule(), rule(id="X2", family="f", from_={"words": "s", "codes": [SALAMOL]}, to={"words": "d", "codes": ["0301011R0BWAABZ"]})]  # fmt: skip
    chose = options(draws=drawn())
    groups = MEMBERS.select("practice_code", organisation_code="pcn")
    claims = claims_of(rules, FOUR, MEMBERS, chose)
    before = measure_intervals(claims, groups, chose)
    monkeypatch.setattr(worlds, "LINES_AT_ONCE", at_once)
    monkeypatch.setattr(worlds, "ROWS_AT_ONCE", at_once)
    after = measure_intervals(claims, groups, chose)
    for one, other in ((before.lines, after.lines), (before.totals, after.totals)):
        by = ["organisation_code", *(["rule_id"] if "rule_id" in one.collect_schema().names() else [])]
        assert one.collect().sort(by).equals(other.collect().sort(by))


def test_order_holds_at_the_ends_too():
    rules = [rule(achievable={"share": 0.29, "source": "s"}), over_use(achievable={"share": 0.05, "source": "s"})]
    more = footprint("practice_code | bnf_code | devices\n" + "\n".join(
        f"P{n} | 0302000C0BPABBF | {100 * n}" for n in range(1, 5)
    ))  # fmt: skip
    found = lines(rules, pl.concat([FOUR, more]), MEMBERS, draws=drawn())
    for end in ("_low", "", "_high"):
        attended, to_peer, theoretical = (pl.col(f"kg_{s}{end}") for s in ("attended", "to_peer", "theoretical"))
        assert found.filter((attended > to_peer) | (to_peer > theoretical)).is_empty()
    totals = total_savings(found.lazy(), None).collect()
    assert totals.filter(pl.col("kg_to_peer_counted_low") > pl.col("kg_to_peer_counted")).is_empty()


def test_excess_is_drawn_again_from_what_made_it():
    lines_ = pl.DataFrame({
        "practice_code": ["P1", "P1", "P1", "P1"], "rule_id": ["S", "O", "R", "N"],
        "kind": ["product switch", "over-use", "over-use", "product switch"], "excess_share": [0.5, 0.5, 0.4, None],
        "is_rate": [False, False, True, False], "true_a": [4000.0, 6000.0, 5000.0, None],
        "true_b": [6000.0, 4000.0, 10000.0, None], "quartile": [0.2, 0.4, 0.3, None],
        "quartile_error": [0.0, 0.0, 0.0, None], "exposure_an_item": [2.5, 1 / 0.6, 2.0, None],
    })  # fmt: skip
    found = draw_excess(lines_, seed=3, worlds=4000).mean(axis=1)
    # (0.4 - 0.2) × 2.5; (0.6 - 0.4) ÷ 0.6 ÷ (1 - 0.4); (0.5 - 0.3) × 2; nothing said
    assert np.allclose(found, [0.5, 0.5556, 0.4, 0], atol=2e-3)
